# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""config.yml as a document: the flat YAML that the setup tool writes, of which a change touches only its own lines."""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

from .._common.diff import Difference
from .._common.errors import BitwardenError
from .keys import CONFIG_KEYS, Value, boolean, shown

NAME = "config.yml"

_ENTRY = re.compile(r"([A-Za-z_][\w-]*)[ \t]*:(?:[ \t]+(.*)|)\Z")
_ITEM = re.compile(r"[ \t]*-[ \t]+(.*)\Z")
_NULL = ("", "~", "null", "Null", "NULL")
# What a plain scalar must not begin with, or have in it.
_NOT_PLAIN = re.compile(r"[&*!|>%@`{}\[\]#,?\"']|- |.*(?:: |:\Z)")
_PLAIN = re.compile(r"[A-Za-z0-9/_][A-Za-z0-9/_.:@+=, -]*\Z")
_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", "/": "/"}


class ConfigFileError(BitwardenError):
    """config.yml has something that this collection does not read. The message names the line."""


class _Entry(NamedTuple):
    """A key: its lines (``start`` included, ``end`` not), its value, and the comment behind that."""

    start: int
    end: int
    value: Value
    comment: str


class ConfigDocument:
    """The content of one config.yml."""

    def __init__(self, path: str, lines: List[str], entries: Dict[str, _Entry]) -> None:
        self.path = path
        self._lines = lines
        self._entries = entries

    @classmethod
    def parse(cls, content: bytes, path: str = NAME) -> ConfigDocument:
        """Parse the bytes of the file ``path``. Raises ``ConfigFileError``."""
        try:
            lines = content.decode("utf-8-sig" if content.startswith(b"\xef\xbb\xbf") else "utf-8").split("\n")
        except UnicodeDecodeError:
            raise ConfigFileError(f"{path} is not UTF-8. Correct it, or restore it from a backup.") from None
        if content.startswith(b"\xef\xbb\xbf"):
            lines[0] = "\ufeff" + lines[0]
        return cls(path, lines, _Reader(path, lines).entries())

    def values(self) -> Dict[str, Value]:
        """Return the value of every known key, the default where the file has none. Raises ``ConfigFileError``."""
        return {name: self._value(name) for name in CONFIG_KEYS}

    def _value(self, name: str) -> Value:
        entry, key = self._entries.get(name), CONFIG_KEYS[name]
        if entry is None:
            return key.default
        value = entry.value
        try:
            if key.kind == "networks":
                if isinstance(value, str):
                    raise ValueError("it is not a list.")
                return value or None
            if isinstance(value, tuple):
                raise ValueError("it is a list.")
            if key.kind != "bool":
                return value or None
            # The tool takes an empty one for its default only here.
            return key.default if value is None and name == "enable_built_in_ms_sql" else boolean(value)
        except ValueError as error:
            at = f"{self.path}, line {entry.start + 1}"
            raise ConfigFileError(f"{at}: {name}: {error} Correct it.") from None

    def unknown(self) -> List[str]:
        """Return the keys that the setup tool does not know, and drops when it writes the file."""
        return [name for name in self._entries if name not in CONFIG_KEYS]

    def comments(self) -> List[str]:
        """Return the comments, without blanks around them."""
        whole = [line.strip() for line in self._lines if line.strip().startswith("#")]
        return whole + [entry.comment.strip() for entry in self._entries.values() if entry.comment]

    def change(self, desired: Mapping[str, Value]) -> Tuple[bytes, Difference]:
        """Return the content with the values ``desired``, and what that changes. Raises ``ConfigFileError``.

        What has its value already, also by default, keeps its bytes.
        """
        difference = Difference()
        lines = list(self._lines)
        changed = {name: value for name, value in desired.items() if self._differs(name, value)}
        for name in CONFIG_KEYS:
            if name in changed:
                entry = self._entries.get(name)
                before = shown(self._value_as_it_is(name)) if entry else None
                difference.compare(name, before, shown(changed[name]))
        # From the end on: lines before a change keep their numbers.
        for name, entry in sorted(self._entries.items(), key=lambda item: -item[1].start):
            if name in changed:
                lines[entry.start : entry.end] = self._replaced(name, entry, changed[name])
        end = "\r" if lines and lines[0].endswith("\r") else ""
        added = [line + end for name in CONFIG_KEYS if name in changed and name not in self._entries
                 for line in _written(name, changed[name])]  # fmt: skip
        if added:
            closed = lines[-1] == ""
            lines = [*(lines[:-1] if closed else [*lines[:-1], lines[-1] + end]), *added, ""]
        return "\n".join(lines).encode(), difference

    def _differs(self, name: str, value: Value) -> bool:
        try:
            return self._value(name) != value
        except ConfigFileError:
            return True

    def _value_as_it_is(self, name: str) -> Value:
        return self._entries[name].value

    def _replaced(self, name: str, entry: _Entry, value: Value) -> List[str]:
        old = self._lines[entry.start : entry.end]
        end = "\r" if old[0].endswith("\r") else ""
        first, *items = _written(name, value)
        comments = [line for line in old[1:] if line.strip().startswith("#")]
        head = f"{first}{' ' + entry.comment if entry.comment else ''}"
        mark = "\ufeff" if old[0].startswith("\ufeff") else ""
        return [mark + head + end, *(line + end for line in items), *comments]


