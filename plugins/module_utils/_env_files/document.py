# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An env file as a document: read as Compose reads it, changed line by line, the rest kept byte for byte."""

from __future__ import annotations

import re
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from .._common.diff import Difference
from .._common.errors import BitwardenError
from .._common.masking import holds_credentials
from .parser import ComposeSyntaxError, Statement, parse_statements
from .quoting import NotationError, survives, write_line
from .setup_tool import READ_BY_TOOL, built_in_name

_BOM = "\ufeff"
# How "surrogateescape" keeps a byte that is not UTF-8.
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
_REST_OF_NAME = re.compile(r"[A-Za-z0-9_.:-]+\Z")


class EnvFileError(BitwardenError):
    """The file cannot be used or changed. The message names file, line or setting, never its text or value."""


def canonical(key: str) -> str:
    """Return the form in which .NET compares names: any case, ``__`` the same as ``:``."""
    return key.replace("__", ":").lower()


class _Line(NamedTuple):
    """A statement with the whole lines that it is on (``end`` before the line end).

    ``effective`` is false where Compose takes the ``:`` for the end of the name, so that no container gets the setting.
    ``shared`` is true where another statement is on the same line.
    """

    statement: Statement
    key: str
    effective: bool
    start: int
    end: int
    shared: bool


class EnvFile:
    """One parsed file, made by :meth:`parse`."""

    def __init__(self, name: str, bom: str, text: str, statements: List[Statement]) -> None:
        self._name = name
        self._bom = bom
        self._text = text
        self._lines = _lines(text, statements)

    @classmethod
    def parse(cls, data: bytes, name: str, environment: Optional[Mapping[str, str]] = None) -> EnvFile:
        """Parse ``data``; ``name`` is for messages.

        ``environment`` holds what ``$NAME`` can refer to besides the file's own lines (see ``parse_statements``).
        Bytes that are not UTF-8, as in a comment in Latin-1, stay as they are; in a value each counts as the character
        that Compose puts in its place. Raises ``EnvFileError`` where Compose could not parse the file.
        """
        text = data.decode("utf-8", "surrogateescape")
        if "\0" in text:
            raise EnvFileError(f"{name}, line {_line_number(text, text.index(chr(0)))}: a NUL character. Remove it.")
        bom = _BOM if text.startswith(_BOM) else ""
        text = text[len(bom) :]
        try:
            statements = parse_statements(text, environment)
        except ComposeSyntaxError as error:
            raise EnvFileError(
                f"{name}, {error}. Docker Compose cannot parse this, so that no service would start. Correct the line."
            ) from None
        return cls(name, bom, text, [one._replace(value=one.value and _as_passed_on(one.value)) for one in statements])

    def get(self, key: str) -> Optional[str]:
        """Return the value that the container gets, ``None`` when it gets none. Of several lines the last counts.

        ``key`` is matched as .NET reads it: any case, ``:`` for ``__``.
        """
        form = canonical(key)
        values = [line.statement.value for line in self._lines if canonical(line.statement.name) == form]
        return values[-1] if values else None

    def values(self) -> Dict[str, str]:
        """Return every name as written, with the value that the container gets."""
        return {line.statement.name: line.statement.value for line in self._lines if line.statement.value is not None}

    def change(
        self,
        desired: Mapping[str, Optional[str]],
        is_secret: Callable[[str], bool],
        same: Callable[[str, str, str], bool] = lambda key, one, other: one == other,
    ) -> Tuple[bytes, Difference]:
        """Bring the settings in ``desired`` to their values (``None``: absent); return the new file and what differs.

        The last line of a setting counts in Compose, so that line stays and its duplicates go. A line whose value is
        the same (``same(key, one, other)``) stays as it is written, unless Bitwarden's update would change its value.
        Raises ``EnvFileError`` for a value that cannot be written and for a line that holds several settings.
        """
        difference = Difference()
        edits: List[Tuple[_Line, Optional[str]]] = []
        added: List[str] = []
        for key, value in desired.items():
            lines = [line for line in self._lines if line.key == canonical(key)]
            shown = [value or "", *(line.statement.value or "" for line in lines)]
            secret = is_secret(key) or any(holds_credentials(text) for text in shown)
            try:
                if not lines:
                    if value is not None:
                        added.append(write_line(key, value))
                        difference.compare(key, None, value, secret)
                elif value is None:
                    edits += [(line, None) for line in lines]
                    difference.compare(key, lines[-1].statement.value or "", None, secret)
                else:
                    edits += self._set(key, value, lines, difference, secret, same)
            except NotationError as error:
                raise EnvFileError(f"The value of {key} cannot be written: {error}.") from None
        return self._render(edits, added), difference

    def _set(
        self,
        key: str,
        value: str,
        lines: List[_Line],
        difference: Difference,
        secret: bool,
        same: Callable[[str, str, str], bool],
    ) -> List[Tuple[_Line, Optional[str]]]:
        kept = ([line for line in lines if line.effective] or lines)[-1]
        edits: List[Tuple[_Line, Optional[str]]] = [(line, None) for line in lines if line is not kept]
        statement = kept.statement
        current = statement.value if kept.effective else None
        equal = current is not None and same(key, current, value)
        if not (equal and statement.literal and self._survives_update(kept)):
            edits.append((kept, write_line(key, value, self._comment(kept))))
        if not equal:
            difference.compare(key, current, value, secret)
        elif edits:
            raw = self._raw_value(kept)
            after = next((text.partition("=")[2] for line, text in edits if line is kept and text), raw)
            difference.normalize(key, f"{raw} ({len(lines)} lines)" if len(lines) > 1 else raw, after, secret)
        return edits

    def _survives_update(self, line: _Line) -> bool:
        """Tell whether the line keeps its value through an update of Bitwarden."""
        name, text = line.statement.name, self._text[line.start : line.end]
        own_name = built_in_name(name)
        if own_name is not None and own_name != name:
            return False
        if name in READ_BY_TOOL and (line.statement.quote == "'" or not text.startswith(f"{name}=")):
            return False
        if line.shared:
            return True
        return "\n" not in text and survives(text, name, line.statement.value or "")

    def _comment(self, line: _Line) -> str:
        """Return the comment after a value, with one blank before it."""
        rest = self._text[line.statement.end : line.end].rstrip("\r")
        return " " + rest.strip() if rest.strip().startswith("#") else ""

    def _raw_value(self, line: _Line) -> str:
        text = self._text[line.statement.start : line.statement.end]
        return _as_passed_on(text.partition("=")[2].strip() if "=" in text else text)

    def _render(self, edits: List[Tuple[_Line, Optional[str]]], added: List[str]) -> bytes:
        text = self._text
        for line, replacement in sorted(edits, key=lambda edit: edit[0].start, reverse=True):
            if line.shared:
                raise EnvFileError(
                    f"{self._name}, line {line.statement.line}: several settings on one line. Put each on its own line."
                )
            if replacement is None:
                text = text[: line.start] + text[line.end + 1 :]
                continue
            carriage_return = "\r" if text[: line.end].endswith("\r") else ""
            text = text[: line.start] + replacement + carriage_return + text[line.end :]
        if added:
            newline = "\r\n" if "\r\n" in text else "\n"
            if text and not text.endswith("\n"):
                text += newline
            text += "".join(line + newline for line in added)
        return (self._bom + text).encode("utf-8", "surrogateescape")


