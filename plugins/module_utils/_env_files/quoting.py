# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Quoting of a value, so that the container gets exactly it, before and after an update of Bitwarden."""

from __future__ import annotations

from typing import List

from .._common.errors import BitwardenError
from .parser import ComposeSyntaxError, parse_statements
from .setup_tool import READ_BY_TOOL, built_in_name, line_after_rewrite, value_read_by_tool


class NotationError(BitwardenError, ValueError):
    """A value that cannot be written. The message gives the reason and never shows the value."""


def write_line(name: str, value: str, comment: str = "") -> str:
    """Return ``name=value`` (without line end) in the plainest notation that all readers read alike.

    Readers are Compose, and Bitwarden's setup tool, which rewrites the file at each update and reads some settings
    itself. Where these cannot agree on such a setting, Compose wins. ``comment`` (with its leading blank) is kept
    after the value. Raises ``NotationError`` for line breaks, NUL and text that is not valid Unicode.
    """
    _refuse_impossible(value)
    lines = [f"{name}={text}{comment}" for text in _notations(name, value)]
    good = [line for line in lines if survives(line, name, value)]
    agreed = [line for line in good if name not in READ_BY_TOOL or value_read_by_tool(line) == value]
    chosen = agreed or good
    if not chosen:
        raise NotationError("no notation preserves this value through an update of Bitwarden")
    return chosen[0]


def survives(line: str, name: str, value: str) -> bool:
    """Tell whether Compose gives ``name`` this value from ``line``, now and after the setup tool rewrote it."""
    rewritten = line_after_rewrite(line)
    return rewritten is not None and _reads(line, name, value) and _reads(rewritten, name, value)


def misread_by_tool(name: str, value: str) -> bool:
    """Tell whether the setup tool would read another value of ``name`` than Compose, however it is written."""
    return name in READ_BY_TOOL and value_read_by_tool(write_line(name, value)) != value


def _refuse_impossible(value: str) -> None:
    if "\n" in value or "\r" in value:
        raise NotationError(
            "it contains a line break, which does not survive an update of Bitwarden "
            "(a value read from a file often ends in one: trim it)"
        )
    if "\0" in value:
        raise NotationError("it contains a NUL character, which no environment variable can hold")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise NotationError("it is not valid Unicode text") from None


def _notations(name: str, value: str) -> List[str]:
    """Return every way of writing the value, the plainest first; not each is right for each value."""
    notations = []
    if not any(risky in value for risky in ("$", " #", "\t#")) and not value.startswith(("#", "'", '"')):
        notations.append(value)
    # The setup tool removes only double quotes, so what it reads itself must not be in single ones.
    if name not in READ_BY_TOOL and "'" not in value:
        notations.append(f"'{value}'")
    escaped = value.replace("\\", "\\\\").replace("$", "\\$")
    if built_in_name(name) == name:
        notations.append('"' + escaped.replace('"', '\\"') + '"')
    # In settings that it does not know the setup tool turns \" into ", so none may stand there: octal instead.
    if value.endswith("\\"):
        escaped = escaped[:-2] + "\\0134"
    notations.append('"' + escaped.replace('"', "\\0042") + '"')
    return notations


def _reads(line: str, name: str, value: str) -> bool:
    try:
        statements = parse_statements(f"{line}\n", {})
    except ComposeSyntaxError:
        return False
    return [(one.name, one.value) for one in statements] == [(name, value)]
