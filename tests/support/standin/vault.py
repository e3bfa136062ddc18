# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documents of a server that has a database: its tables, over TCP, with the secrets of users protected."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional, Sequence

from . import database, key_ring
from .documents import Document, Documents
from .sql_client import Connection, Rows, SqlError, place_of

_SQL_EXCEPTION = "Microsoft.Data.SqlClient.SqlException (0x80131904)"
_NOT_REACHED = (
    "A network-related or instance-specific error occurred while establishing a connection to SQL Server. The server "
    "was not found or was not accessible. Verify that the instance name is correct and that SQL Server is configured "
    "to allow remote connections. (provider: TCP Provider, error: 40 - Could not open a connection to SQL Server: "
    "Could not open a connection to SQL Server)"
)
_SECRETS = ("password", "master_password_hash")
_PAUSE = 0.1
# How long a server that was just started may take, in seconds.
_START = 20


class DatabaseError(Exception):
    """What the database, or a value in it that cannot be read, ends a request with: an exception of .NET."""

    def __init__(self, net_type: str, text: str) -> None:
        super().__init__(text)
        self.net_type = net_type
        self.text = text


class Vault(Documents):
    """``plant`` fills a database that has nothing yet, once it can be reached; ``tell`` hears of failed migrations."""

    def __init__(self, connection_string: str, keys: Path, version: str) -> None:
        self.plant: Callable[[], None] = _nothing
        self.tell: Callable[[str], None] = _tell_nobody
        self._string = connection_string
        self._keys = keys
        self._version = version
        self._local = threading.local()
        self._lock = threading.RLock()
        self._ready = False
        self._preparing = False

    def wait(self, seconds: float) -> None:
        """Wait until the database can be used, but no longer: the server then runs without it, as the real one."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self._prepare()
            except DatabaseError:
                if time.monotonic() > deadline:
                    return None
            time.sleep(_PAUSE)

    def begin_anew(self) -> None:
        """Bring the schema to that of a new database; the documents are left to the caller."""
        self._ready = False
        self.wait(_START)
        self.execute("DELETE FROM documents WHERE kind = ? AND id = ?", database.FAILING)
        self.execute('DELETE FROM "Migration"')
        self._migrate()

    def disconnect(self) -> None:
        """End this thread's session; the next statement begins another."""
        self._forget()

    def execute(self, query: str, arguments: Sequence[Any] = ()) -> Rows:
        """Run a statement. Raises `DatabaseError`."""
        self._prepare()
        try:
            try:
                return self._connection().execute(query, arguments)
            except OSError:
                # An idle connection that the server has ended: once more, on a new one.
                self._forget()
                if getattr(self._local, "in_transaction", False):
                    raise
                return self._connection().execute(query, arguments)
        except (OSError, SqlError) as error:
            raise _translated(error) from error

    def rows(self, query: str, arguments: Sequence[Any] = ()) -> List[Any]:
        """Run a query. Raises `DatabaseError`."""
        return self.execute(query, arguments).rows

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Let others wait until the block is left; an exception undoes what it did."""
        self.execute("BEGIN IMMEDIATE")
        self._local.in_transaction = True
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            with suppress(DatabaseError):
                self.execute("ROLLBACK")
            raise
        finally:
            self._local.in_transaction = False

    def get(self, kind: str, identifier: str) -> Optional[Document]:
        """Return the document, or None."""
        if kind != "user":
            return super().get(kind, identifier)
        found = self._users("AND id = ?", (identifier,))
        return found[0] if found else None

    def all(self, kind: str) -> List[Document]:
        """Return all documents of a kind, oldest first."""
        return super().all(kind) if kind != "user" else self._users("ORDER BY seq", ())

    def put(self, kind: str, identifier: str, document: Document) -> None:
        """Create or replace a document; what a user's secrets are is protected by the key ring."""
        if kind != "user":
            super().put(kind, identifier, document)
            return
        secrets = {name: document[name] for name in _SECRETS if document.get(name) is not None}
        body = {name: value for name, value in document.items() if name not in _SECRETS}
        protected = key_ring.protect(self._keys, json.dumps(secrets)) if secrets else None
        self.execute(
            "INSERT INTO documents (kind, id, body, secrets, key) VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind, id) "
            "DO UPDATE SET body = excluded.body, secrets = excluded.secrets, key = excluded.key",
            (kind, identifier, json.dumps(body), protected, key_ring.protect(self._keys, identifier)),
        )

    def _users(self, condition: str, arguments: Sequence[Any]) -> List[Document]:
        scripts = [row[0] for row in self.rows('SELECT "ScriptName" FROM "Migration"')]
        if not database.fits(scripts, self._version):
            raise DatabaseError(_SQL_EXCEPTION, "Procedure or function User_ReadById has too many arguments specified.")
        rows = self.rows(f"SELECT body, secrets, key FROM documents WHERE kind = 'user' {condition}", arguments)
        return [self._unprotected(*row) for row in rows]

    def _unprotected(self, body: str, secrets: Optional[str], key: str) -> Document:
        try:
            known = json.loads(key_ring.unprotect(self._keys, secrets)) if secrets else {}
            key_ring.unprotect(self._keys, key)
        except key_ring.CannotUnprotect as error:
            raise DatabaseError("System.Security.Cryptography.CryptographicException", str(error)) from error
        return {**json.loads(body), **dict.fromkeys(_SECRETS), **known}

    def _prepare(self) -> None:
        """Bring the schema up to date and plant, as the real server's migrator does when it starts."""
        if self._ready:
            return
        with self._lock:
            if self._ready or self._preparing:
                return
            self._preparing = True
            try:
                self._migrate()
                self.plant()
                self._ready = True
            finally:
                self._preparing = False

    def _migrate(self) -> None:
        try:
            if not database.migrate(self._string, self._version):
                self.tell("Migration failed.")
        except (OSError, SqlError) as error:
            raise _translated(error) from error

    def _connection(self) -> Connection:
        connection: Optional[Connection] = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = Connection(place_of(self._string))
        return connection

    def _forget(self) -> None:
        connection: Optional[Connection] = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
        self._local.connection = None


def _translated(error: Exception) -> DatabaseError:
    if not isinstance(error, SqlError):
        return DatabaseError(_SQL_EXCEPTION, _NOT_REACHED)
    rest = "\nLogin failed for user 'sa'." if error.number == 4060 else ""
    return DatabaseError(_SQL_EXCEPTION, error.text + rest)


def _nothing() -> None:
    """Plant nothing."""


def _tell_nobody(_message: str) -> None:
    """Tell nobody."""