def _lines(text: str, statements: List[Statement]) -> List[_Line]:
    spans = []
    for statement in statements:
        end = text.find("\n", statement.end)
        spans.append((text.rfind("\n", 0, statement.start) + 1, len(text) if end < 0 else end))
    lines = []
    for index, statement in enumerate(statements):
        start, end = spans[index]
        # What lies between two statements on one line is on it as well, so that the neighbours tell.
        neighbours = [*spans[max(0, index - 1) : index], *spans[index + 1 : index + 2]]
        shared = any(start < other_end and other_start < end for other_start, other_end in neighbours)
        key, effective = _intended_key(text, statement)
        lines.append(_Line(statement, key, effective, start, end, shared))
    return lines


def _intended_key(text: str, statement: Statement) -> Tuple[str, bool]:
    """Return the setting that a line is meant for, and if it sets it: ``a:b=c`` means ``a__b`` but sets ``a``."""
    written = text[statement.start : statement.end]
    before = written.partition("=")[0]
    name, _colon, rest = before.partition(":")
    if "=" in written and _REST_OF_NAME.match(rest):
        return canonical(f"{name.split()[-1]}:{rest}"), False
    return canonical(statement.name), True


def _as_passed_on(text: str) -> str:
    return _ESCAPED_BYTE.sub("\ufffd", text)


def _line_number(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
