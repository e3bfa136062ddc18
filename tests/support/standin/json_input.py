# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading request bodies as System.Text.Json and ASP.NET's model binding do, with their error texts."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Mapping, NamedTuple, Tuple

_GUID = re.compile(r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.I)
_SPACE = " \t\r\n"
_INT32_LIMIT = 2**31
EMPTY_GUID = "00000000-0000-0000-0000-000000000000"


class ModelError(Exception):
    """The request does not fit its model. ``errors``: member to messages."""

    def __init__(self, errors: Mapping[str, List[str]]) -> None:
        super().__init__(str(errors))
        self.errors = dict(errors)


class Member(NamedTuple):
    """A member of a model: its type for JSON and for the error text."""

    kind: str  # enum, guid, bool, text, any
    type_name: str = ""


def is_guid(value: Any) -> bool:
    """Tell whether the value is a text in the GUID form with dashes."""
    return isinstance(value, str) and bool(_GUID.match(value))


def read_model(data: bytes, members: Mapping[str, Member], parameter: str = "") -> Dict[str, Any]:
    """Return the fields of a JSON object, by the names given (found without case); those absent are left out.

    ``parameter`` is the name that errors mention as required. Raises ModelError.
    """
    required = {parameter: [f"The {parameter} field is required."]} if parameter else {}
    text = data.decode("utf-8", errors="replace")
    if not text.strip():
        raise ModelError({"": ["A non-empty request body is required."], **required})
    result = {}
    for key, value, end in _object(text, required):
        for name, member in members.items():
            if key.lower() == name.lower():
                if not _fits(member.kind, value):
                    line, column = _position(text, end)
                    raise ModelError(
                        {
                            **required,
                            f"$.{name}": [
                                f"The JSON value could not be converted to {member.type_name}. "
                                f"Path: $.{name} | LineNumber: {line} | BytePositionInLine: {column}."
                            ],
                        }
                    )
                result[name] = value.lower() if member.kind == "guid" else value
    return result


def _object(text: str, required: Mapping[str, List[str]]) -> List[Tuple[str, Any, int]]:
    """Parse the outermost object into its fields: name, value, where the value ends."""
    try:
        whole = json.loads(text)
    except ValueError as error:
        raise ModelError({"$": [_syntax_error(text, error)], **required}) from error
    if not isinstance(whole, dict):
        raise ModelError(
            {
                "$": ["The JSON value could not be converted. Path: $ | LineNumber: 0 | BytePositionInLine: 1."],
                **required,
            }
        )
    decoder = json.JSONDecoder()
    found, at = [], _skip(text, 0) + 1
    while text[_skip(text, at)] != "}":
        key, at = decoder.raw_decode(text, _skip(text, at))
        value, at = decoder.raw_decode(text, _skip(text, _skip(text, at) + 1))
        found.append((key, value, at))
        at = _skip(text, at)
        at += text[at] == ","
    return found


def _syntax_error(text: str, error: ValueError) -> str:
    position = getattr(error, "pos", 0)
    if position >= len(text.rstrip()):
        line, column = _position(text, len(text.rstrip()) - 1)
        return (
            "Expected start of a property name or value, but instead reached end of data. "
            f"Path: $ | LineNumber: {line} | BytePositionInLine: {column}."
        )
    line, column = _position(text, position)
    place = f"Path: $ | LineNumber: {line} | BytePositionInLine: {column}."
    return f"'{text[position]}' is an invalid start of a value. {place}"


def _fits(kind: str, value: Any) -> bool:
    return {
        "enum": isinstance(value, int) and not isinstance(value, bool) and -_INT32_LIMIT <= value < _INT32_LIMIT,
        "guid": is_guid(value),
        "bool": isinstance(value, bool),
        "text": value is None or isinstance(value, str),
        "any": True,
    }[kind]


def _skip(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at


def _position(text: str, at: int) -> Tuple[int, int]:
    line = text.count("\n", 0, at)
    start = text.rfind("\n", 0, at) + 1
    return line, len(text[start:at].encode())
