# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documents in tables of SQL: kept by kind and id, in order of creation. Files and the database have the same."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Protocol, Sequence

Document = Dict[str, Any]
_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (kind, id)
);
CREATE TABLE IF NOT EXISTS requests (seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
"""


class Result(Protocol):
    """What a query brought."""

    @property
    def rowcount(self) -> int: ...

    @property
    def lastrowid(self) -> Optional[int]: ...

    def fetchone(self) -> Any: ...


class Documents:
    """Documents by kind and id; `execute` and `rows` are the subclass's."""

    def execute(self, query: str, arguments: Sequence[Any] = ()) -> Result:
        """Run a statement."""
        raise NotImplementedError

    def rows(self, query: str, arguments: Sequence[Any] = ()) -> List[Any]:
        """Run a query."""
        raise NotImplementedError

    def get(self, kind: str, identifier: str) -> Optional[Document]:
        """Return the document, or None."""
        found = self.rows("SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, identifier))
        return json.loads(found[0][0]) if found else None

    def all(self, kind: str) -> List[Document]:
        """Return all documents of a kind, oldest first."""
        rows = self.rows("SELECT body FROM documents WHERE kind = ? ORDER BY seq", (kind,))
        return [json.loads(row[0]) for row in rows]

    def put(self, kind: str, identifier: str, document: Document) -> None:
        """Create or replace a document; a replaced one keeps its place."""
        self.execute(
            "INSERT INTO documents (kind, id, body) VALUES (?, ?, ?) "
            "ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            (kind, identifier, json.dumps(document)),
        )

    def delete(self, kind: str, identifier: str) -> bool:
        """Remove a document; return whether it was there."""
        return self.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, identifier)).rowcount > 0

    def clear(self, kind: Optional[str] = None) -> None:
        """Remove all documents (of a kind)."""
        if kind is None:
            self.execute("DELETE FROM documents")
        else:
            self.execute("DELETE FROM documents WHERE kind = ?", (kind,))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Let others wait until the block is left; an exception undoes what it did."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")


class FileDocuments(Documents):
    """In one SQLite file. Safe for threads and for several processes."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._local = threading.local()
        with self.transaction():
            for statement in _SCHEMA.split(";"):
                self.execute(statement)

    def execute(self, query: str, arguments: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run a statement."""
        connection: Optional[sqlite3.Connection] = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            # A crash of the machine may lose data of a test; waiting for the disk at each write would cost more.
            connection.execute("PRAGMA synchronous = OFF")
            self._local.connection = connection
        return connection.execute(query, tuple(arguments))

    def rows(self, query: str, arguments: Sequence[Any] = ()) -> List[Any]:
        """Run a query."""
        return self.execute(query, arguments).fetchall()
