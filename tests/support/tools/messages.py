# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The messages in the code, from its tables and from where errors are made. ``…`` stands for what is filled in."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

ROOT = Path(__file__).resolve().parents[3]
UTILS = ROOT / "plugins" / "module_utils"
_PACKAGE = "ansible_collections.selfhosted.bitwarden.plugins.module_utils"
_FILLED = "…"
#: How a second sentence begins that says more of what happened, and not what to do.
_FACT = re.compile(r"(?:The|A|An|It|Its|Last|Nothing|Names|Docker|Bitwarden)\b|…")
_LEAST_TEXT = 8  # characters


class Message(NamedTuple):
    """What a user sees, the one word for its cause (or its layer), what causes it, and what to do."""

    seen: str
    cause: str
    because: str
    advice: str


def of(source: str) -> List[Message]:
    """Return the messages of one file (``_api/client``): its tables first, then its errors and warnings."""
    module = load(source)
    found = {row.seen: row for row in _rows(module)}
    tree = ast.parse((UTILS / f"{source}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for choice in (0, 1):
                for message in map(_split, _Scope(module, node, choice).messages()):
                    if _tells(message.seen):
                        found.setdefault(message.seen, message)
    return list(found.values())


def load(source: str) -> ModuleType:
    """Import one file (``_api/client``), wherever this is called from."""
    collections = str(ROOT / ".work" / "collections")
    if collections not in sys.path:
        sys.path.append(collections)
    return importlib.import_module(f"{_PACKAGE}.{source.replace('/', '.')}")


def _split(message: Message) -> Message:
    """Return a message whose text ends with what to do, with that as its advice."""
    first, _dot, rest = message.seen.partition(". ")
    if message.advice or not rest or not _tells(first) or _FACT.match(rest):
        return message
    return message._replace(seen=first, advice=rest)


def _tells(seen: str) -> bool:
    """Tell a message with a text of its own from one that only passes another on."""
    return max(len(part.strip(" .:,;()'\"")) for part in seen.split(_FILLED)) >= _LEAST_TEXT


class _Blank(str):
    """Stands for a value that is filled in, however it is formatted."""

    def __repr__(self) -> str:
        return _FILLED

    def __format__(self, spec: str) -> str:
        return _FILLED


class _Values(Dict[str, str]):
    """What templates are filled with."""

    def __missing__(self, key: str) -> str:
        return _Blank(_FILLED)


def _rows(module: ModuleType) -> Iterator[Message]:
    """Yield the rows that a module declares: named tuples with ``message`` and ``advice``."""
    upload: Dict[str, str] = load("_licenses/problems").UPLOAD
    values = _Values({**upload, "Again": upload["again"][0].upper() + upload["again"][1:]})
    for row in vars(module).values():
        fields: Mapping[str, Any] = row._asdict() if isinstance(row, tuple) and hasattr(row, "_asdict") else {}
        if type(row).__module__ != module.__name__ or not {"message", "advice"} <= set(fields):
            continue
        seen = [fields["message"].format_map(values), _plain(fields.get("server_text", ""))]
        because = fields["cause"] if "layer" in fields else ""
        yield Message(
            "`, `".join(filter(None, seen)),
            fields.get("layer", fields.get("cause", "")),
            because,
            fields["advice"].format_map(values),
        )


def _plain(pattern: str) -> str:
    """Return a pattern as a text."""
    text = re.sub(r"\\d\+|\.\*", _FILLED, pattern)
    text = re.sub(r"\(\?:([^|)]*)[^)]*\)", r"\1", text)
    return re.sub(r"\\(.)", r"\1", text)


class _Scope:
    """One function: its errors, and what its variables stand for there.

    ``choice`` is the branch of conditional expressions, 0 or 1.
    """

    def __init__(self, module: ModuleType, function: ast.FunctionDef, choice: int) -> None:
        self._module = module
        self._choice = choice
        self._function = function.name
        self._nodes = sorted(
            (node for node in ast.walk(function) if hasattr(node, "lineno")), key=lambda node: node.lineno
        )
        self._assigned: Dict[str, List[Tuple[int, ast.expr]]] = {}
        for node in self._nodes:
            if isinstance(node, ast.Assign):
                self._assign(node.targets[0], node.value, node.lineno)

    def _assign(self, target: ast.expr, value: ast.expr, line: int) -> None:
        if isinstance(target, ast.Name):
            self._assigned.setdefault(target.id, []).append((line, value))
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, its in zip(target.elts, value.elts):
                self._assign(one, its, line)

    def messages(self) -> Iterator[Message]:
        """Yield the messages of the errors that the function makes, and its warnings."""
        for node in self._nodes:
            if isinstance(node, ast.Call):
                yield from self._of_call(node)
            else:
                yield from map(self._warning, self._warnings(node))

    def _warnings(self, node: ast.AST) -> List[ast.expr]:
        """Return the texts of warnings that are returned, and of what is added to a message."""
        if isinstance(node, ast.AugAssign) and getattr(node.target, "attr", "") == "message":
            return [node.value]
        if isinstance(node, ast.Return) and "warning" in self._function and node.value is not None:
            return [node.value]
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values)
            lists = [value for key, value in pairs if getattr(key, "value", "") == "warnings"]
            return [text for value in lists if isinstance(value, ast.List) for text in value.elts]
        return []

    def _warning(self, node: Optional[ast.expr]) -> Message:
        return Message(self._text(node, node.lineno if node else 0), "", "", "")

    def _of_call(self, call: ast.Call) -> Iterator[Message]:
        if getattr(call.func, "attr", "") == "append" and "warnings" in ast.unparse(call.func):
            yield self._warning(call.args[0])
            return
        given = self._arguments(call)
        message, advice, cause = given.get("message"), given.get("advice"), given.get("cause")
        if message is None:
            return
        for line in self._variants(message, call.lineno):
            yield Message(
                self._text(message, line),
                self._text(cause, line) if cause is not None else "",
                "",
                self._text(advice, self._end(message, line, call.lineno)) if advice is not None else "",
            )

    def _arguments(self, call: ast.Call) -> Dict[str, ast.expr]:
        """Return the arguments of a call that makes an error by their names, none for another call."""
        names = ast.unparse(call.func).split(".")
        callee: Any = getattr(self._module, names[0], None)
        if not (inspect.isclass(callee) and issubclass(callee, Exception) and callee.__module__.startswith(_PACKAGE)):
            return {}
        for name in names[1:]:
            callee = getattr(callee, name, None)
        try:
            parameters = list(inspect.signature(callee).parameters)
        except (TypeError, ValueError):  # the signature is that of Exception
            parameters = ["message"]
        given = dict(zip(parameters, call.args))
        given.update({one.arg: one.value for one in call.keywords if one.arg})
        return given

    def _variants(self, message: ast.expr, line: int) -> List[int]:
        """Return where the message's variables have got their values: one line for each branch."""
        several = [
            [at for at, _value in self._assigned[node.id] if at <= line]
            for node in ast.walk(message)
            if isinstance(node, ast.Name) and len(self._assigned.get(node.id, [])) > 1
        ]
        return max(several, key=len, default=[]) or [line]

    def _end(self, message: ast.expr, line: int, call: int) -> int:
        """Return the line up to which the advice of a branch is looked for: the last before the next branch."""
        later = [at for at in self._variants(message, call) if at > line]
        return min(later) - 1 if later else call

    def _text(self, node: Optional[ast.expr], line: int) -> str:
        """Return what a node stands for on a line; empty where it has no text of its own."""
        text = " ".join(self._parts(node, line).split())
        return "" if text == _FILLED else text

    def _parts(self, node: Optional[ast.expr], line: int) -> str:  # noqa: PLR0911
        if isinstance(node, ast.Constant):
            return str(node.value or "")
        if isinstance(node, ast.JoinedStr):
            return "".join(self._parts(part, line) for part in node.values)
        if isinstance(node, ast.FormattedValue):
            return self._parts(node.value, line) or _FILLED
        if isinstance(node, ast.BinOp):
            return self._parts(node.left, line) + self._parts(node.right, line)
        if isinstance(node, ast.IfExp):
            first, second = (node.orelse, node.body) if self._choice else (node.body, node.orelse)
            return self._parts(first, line) or self._parts(second, line)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("format", "replace", "rstrip"):
            return re.sub(r"{[^}]*}", _FILLED, self._parts(node.func.value, line))  # type: ignore[attr-defined]
        if isinstance(node, ast.Attribute):
            # Profiles of server and cloud have the same fields.
            profile = ast.unparse(node.value).rpartition(".")[2] in ("peer", "profile", "server")
            row = getattr(self._module, getattr(node.value, "id", ""), None)
            known = getattr(load("_api/errors").SELF_HOSTED if profile else row, node.attr, None)
            return known if isinstance(known, str) else _FILLED
        if isinstance(node, ast.Name):
            before = [value for at, value in self._assigned.get(node.id, []) if at <= line]
            known = getattr(self._module, node.id, None)
            if before and not any(isinstance(one, ast.Name) and one.id == node.id for one in ast.walk(before[-1])):
                return self._parts(before[-1], line)
            return known if isinstance(known, str) else _FILLED
        return _FILLED
