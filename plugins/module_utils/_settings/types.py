# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Types of settings: which texts .NET accepts for each, and which texts mean the same."""

from __future__ import annotations

import re
import uuid
from typing import Optional
from urllib.parse import urlsplit

_DECIMAL = re.compile(r"[+-]?[0-9]{1,99}\Z")
_HEXADECIMAL = re.compile(r"(?:0x|&h|#)([0-9a-f]{1,16})\Z", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?\Z", re.IGNORECASE)
_DAYS = re.compile(r"-?([0-9]{1,8})\Z")
_TIMESPAN = re.compile(
    r"-?(?:(?P<days>[0-9]{1,8})[.:](?=[0-9]+:[0-9]+))??(?P<hours>[0-9]{1,2}):(?P<minutes>[0-9]{1,2})"
    r"(?::(?P<seconds>[0-9]{1,2})(?:\.[0-9]{1,7})?)?\Z"
)
_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\Z|[0-9a-f]{32}\Z")
_MOST_DAYS = 10675199


def validation_error(kind: str, text: str) -> Optional[str]:
    """Return why .NET rejects ``text`` for a type (it would abort at start), ``None`` if it accepts it.

    ``kind`` is as in ``KNOWN_SETTINGS``: ``string``, ``boolean``, ``integer``, ``long``, ``number``, ``guid``,
    ``timespan``, ``enum: A|B``, each with ``?`` if it may be empty. The reason says what the setting takes and never
    shows the text.
    """
    if kind == "string" or (kind.endswith("?") and text == ""):
        return None
    kind = kind.rstrip("?")
    name, _colon, choices = kind.partition(": ")
    text = text.strip()
    if name == "enum":
        names = choices.split("|")
        return None if text.lower() in [one.lower() for one in names] else f"takes one of {', '.join(names)}"
    accepted, expected = {
        "boolean": (text.lower() in ("true", "false"), "takes true or false"),
        "integer": (_integer(text) is not None, "takes a 32-bit integer"),
        "long": (_integer(text, 64) is not None, "takes a 64-bit integer"),
        "number": (bool(_NUMBER.match(text)), "takes a number"),
        "guid": (_guid(text) not in (None, "0" * 32), "takes a GUID that is not all zeros"),
        "timespan": (_is_timespan(text), "takes a time span such as 00:05:00 or 1.12:00:00"),
    }[name]
    return None if accepted else expected


def meaning(kind: str, text: str) -> str:
    """Return a form that is equal for texts that mean the same to .NET, the text itself if that is unsure."""
    if kind == "string" or validation_error(kind, text) is not None or text == "":
        return text
    kind = kind.rstrip("?")
    if kind in ("integer", "long"):
        return str(_integer(text.strip(), 32 if kind == "integer" else 64))
    if kind == "guid":
        return _guid(text.strip()) or text
    if kind == "boolean" or kind.startswith("enum"):
        return text.strip().lower()
    return text.strip()


def is_true(text: Optional[str]) -> bool:
    """Tell whether .NET reads a boolean setting as true."""
    return (text or "").strip().lower() == "true"


def guid_text(text: Optional[str]) -> Optional[str]:
    """Return a GUID as the server writes it, in lower case with dashes; the text itself if it is not a GUID."""
    digits = _guid((text or "").strip())
    return text if digits is None else str(uuid.UUID(digits))


def url_error(text: str) -> Optional[str]:
    """Return why the server cannot use ``text`` as base URL of a cloud service, ``None`` if it can."""
    if any(character in text for character in "\"'\\") or text != "".join(text.split()):
        return "takes a URL without quotes, backslashes and blanks"
    try:
        parts = urlsplit(text)
        usable = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        return "takes an absolute URL that starts with https:// (or http://)"
    if parts.query or parts.fragment:
        return "takes a URL without query and fragment"
    if parts.path and not parts.path.endswith("/"):
        return "takes a URL with a path only if that ends in a slash (without it the server cuts off its last part)"
    return None


def url_meaning(text: str) -> str:
    """Return a form that is equal for URLs that differ only in the case of scheme and host or an empty path's slash."""
    if url_error(text) is not None:
        return text
    parts = urlsplit(text)
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path or '/'}"


def _integer(text: str, bits: int = 32) -> Optional[int]:
    """Return the number of so many bits that .NET reads, ``None`` for any other text."""
    highest = 2 ** (bits - 1) - 1
    if _DECIMAL.match(text):
        number = int(text)
        return number if -highest - 1 <= number <= highest else None
    hexadecimal = _HEXADECIMAL.match(text)
    if not hexadecimal or len(hexadecimal.group(1)) > bits // 4:
        return None
    number = int(hexadecimal.group(1), 16)
    return number - 2**bits if number > highest else number


def _guid(text: str) -> Optional[str]:
    """Return the 32 digits of a GUID: plain, with dashes, in braces or in parentheses."""
    text = text.lower()
    if text[:1] + text[-1:] in ("{}", "()"):
        text = text[1:-1]
        if "-" not in text:
            return None
    return text.replace("-", "") if _GUID.match(text) else None


def _is_timespan(text: str) -> bool:
    days = _DAYS.match(text)
    if days:
        return int(days.group(1)) <= _MOST_DAYS
    found = _TIMESPAN.match(text)
    if not found:
        return False
    return (
        int(found.group("days") or 0) < _MOST_DAYS
        and int(found.group("hours")) < 24
        and int(found.group("minutes")) < 60
        and int(found.group("seconds") or 0) < 60
    )
