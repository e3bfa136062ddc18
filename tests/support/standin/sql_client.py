# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A client of the database (`mssql`), which has a protocol of its own: a JSON object a line, each way."""

from __future__ import annotations

import json
import re
import socket
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

_PART = re.compile(r"""\s*([^=;]+?)\s*=\s*("(?:[^"]|"")*"|'(?:[^']|'')*'|[^;]*)\s*(?:;|$)""")
_NAMES = {
    "server": "data source", "address": "data source", "database": "initial catalog", "uid": "user id",
    "user": "user id", "pwd": "password",
}  # fmt: skip
_PORT = 1433


class SqlError(Exception):
    """An error that the server answers with."""

    def __init__(self, error: Dict[str, Any]) -> None:
        super().__init__(error["text"])
        self.number: int = error["number"]
        self.text: str = error["text"]


class Place(NamedTuple):
    """Where the server is, and as whom."""

    host: str
    port: int
    database: str
    user: str
    password: str


class Rows(NamedTuple):
    """What a query of the stand-in brought."""

    rows: List[List[Any]]
    rowcount: int
    lastrowid: Optional[int]

    def fetchone(self) -> Optional[List[Any]]:
        return self.rows[0] if self.rows else None


def place_of(connection_string: str) -> Place:
    """Read a connection string of .NET."""
    values: Dict[str, str] = {}
    text = connection_string.strip()
    if text.startswith('"') and text.endswith('"'):
        text = text[1:-1]
    for name, value in _PART.findall(text):
        key = name.lower()
        quote = value[:1] if value[:1] in ("'", '"') and value[-1:] == value[:1] and len(value) > 1 else ""
        values[_NAMES.get(key, key)] = value[1:-1].replace(quote * 2, quote) if quote else value
    source = values.get("data source", "")
    host, _comma, port = source.rpartition(":")[2].partition(",")
    return Place(
        host or "localhost", int(port or _PORT), values.get("initial catalog", "master"), values.get("user id", ""),
        values.get("password", ""),
    )  # fmt: skip


class Connection:
    """A session. Raises `OSError` where the server cannot be reached or has ended it, `SqlError` for its errors."""

    def __init__(self, place: Place, timeout: float = 30) -> None:
        self._socket = socket.create_connection((place.host, place.port), timeout=5)
        self._socket.settimeout(timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        login = {"user": place.user, "password": place.password, "database": place.database}
        try:
            self.server = str(self.ask({"login": login})["server"])
        except BaseException:
            self.close()
            raise

    def ask(self, request: Dict[str, Any]) -> Dict[str, Any]:
        """Send one request; return the answer."""
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        line = self._file.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError("the server has ended the session")
        answer: Dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise SqlError(answer["error"])
        return answer

    def batch(self, text: str) -> Iterator[Dict[str, Any]]:
        """Run a statement of T-SQL; yields messages, tables and errors, in order."""
        yield from self.ask({"batch": text})["output"]

    def execute(self, query: str, arguments: Sequence[Any] = ()) -> Rows:
        """Run a query of the stand-in, which SQLite understands, in the session's database."""
        answer = self.ask({"query": query, "arguments": list(arguments)})
        return Rows(answer["rows"], answer["rowcount"], answer["lastrowid"])

    def close(self) -> None:
        """End the session."""
        self._file.close()
        self._socket.close()
