# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything the server remembers: JSON documents in one SQLite file, shared by its processes."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

Document = Dict[str, Any]
_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (kind, id)
);
CREATE TABLE IF NOT EXISTS requests (seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
"""
_KEPT_REQUESTS = 5000


class State:
    """Documents by kind and id, in order of creation. Safe for threads and for several processes."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._local = threading.local()
        with self.transaction() as connection:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)

    def get(self, kind: str, identifier: str) -> Optional[Document]:
        """The document, or None."""
        row = (
            self._open().execute("SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, identifier)).fetchone()
        )
        return json.loads(row[0]) if row else None

    def all(self, kind: str) -> List[Document]:
        """All documents of a kind, oldest first."""
        rows = self._open().execute("SELECT body FROM documents WHERE kind = ? ORDER BY seq", (kind,))
        return [json.loads(row[0]) for row in rows]

    def put(self, kind: str, identifier: str, document: Document) -> None:
        """Create or replace a document; a replaced one keeps its place."""
        self._open().execute(
            "INSERT INTO documents (kind, id, body) VALUES (?, ?, ?) "
            "ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            (kind, identifier, json.dumps(document)),
        )

    def delete(self, kind: str, identifier: str) -> bool:
        """Remove a document; return whether it was there."""
        return self._open().execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, identifier)).rowcount > 0

    def clear(self, kind: Optional[str] = None) -> None:
        """Remove all documents (of a kind)."""
        if kind is None:
            self._open().execute("DELETE FROM documents")
            self._open().execute("DELETE FROM requests")
        else:
            self._open().execute("DELETE FROM documents WHERE kind = ?", (kind,))

    def note_request(self, request: Document) -> None:
        """Remember that a request was answered."""
        cursor = self._open().execute("INSERT INTO requests (body) VALUES (?)", (json.dumps(request),))
        self._open().execute("DELETE FROM requests WHERE seq <= ?", ((cursor.lastrowid or 0) - _KEPT_REQUESTS,))

    def requests(self) -> List[Document]:
        """The requests answered, oldest first."""
        return [json.loads(row[0]) for row in self._open().execute("SELECT body FROM requests ORDER BY seq")]

    def forget_requests(self) -> None:
        """Empty the list of requests."""
        self._open().execute("DELETE FROM requests")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Others wait until the block is left; an exception undoes what it did."""
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        connection: Optional[sqlite3.Connection] = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            # A crash of the machine may lose data of a test; waiting for the disk at each write would cost more.
            connection.execute("PRAGMA synchronous = OFF")
            self._local.connection = connection
        return connection
