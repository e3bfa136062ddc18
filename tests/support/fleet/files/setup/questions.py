# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the setup tool asks: the administrator on standard input, and the cloud about the installation id."""

from __future__ import annotations

import json
import os
import re
import sys
import uuid
from pathlib import Path
from typing import Dict, NamedTuple, Optional

_APIS = {"US": "https://api.bitwarden.com", "EU": "https://api.bitwarden.eu"}
_AUTHORITY = Path("/usr/local/share/ca-certificates/fleet.crt")
_NOT_FOUND = 404


class Crash(Exception):
    """An exception that the real tool does not catch."""


class Credentials(NamedTuple):
    """An installation id and key that the cloud of their region knows."""

    identifier: str
    key: str
    region: str


def ask(prompt: str) -> Optional[str]:
    """Ask for a line; None at the end of the input."""
    print(f"(!) {prompt}{' (y/N)' if prompt.endswith('?') else ''}: ", end="", flush=True)
    line = sys.stdin.readline()
    print(flush=True)
    return line.rstrip("\r\n") if line else None


def confirm(prompt: str) -> bool:
    """Ask for a yes. The end of the input is not foreseen."""
    answer = ask(prompt)
    if answer is None:
        raise Crash("System.NullReferenceException: Object reference not set to an instance of an object.")
    return answer.lower().strip() in {"y", "yes"}


def credentials(parameters: Dict[str, str]) -> Optional[Credentials]:
    """Ask for what is not given, and the cloud; None if it refuses, which has been said."""
    identifier = parameters["install-id"] if "install-id" in parameters else _insist("installation id", _WHERE)
    try:
        identifier = str(uuid.UUID(identifier.strip()))
    except ValueError:
        print("Invalid installation id.")
        return None
    key = parameters["install-key"] if "install-key" in parameters else _insist("installation key")
    given = parameters.get("cloud-region")
    # Anything else that is given is taken for the first one.
    region = _ask_region() if given is None else _region(given) or "US"
    return Credentials(identifier, key, region) if _known(identifier, region) else None


_WHERE = " (get at https://bitwarden.com/host)"


def _insist(what: str, where: str = "") -> str:
    """Ask until there is an answer: for ever, at the end of the input."""
    while True:
        answer = ask(f"Enter your {what}{where}")
        if answer:
            return answer
        print(f"(!) Invalid input for {what}. Please try again.", flush=True)


def _ask_region() -> str:
    while True:
        region = _region(ask("Enter your region (US/EU) [US]") or "US")
        if region:
            return region
        print("(!) Invalid input for region. Please try again.", flush=True)


def _region(text: str) -> Optional[str]:
    """Read a name of an enumeration as .NET does: case counts, and its number will do."""
    return {"US": "US", "EU": "EU", "0": "US", "1": "EU"}.get(text.strip())


def _known(identifier: str, region: str) -> bool:
    """Return whether the cloud (or BW_INSTALLATION_URL) has the installation, enabled."""
    import ssl  # noqa: PLC0415
    import urllib.error  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    base = os.environ.get("BW_INSTALLATION_URL") or _APIS[region]
    context = ssl.create_default_context()
    if _AUTHORITY.exists():
        context.load_verify_locations(_AUTHORITY)
    try:
        seconds = float(os.environ.get("STANDIN_CLOUD_TIMEOUT", "100"))
        url = f"{base}/installations/{identifier}"
        with urllib.request.urlopen(url, timeout=seconds, context=context) as response:
            enabled = bool(json.loads(response.read())["enabled"])
    except urllib.error.HTTPError as error:
        kind = "Invalid" if error.code == _NOT_FOUND else "Unable to validate"
        print(f"{kind} installation id for {region} region.")
        return False
    except (OSError, ValueError, KeyError):
        print(f"Unable to validate installation id. Problem contacting Bitwarden {region} server.")
        return False
    if not enabled:
        print(f"Installation id has been disabled in the {region} region.")
    return enabled


def is_domain(text: str) -> bool:
    """Return whether it is a DNS name: no address, no port."""
    label = r"[a-z0-9](?:[a-z0-9_-]{0,62})"
    address = re.fullmatch(r"[0-9]+(?:\.[0-9]+){0,3}", text)
    return address is None and len(text) < 256 and re.fullmatch(rf"{label}(?:\.{label})*\.?", text) is not None