class _Reader:
    """Reads the lines of one file."""

    def __init__(self, path: str, lines: List[str]) -> None:
        self._path = path
        self._lines = [line.rstrip("\r").lstrip("\ufeff") for line in lines]

    def entries(self) -> Dict[str, _Entry]:
        found: Dict[str, _Entry] = {}
        number = 0
        while number < len(self._lines):
            text = self._lines[number].rstrip()
            if not text or text.lstrip().startswith("#") or text in ("---", "..."):
                number += 1
                continue
            name, entry = self._entry(number, text)
            if name in found:
                raise self._error(number, f"{name} is there already, in line {found[name].start + 1}. Remove one.")
            found[name] = entry
            number = entry.end
        return found

    def _entry(self, number: int, text: str) -> Tuple[str, _Entry]:
        match = _ENTRY.match(text)
        if match is None:
            raise self._error(number, "neither a comment nor a key with its value in one line. Correct it.")
        name, rest = match.group(1), (match.group(2) or "").strip()
        if rest.startswith("["):
            values, comment = self._flow_list(number, rest)
            return name, _Entry(number, number + 1, values, comment)
        scalar, comment = self._scalar(number, rest)
        if rest and scalar is not None:
            return name, _Entry(number, number + 1, scalar, comment)
        items, end = self._items(number + 1)
        return name, _Entry(number, end, tuple(items) if items else scalar, comment)

    def _items(self, number: int) -> Tuple[List[str], int]:
        """Return the items of a list that begins at a line, and the line after the last one."""
        items: List[str] = []
        end = number
        while number < len(self._lines):
            text = self._lines[number].rstrip()
            match = _ITEM.match(text)
            if match:
                value, _comment = self._scalar(number, match.group(1).strip())
                items.append(value or "")
                end = number + 1
            elif text and not text.lstrip().startswith("#"):
                break
            number += 1
        return items, end

    def _flow_list(self, number: int, text: str) -> Tuple[Tuple[str, ...], str]:
        match = re.match(r"\[((?:'[^']*'|\"[^\"\\]*\"|[^\[\]'\"])*)\]\s*(#.*|)\Z", text)
        if match is None:
            raise self._error(number, "a list that this collection does not read. Write one item a line: - item.")
        parts = [part.strip() for part in match.group(1).split(",")]
        return tuple(self._scalar(number, part)[0] or "" for part in parts if part), match.group(2)

    def _scalar(self, number: int, text: str) -> Tuple[Optional[str], str]:
        """Return a value and the comment behind it."""
        if text[:1] == "'":
            match = re.match(r"'((?:[^']|'')*)'\s*(#.*|)\Z", text)
            if match:
                return match.group(1).replace("''", "'"), match.group(2)
        elif text[:1] == '"':
            match = re.match(r'"((?:[^"\\]|\\[nt"\\/])*)"\s*(#.*|)\Z', text)
            if match:
                return re.sub(r"\\(.)", lambda one: _ESCAPES[one.group(1)], match.group(1)), match.group(2)
        else:
            match = re.match(r"(.*?)(?:(?:\A|\s+)(#.*)|)\Z", text)
            value, comment = (match.group(1), match.group(2) or "") if match else (text, "")
            if value in _NULL:
                return None, comment
            if not _NOT_PLAIN.match(value):
                return value, comment
        raise self._error(number, "a value that this collection does not read. Write it in one line, quoted: 'value'.")

    def _error(self, number: int, reason: str) -> ConfigFileError:
        return ConfigFileError(f"{self._path}, line {number + 1}: {reason}")


def _written(name: str, value: Value) -> List[str]:
    """Return the lines of a key, as the setup tool writes them."""
    if value is None:
        return [f"{name}:"]
    if isinstance(value, tuple):
        return [f"{name}:", *(f"- {_quoted(one)}" for one in value)]
    return [f"{name}: {shown(value) if isinstance(value, bool) else _quoted(value)}"]


def _quoted(text: str) -> str:
    plain = _PLAIN.match(text) and not _NOT_PLAIN.match(text) and text.lower() not in ("true", "false", "null")
    return text if plain and not text.endswith(" ") else "'" + text.replace("'", "''") + "'"
