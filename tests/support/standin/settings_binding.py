# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Binding of the process environment to settings, as .NET does it, and what it dies of."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Dict, List, Mapping, Optional

from . import last_words

_GUID = re.compile(
    r"^(?:[0-9a-f]{32}|H|\{H\}|\(H\))$".replace("H", "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), re.I
)
_INTEGER = re.compile(r"^[+-]?\d+$|^(?:0x|&h|#)[0-9a-f]+$", re.I)
_HEXADECIMAL = re.compile(r"^(?:0x|&h|#)", re.I)
_NUMBER = re.compile(r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$", re.I)
_TIMESPAN = re.compile(r"^-?(?:\d+|(?:\d+\.)?\d{1,2}:\d{1,2}(?::\d{1,2}(?:\.\d{1,7})?)?|\d+:\d{1,2}:\d{1,2}:\d{1,2})$")
_INT32_LIMIT = 2**31
ZERO_GUID = "00000000-0000-0000-0000-000000000000"


class FatalSetting(Exception):
    """The server cannot start. ``lines``: what it prints before it dies."""

    def __init__(self, lines: List[str]) -> None:
        super().__init__(lines[0])
        self.lines = lines


class Settings:
    """The bound settings. Names as in the table of known settings, in any case."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def text(self, name: str, default: str = "") -> str:
        """Return the value as it stands, ``default`` where it is not set or empty."""
        return self._values.get(_path(name)) or default

    def raw(self, name: str) -> Optional[str]:
        """Return the value as it stands, also when empty; None where it is not set."""
        return self._values.get(_path(name))

    def boolean(self, name: str) -> bool:
        """Return the value of a boolean setting, False where it is not set."""
        return self.text(name).strip().lower() == "true"

    def guid(self, name: str) -> str:
        """Return the value of a GUID setting, lower case with dashes; all zeros where it is not set."""
        digits = re.sub("[^0-9a-f]", "", self.text(name, ZERO_GUID).lower())
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def bind(environment: Mapping[str, str], program: str, self_hosted: bool) -> Settings:
    """Read the settings of ``program`` (``Api`` or ``Identity``); raise FatalSetting where the real server aborts."""
    values = _configuration(environment)
    for name, kind in known_settings().items():
        pattern = re.compile(re.sub(r"<n>|<name>", "[^:]+", _path(name)))
        for path in values:
            if pattern.fullmatch(path):
                _check(name, kind, values[path], program)
    settings = Settings(values)
    if self_hosted and settings.guid("globalSettings__installation__id") == ZERO_GUID:
        raise FatalSetting(last_words.no_installation(program))
    return settings


def known_settings() -> Dict[str, str]:
    """Return every setting that the server binds: name to type."""
    table: Dict[str, str] = json.loads(Path(__file__).with_name("known_settings.json").read_text(encoding="utf-8"))
    return table


def _path(name: str) -> str:
    return name.replace("__", ":").lower()


def _configuration(environment: Mapping[str, str]) -> Dict[str, str]:
    """Take names without case; which of two case twins wins follows no rule on the real server, so it is drawn here."""
    values: Dict[str, str] = {}
    for name in random.sample(sorted(environment), len(environment)):
        values[_path(name)] = environment[name]
    return values


def _check(name: str, kind: str, value: str, program: str) -> None:
    base = kind.rstrip("?").partition(":")[0]
    if base == "string" or (kind.endswith("?") and not value):
        return
    trimmed = value.strip()
    good = {
        "boolean": trimmed.lower() in ("true", "false"),
        "integer": _is_int32(trimmed),
        "number": bool(_NUMBER.match(trimmed)),
        "guid": bool(_GUID.match(trimmed)),
        "timespan": bool(_TIMESPAN.match(trimmed)),
        "enum": trimmed.lower() in kind.partition(":")[2].strip().lower().split("|") or trimmed.isdigit(),
    }[base]
    if not good:
        raise FatalSetting(last_words.not_converted(name, base, value, program))


def _is_int32(text: str) -> bool:
    """Tell whether it is one; hexadecimal with ``0x``, ``&h`` or ``#`` in front too, as .NET's converter takes it."""
    if not _INTEGER.match(text):
        return False
    hexadecimal = _HEXADECIMAL.match(text)
    number = int(text[hexadecimal.end() :], 16) if hexadecimal else int(text)
    return -_INT32_LIMIT <= number < _INT32_LIMIT
