# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets: which names and values hold one, and their masking in texts, results and arguments."""

from __future__ import annotations

import re
from typing import Any, Callable, Container, Dict, Iterable, List, Mapping, Set

from .structures import leaves, map_leaves

MASK = "********"

# Ends of a part of a name that stand for a secret: installation__key, smtp__password, connectionString. A password has
# many names, and is misspelt easily.
_SECRET_NAME = re.compile(
    # A proxy's URL can hold name and password.
    r"(?:key|secret|pass?w(?:o?r)?[dt]|(?<![a-z])passw?|pwd|token|connectionstring|credential|certificatepassword|accesskeyid|sas|hash|pin|dsn"
    r"|(?:https?|all|ftp)_proxy)s?\Z",
    re.IGNORECASE,
)
_SECRET_ANYWHERE = re.compile(r"password|secret|token|credential|connectionstring|apikey|privatekey", re.IGNORECASE)

# .NET repeats the offending value when it aborts: "Failed to convert configuration value 'x' at 'GlobalSettings:…'".
_DOTNET_VALUE = re.compile(r"(?<=configuration value ')(.*)(?=' at ')")
_DOTNET_REPEATED = re.compile(
    r"(?<=Exception: )\S.*?(?= is not a valid value for )|(?<=[Ss]tring ')(?! *was not).*?(?=' was not )"
)

_CREDENTIALS = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")

# A key of an account, an installation or an organization is such a text; names, paths and ids are not.
_RANDOM = re.compile(r"(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{20,}")
_DOCUMENT = re.compile(r"[{\[]|-----BEGIN |.*[\r\n]", re.DOTALL)
_LONGEST_PLAIN = 255  # characters of a path, a name or an address
_LONGEST_BRACKET = 8  # characters of a line that is in every JSON file

# Shorter values ("1", "EU") are in every text, and these words in every result; to mask them would censor it without
# hiding anything, and turn a false "changed" into a text that counts as true.
_SHORTEST = 4
_COMMON_WORDS = ("true", "false", "none", "null")

# Types of options that take more than a single value.
_STRUCTURES = ("dict", "list", "raw")


def looks_secret(key: str) -> bool:
    """Tell whether a setting of this name holds a secret, judged by the name only."""
    parts = [part.strip() for part in re.split(r"__|:", key)]
    return bool(_SECRET_ANYWHERE.search(key)) or any(_SECRET_NAME.search(part) for part in parts if part)


def holds_credentials(value: str) -> bool:
    """Tell whether a value is a URL with a password in it (``https://user:password@proxy``), whatever its name."""
    return bool(_CREDENTIALS.search(value))


def secret_values(sources: Iterable[Mapping[str, str]]) -> Set[str]:
    """Return the values of all names that look secret, and the passwords inside connection strings."""
    found: Set[str] = set()
    for source in sources:
        for name, value in source.items():
            if not value or not (looks_secret(name) or holds_credentials(value)):
                continue
            found.add(value)
            for part in value.split(";"):
                key, separator, inner = part.partition("=")
                if separator and looks_secret(key.strip()):
                    found.add(inner.strip().strip("\"'"))
    return found


def maskable(values: Iterable[str]) -> Set[str]:
    """Return those of ``values`` that can be hidden wherever they occur: four characters or more, no common word."""
    return {value for value in values if len(value) >= _SHORTEST and value.lower() not in _COMMON_WORDS}


def is_document(value: str) -> bool:
    """Tell whether a value is the text of a file (a license, a certificate, a key), where its path was expected."""
    text = value.strip()
    return bool(_DOCUMENT.match(text)) or len(text) > _LONGEST_PLAIN


def resembles_secret(value: str) -> bool:
    """Tell whether a value can be a secret, judged by its form only: for what was given in the wrong option."""
    return is_document(value) or bool(_RANDOM.search(value)) or holds_credentials(value)


def mask_text(text: str, secrets: Iterable[str]) -> str:
    """Replace each secret in ``text``, and each value that .NET says it could not convert, by ``MASK``.

    Secrets that are not ``maskable`` stay. Longer ones are replaced first, so that one inside another leaves no rest.
    """
    hidden = {*secrets, *_DOTNET_VALUE.findall(text)}
    text = _DOTNET_VALUE.sub(MASK, _DOTNET_REPEATED.sub(MASK, text))
    for secret in sorted(maskable(hidden), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def mask_url_credentials(text: str) -> str:
    """Replace user and password in every URL of ``text`` by ``MASK``."""
    return _USER_INFO.sub(MASK, text)


def mask_values(value: Any, secrets: Iterable[str]) -> Any:
    """Return ``value`` with every secret in its texts masked, at any depth."""
    secrets = list(secrets)
    return map_leaves(value, lambda one: mask_text(one, secrets) if isinstance(one, str) else one)


def no_log_values(options: Mapping[str, Any], params: Mapping[str, Any]) -> List[str]:
    """Return the values of the options that an argument specification marks ``no_log``, suboptions included."""
    secrets: List[str] = []
    for name, spec in options.items():
        value = params.get(name)
        if spec.get("no_log") and value:
            # Those of a mapping (headers, a license) one by one, as they are met.
            secrets.extend(_texts(value) if isinstance(value, (Mapping, list)) else (str(value),))
        elif spec.get("options") and isinstance(value, Mapping):
            secrets.extend(no_log_values(spec["options"], value))
    return secrets


def secret_texts(arguments: Mapping[str, Any], options: Mapping[str, Any]) -> Set[str]:
    """Return the texts in a task's arguments that no message may show, as they are and as Python quotes them.

    They are those of secret options, of options that the argument specification ``options`` does not have, those in a
    mapping or list where a single value belongs, and those that resemble a secret, wherever they are.
    """
    found: Set[str] = set()
    for name, value in arguments.items():
        spec = options.get(name, {"no_log": True})
        if spec.get("options") and isinstance(value, Mapping):
            found |= secret_texts(value, spec["options"])
        misplaced = isinstance(value, (Mapping, list, tuple)) and spec.get("type", "str") not in _STRUCTURES
        secret = spec.get("no_log") or misplaced
        found.update(text for text in _texts(value) if secret or resembles_secret(text))
    lines = {line.strip() for text in found for line in text.splitlines() if len(line.strip()) > _LONGEST_BRACKET}
    return lines.union(*({text, text.strip(), repr(text)[1:-1]} for text in found))


def _texts(value: Any) -> Iterable[str]:
    return (one for one in leaves(value) if isinstance(one, str))


def mask_arguments(
    arguments: Mapping[str, Any], known: Container[str], is_secret: Callable[[str], bool]
) -> Dict[str, Any]:
    """Mask a module's arguments for display: those that it does not know, and secret ones, at any depth.

    ``known`` are the module's options; ``is_secret`` judges the keys of mappings.
    """
    return {
        name: _masked(value, name not in known or looks_secret(name), is_secret) for name, value in arguments.items()
    }


def _masked(value: Any, secret: bool, is_secret: Callable[[str], bool]) -> Any:
    if isinstance(value, dict):
        return {key: _masked(one, secret or is_secret(str(key)), is_secret) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(one, secret, is_secret) for one in value]
    return MASK if secret and value is not None else value
