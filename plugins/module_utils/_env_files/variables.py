# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Substitution of ``$NAME`` and ``${NAME…}`` in an env file, as Compose does it (measured against Compose 2.26)."""

from __future__ import annotations

import re
from typing import Callable, Optional

from .._common.errors import BitwardenError

Lookup = Callable[[str], Optional[str]]

# Go's case folding lets these two letters count as "s" and "k".
_NAME = "[_a-zA-Z\u017f\u212a][_a-zA-Z0-9\u017f\u212a]*"
_REFERENCE = re.compile(
    rf"\$(?:(?P<escaped>\$)|(?P<named>{_NAME})|\{{(?:(?P<braced>{_NAME}(?::?[-+?](?:.*))?)\}}|(?P<invalid>)))"
)
_OPERATORS = (":?", "?", ":-", "-", ":+", "+")


class VariableError(BitwardenError):
    """A reference that Compose refuses. The message never shows the text."""


def substitute(text: str, lookup: Lookup) -> str:
    """Replace every reference in ``text``; ``$$`` becomes ``$``, a single ``$`` stays.

    ``lookup`` gives the value of a name, or ``None`` where it is not set (which reads as empty).
    Raises ``VariableError`` on ``${`` without a name and on ``${NAME:?…}`` without a value.
    """
    return _REFERENCE.sub(lambda found: _replace(found.group(0), lookup), text)


def _replace(reference: str, lookup: Lookup) -> str:
    operator = _first_operator(reference)
    end = _closing_brace(reference)
    rest = ""
    if end is not None:
        reference, rest = reference[: end + 1], reference[end + 1 :]
    found = _REFERENCE.search(reference)
    if found is None:
        raise VariableError("a variable reference is malformed")
    if found.group("escaped"):
        return "$"
    if found.group("named"):
        return lookup(found.group("named")) or ""
    braced = found.group("braced")
    if not braced:
        raise VariableError("a variable reference is malformed")
    if operator not in braced:
        return lookup(braced) or ""
    return _apply(operator, braced, lookup) + substitute(rest, lookup)


def _apply(operator: str, braced: str, lookup: Lookup) -> str:
    """Evaluate ``NAME<operator>WORD``."""
    name, word = braced.split(operator, 1)
    word = substitute(word, lookup)
    value = lookup(name)
    filled = value is not None and (value != "" or not operator.startswith(":"))
    if operator.endswith("?"):
        if not filled:
            raise VariableError("a required variable has no value")
        return value or ""
    if operator.endswith("-"):
        return (value or "") if filled else word
    return word if filled else (value or "")


def _first_operator(reference: str) -> str:
    """Return the operator that comes first in the text, which is how Compose picks it."""
    found = [(reference.index(operator), operator) for operator in _OPERATORS if operator in reference]
    return min(found)[1] if found else _OPERATORS[0]


def _closing_brace(text: str) -> Optional[int]:
    """Return where the first brace closes; like Compose, ignore the character after an opening brace."""
    depth = 0
    position = 0
    while position < len(text):
        if text[position] == "}":
            depth -= 1
            if depth == 0:
                return position
        if text[position] == "{":
            depth += 1
            position += 1
        position += 1
    return None
