# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is secret, and how it is hidden. Every text that leaves the collection passes through here."""

from __future__ import annotations

import re
from typing import Iterable, Set

MASK = "********"

# Parts of a name that promise a secret, wherever they stand: installation__key, smtp__password, connectionString.
_SECRET_NAME = re.compile(
    # A proxy's URL can hold name and password.
    r"(?:key|secret|passw(?:or)?d|token|connectionstring|credential|certificatepassword|accesskeyid|sas|hash"
    r"|(?:https?|all|ftp)_proxy)s?\Z",
    re.IGNORECASE,
)
_SECRET_ANYWHERE = re.compile(r"password|secret|token|credential|connectionstring|apikey|privatekey", re.IGNORECASE)

# .NET repeats the offending value in its last words: "Failed to convert configuration value 'x' at 'GlobalSettings:…'".
_DOTNET_VALUE = re.compile(r"(?<=configuration value ')(.*)(?=' at ')")
_DOTNET_REPEATED = re.compile(
    r"(?<=Exception: )\S.*?(?= is not a valid value for )|(?<=[Ss]tring ')(?! *was not).*?(?=' was not )"
)

_CREDENTIALS = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)

# Shorter values ("1", "EU") are in every text, and these words in every result; to mask them would censor it without
# hiding anything, and turn a false "changed" into a text that counts as true.
_SHORTEST = 4
_EVERYDAY = ("true", "false", "none", "null")


def looks_secret(key: str) -> bool:
    """Whether a setting of this name holds a secret, judged by the name alone."""
    parts = [part.strip() for part in re.split(r"__|:", key)]
    return bool(_SECRET_ANYWHERE.search(key)) or any(_SECRET_NAME.search(part) for part in parts if part)


def holds_credentials(value: str) -> bool:
    """Whether a value is an address with a password in it (``https://user:password@proxy``), whatever its name."""
    return bool(_CREDENTIALS.search(value))


def maskable(values: Iterable[str]) -> Set[str]:
    """Those of ``values`` that can be hidden wherever they occur: four characters or more, and no everyday word."""
    return {value for value in values if len(value) >= _SHORTEST and value.lower() not in _EVERYDAY}


def mask_text(text: str, secrets: Iterable[str]) -> str:
    """Replace each secret in ``text``, and whatever value .NET says it could not convert, by ``MASK``.

    Secrets that are not ``maskable`` are left alone, longer ones go first, so that one inside another leaves no rest.
    """
    hidden = {*secrets, *_DOTNET_VALUE.findall(text)}
    text = _DOTNET_VALUE.sub(MASK, _DOTNET_REPEATED.sub(MASK, text))
    for secret in sorted(maskable(hidden), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text
