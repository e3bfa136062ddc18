# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parser of env files, as Compose reads them: which names get which values (measured against Compose 2.26)."""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, Match, NamedTuple, Optional, Set, Tuple

from .._common.errors import BitwardenError
from .variables import VariableError, substitute

# Blanks that Compose passes over inside a line, and all that it trims at the end of a value (Go's two notions).
_BLANKS = "\t\v\f\r \x85\xa0"
_SPACES = (
    _BLANKS + "\n\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
_EXPORT = re.compile(r"export[\t\n\f\r ]+")
_ESCAPE = re.compile(r'\\(?:[abcfnrtv$"\\]|0[0-9]{0,3})')
_ESCAPED = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    '"': '"',
    "\\": "\\",
    "$": "$$",
}
_OCTAL = re.compile(r"\\0([0-3][0-7]{2})\Z")


class ComposeSyntaxError(BitwardenError):
    """Compose cannot parse the text, so that no service would start. The message never shows the text."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


class Statement(NamedTuple):
    """One setting as Compose reads it.

    ``value`` is what the container gets; ``None`` for a bare name that nothing sets.
    ``literal`` is false where variables take part, so that ``value`` depends on the environment of the call.
    ``start`` and ``end`` are offsets into the text: first character of the statement, and the one after its value
    (after the closing quote; before the newline or the comment of an unquoted value). ``line`` counts from 1.
    ``quote`` is the quoting character or empty.
    """

    name: str
    value: Optional[str]
    literal: bool
    start: int
    end: int
    line: int
    quote: str


def parse_statements(text: str, environment: Optional[Mapping[str, str]] = None) -> List[Statement]:
    """Parse ``text`` (without byte-order mark) as Compose does.

    ``environment`` holds the variables that Compose would have: those of earlier env files, then of its process.
    Without it, names that the text itself does not define count as not set, and ``${X:?}`` is accepted.
    Raises ``ComposeSyntaxError``.
    """
    return _Reader(text, environment).read()


class _Reader:
    """The state of one pass: the variables defined so far, and those that a value referred to."""

    def __init__(self, text: str, environment: Optional[Mapping[str, str]]) -> None:
        self.text = text
        self.environment = environment
        self.defined: Dict[str, str] = {}
        self.asked: Set[str] = set()

    def read(self) -> List[Statement]:
        statements = []
        position = self._next_statement(0)
        while position < len(self.text):
            statement, position = self._statement(position)
            if statement.value is not None:
                self.defined[statement.name] = statement.value
            statements.append(statement)
            position = self._next_statement(position)
        return statements

    def _next_statement(self, position: int) -> int:
        """Return the position after blanks, line ends and comments."""
        while True:
            position = self._skip(position, _SPACES)
            if not self.text.startswith("#", position):
                return position
            position = self._line_end(position)

    def _statement(self, start: int) -> Tuple[Statement, int]:
        line = self.text.count("\n", 0, start) + 1
        position = start
        export = _EXPORT.match(self.text, start)
        if export:
            # Compose cuts the line ends that the pattern took only as far as its own blanks go.
            position = self._skip(start + len("export"), _BLANKS)
        separator = self._name_end(position, line)
        name = self.text[position:separator].rstrip(_SPACES)
        if " " in name:
            raise ComposeSyntaxError(line, "a name has a blank in it")
        if not name:
            raise ComposeSyntaxError(line, "a value has no name")
        if self.text[separator] == "\n":
            value = self._lookup(name)
            return Statement(name, value, False, start, separator, line, ""), separator + 1
        begin = self._skip(separator + 1, _BLANKS)
        quote = self.text[begin : begin + 1]
        if quote in ("'", '"'):
            return self._quoted(name, start, line, begin)
        return self._unquoted(name, start, line, begin)

    def _name_end(self, position: int, line: int) -> int:
        """Return where the name ends: at ``=``, ``:`` or the end of the line."""
        for index in range(position, len(self.text)):
            character = self.text[index]
            if character in "=:\n":
                return index
            if not (character in _BLANKS or character in "_.-[]" or _letter_or_number(character)):
                raise ComposeSyntaxError(line, "a name has an invalid character")
        # A bare name that the end of the file cuts off is read by Compose as a value without a name.
        raise ComposeSyntaxError(line, "a value has no name")

    def _unquoted(self, name: str, start: int, line: int, begin: int) -> Tuple[Statement, int]:
        stop = self._line_end(begin)
        raw = self.text[begin:stop].split(" #", 1)[0].rstrip(_SPACES)
        value, literal = self._expand(raw, line)
        return Statement(name, value, literal, start, begin + len(raw), line, ""), min(stop + 1, len(self.text))

    def _quoted(self, name: str, start: int, line: int, begin: int) -> Tuple[Statement, int]:
        quote = self.text[begin]
        characters: List[str] = []
        escaped = False
        for index in range(begin + 1, len(self.text)):
            character = self.text[index]
            if character == quote and not escaped:
                value, literal = "".join(characters), True
                if quote == '"':
                    value, literal = self._expand(_ESCAPE.sub(_unescape, value), line)
                return Statement(name, value, literal, start, index + 1, line, quote), index + 1
            if character == "\\" and not escaped:
                escaped = True
                continue
            if escaped and character != quote:
                characters.append("\\")
            escaped = False
            characters.append(character)
        raise ComposeSyntaxError(line, "a quote is not closed")

    def _expand(self, raw: str, line: int) -> Tuple[str, bool]:
        if "$" not in raw:
            return raw, True
        self.asked.clear()
        try:
            return substitute(raw, self._lookup), not self.asked
        except VariableError as error:
            if self.environment is None and str(error) == "a required variable has no value":
                return "", False
            raise ComposeSyntaxError(line, str(error)) from None

    def _lookup(self, name: str) -> Optional[str]:
        self.asked.add(name)
        if self.environment is not None and name in self.environment:
            return self.environment[name]
        return self.defined.get(name)

    def _skip(self, position: int, characters: str) -> int:
        while position < len(self.text) and self.text[position] in characters:
            position += 1
        return position

    def _line_end(self, position: int) -> int:
        end = self.text.find("\n", position)
        return len(self.text) if end < 0 else end


def _letter_or_number(character: str) -> bool:
    # Go's unicode.IsNumber is category N, which is what these three make together.
    return character.isalpha() or character.isdecimal() or character.isdigit() or character.isnumeric()


def _unescape(found: Match[str]) -> str:
    sequence = found.group(0)
    octal = _OCTAL.match(sequence)
    if octal:
        return chr(int(octal.group(1), 8))
    if sequence[1] == "0":
        return "\\" + sequence[2:]
    return _ESCAPED.get(sequence[1:], sequence)
