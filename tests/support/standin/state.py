# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything the server remembers: JSON documents in one SQLite file, or in its database; shared by its processes."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import List, Optional

from .documents import Document, Documents, FileDocuments
from .vault import Vault

__all__ = ["Document", "State"]
_KEPT_REQUESTS = 5000
# What tests have asked for stays beside the database, so that it goes on while that is down.
_BESIDE = {"fault"}
_BESIDE_META = {"clock", "connection-race", "seed"}


class State:
    """Documents by kind and id, in order of creation. Safe for threads and for several processes."""

    def __init__(self, path: Path, vault: Optional[Vault] = None) -> None:
        self._file = FileDocuments(path)
        self.vault = vault
        self._documents: Documents = vault or self._file

    def get(self, kind: str, identifier: str) -> Optional[Document]:
        """Return the document, or None."""
        return self._store(kind, identifier).get(kind, identifier)

    def all(self, kind: str) -> List[Document]:
        """Return all documents of a kind, oldest first."""
        return self._store(kind).all(kind)

    def put(self, kind: str, identifier: str, document: Document) -> None:
        """Create or replace a document; a replaced one keeps its place."""
        self._store(kind, identifier).put(kind, identifier, document)

    def delete(self, kind: str, identifier: str) -> bool:
        """Remove a document; return whether it was there."""
        return self._store(kind, identifier).delete(kind, identifier)

    def clear(self, kind: Optional[str] = None) -> None:
        """Remove all documents (of a kind)."""
        if kind is None:
            self._documents.clear()
            self._file.clear()
            self.forget_requests()
        else:
            self._store(kind).clear(kind)

    def note_request(self, request: Document) -> None:
        """Remember that a request was answered."""
        cursor = self._file.execute("INSERT INTO requests (body) VALUES (?)", (json.dumps(request),))
        self._file.execute("DELETE FROM requests WHERE seq <= ?", ((cursor.lastrowid or 0) - _KEPT_REQUESTS,))

    def requests(self) -> List[Document]:
        """Return the requests answered, oldest first."""
        return [json.loads(row[0]) for row in self._file.rows("SELECT body FROM requests ORDER BY seq")]

    def forget_requests(self) -> None:
        """Empty the list of requests."""
        self._file.execute("DELETE FROM requests")

    def transaction(self, kind: str = "organization") -> AbstractContextManager[None]:
        """Let others wait until the block is left; an exception undoes what it did to documents of a kind."""
        return self._store(kind).transaction()

    def _store(self, kind: str, identifier: str = "") -> Documents:
        return self._file if kind in _BESIDE or identifier in _BESIDE_META else self._documents
