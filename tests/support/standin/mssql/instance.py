# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server: its databases, who uses them, and what changes them as a whole."""

from __future__ import annotations

import sqlite3
import threading
import uuid
from contextlib import closing, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Dict, Optional, Protocol, Set

from .engine import Engine, SqlServerError
from .errorlog import ErrorLog
from .master import OFFLINE, ONLINE, RESTORING, SYSTEM, Entry, Master, too_new

_PATIENCE = 30
_LOG_PAGES = b"\0" * 8192


class User(Protocol):
    """A session that uses a database."""

    def kill(self) -> None:
        """End it, now."""


class Instance:
    """``lock`` is held by each statement about whole databases."""

    def __init__(self, engine: Engine, data: Path, password: str, log: ErrorLog) -> None:
        self.engine = engine
        self.data = data
        self.log = log
        self.lock = threading.RLock()
        data.mkdir(parents=True, exist_ok=True)
        self.master = Master(data, engine, password, log)
        self._using: Dict[str, Set[User]] = {}
        self._left = threading.Condition()
        self._broken: Set[str] = set()
        for entry in self.master.all():
            if entry["state"] == ONLINE:
                self._recover(entry)

    def entry(self, name: str) -> Entry:
        """Return the database; 911 where it does not exist."""
        found = self.master.find(name)
        if found is None:
            text = f"Database '{name}' does not exist. Make sure that the name is entered correctly."
            raise SqlServerError(911, 16, 1, text)
        return found

    def file(self, name: str) -> Path:
        """Return the data file of a database that can be opened."""
        entry = self.entry(name)
        if entry["state"] == OFFLINE:
            raise SqlServerError(942, 14, 4, f"Database '{name}' cannot be opened because it is offline.")
        if entry["state"] == RESTORING:
            text = f"Database '{name}' cannot be opened. It is in the middle of a restore."
            raise SqlServerError(927, 14, 2, text)
        if entry["name"] in self._broken:
            text = (
                f"Database '{name}' cannot be opened due to inaccessible files or insufficient memory or disk space. "
                "See the SQL Server errorlog for details."
            )
            raise SqlServerError(945, 14, 2, text)
        return Path(entry["files"][0]["path"])

    def open(self, name: str, user: Optional[User] = None) -> sqlite3.Connection:
        """Open a connection to the database; a ``user`` counts as one that uses it until it leaves."""
        with self.lock:
            connection = connect(self.file(name))
            if user is not None:
                with self._left:
                    self._using.setdefault(name.lower(), set()).add(user)
            return connection

    def leave(self, name: str, user: User) -> None:
        """Note that the session no longer uses the database."""
        with self._left:
            self._using.get(name.lower(), set()).discard(user)
            self._left.notify_all()

    def in_use(self, name: str) -> bool:
        """Tell whether any session uses it."""
        with self._left:
            return bool(self._using.get(name.lower()))

    def create(self, name: str) -> None:
        """Create an empty database."""
        if self.master.find(name) or name.lower() in SYSTEM:
            text = f"Database '{name}' already exists. Choose a different database name."
            raise SqlServerError(1801, 16, 3, text)
        files = self.master.files_of(name)
        for file in files:
            if Path(file["path"]).exists():
                text = (
                    f"Cannot create file '{file['path']}' because it already exists. Change the file path or the file "
                    "name, and retry the operation."
                )
                failed = "CREATE DATABASE failed. Some file names listed could not be created."
                raise SqlServerError(5170, 16, 1, text, SqlServerError(1802, 16, 4, failed))
        self.lay_log(files[1]["path"])
        with closing(connect(Path(files[0]["path"]))) as connection:
            connection.execute(f"PRAGMA user_version = {self.engine.format}")
        created = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.000")
        self.master.put(
            {"name": name, "state": ONLINE, "family": str(uuid.uuid4()), "created": created, "files": files}
        )
        self.log.write(f"Starting up database '{name}'.", "spid51")

    def drop(self, name: str) -> None:
        """Remove a database and its files."""
        entry = self.master.find(name)
        if entry is None:
            text = f"Cannot drop the database '{name}', because it does not exist or you do not have permission."
            raise SqlServerError(3701, 11, 1, text)
        if self.in_use(name):
            raise SqlServerError(3702, 16, 4, f'Cannot drop database "{name}" because it is currently in use.')
        self.master.remove(name)
        self._broken.discard(entry["name"])
        # The files of one that is offline stay, as the server does not have them.
        if entry["state"] != OFFLINE:
            self.remove_files(entry)

    def set_offline(self, name: str) -> None:
        """End all sessions, and let go of the files."""
        entry = self._to_alter(name)
        self.end_sessions(name)
        self.master.put({**entry, "state": OFFLINE})
        self._broken.discard(entry["name"])
        self.log.write(f"Setting database option OFFLINE to ON for database '{name}'.", "spid51")

    def set_online(self, name: str) -> None:
        """Take the files again."""
        entry = self._to_alter(name)
        if entry["state"] == RESTORING:
            text = "ALTER DATABASE is not permitted while a database is in the Restoring state."
            raise SqlServerError(5052, 16, 1, text, _alter_failed())
        self._broken.discard(entry["name"])
        self._recover(entry)
        if entry["name"] in self._broken:
            text = f'Could not restart database "{name}". Reverting to the previous status.'
            raise SqlServerError(5181, 16, 5, text, _alter_failed())
        self.master.put({**entry, "state": ONLINE})
        self.log.write(f"Setting database option ONLINE to ON for database '{name}'.", "spid51")

    def end_sessions(self, name: str) -> None:
        """End all sessions of a database, and wait until they are gone."""
        with self._left:
            for user in list(self._using.get(name.lower(), ())):
                user.kill()
            self._left.wait_for(lambda: not self._using.get(name.lower()), _PATIENCE)

    def remove_files(self, entry: Entry) -> None:
        """Remove the files of a database."""
        for file in entry["files"]:
            for path in (file["path"], f"{file['path']}-journal"):
                with suppress(FileNotFoundError):
                    Path(path).unlink()

    def lay_log(self, path: str) -> None:
        """Write a log file; nothing is ever in it."""
        Path(path).write_bytes(_LOG_PAGES)

    def upgrade(self, name: str, file: Path, known: Optional[int] = None) -> None:
        """Bring a data file to the format of this engine, which no older one reads."""
        with closing(connect(file)) as connection:
            found = known or int(connection.execute("PRAGMA user_version").fetchone()[0])
            if found > self.engine.format:
                raise SqlServerError(948, 20, 2, too_new(name, found, self.engine))
            if found < self.engine.format:
                self.log.write(
                    f"Converting database '{name}' from version {found} to the current version {self.engine.format}.",
                    "spid51",
                )
                connection.execute(f"PRAGMA user_version = {self.engine.format}")

    def mend(self, name: str) -> None:
        """Note that the files have been replaced: whatever was wrong with them is over."""
        self._broken.discard(name)

    def _to_alter(self, name: str) -> Entry:
        entry = self.master.find(name)
        if entry is None:
            text = (
                f"User does not have permission to alter database '{name}', the database does not exist, or the "
                "database is not in a state that allows access checks."
            )
            raise SqlServerError(5011, 14, 5, text, _alter_failed())
        return entry

    def _recover(self, entry: Entry) -> None:
        """Look at the files; what cannot be read is noted here and in the log, and the server runs on."""
        name, path = entry["name"], Path(entry["files"][0]["path"])
        self.log.write(f"Starting up database '{name}'.", "spid21s")
        try:
            if not path.exists():
                reason = "2(The system cannot find the file specified.)"
                text = f'Unable to open the physical file "{path}". Operating system error 2: "{reason}".'
                raise SqlServerError(5120, 16, 101, text)
            self.upgrade(name, path)
        except SqlServerError as error:
            self._broken.add(name)
            self.log.error(error.number, error.level, error.state, error.text, "spid21s")
        except sqlite3.DatabaseError:
            self._broken.add(name)
            text = f"The header for file '{path}' is not a valid database file header."
            self.log.error(5172, 16, 15, text, "spid21s")


def connect(path: Path) -> sqlite3.Connection:
    """Open a data file. Its journal survives a killed server, if not a crash of the machine."""
    connection = sqlite3.connect(str(path), timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = TRUNCATE")
    return connection


def _alter_failed() -> SqlServerError:
    return SqlServerError(5069, 16, 1, "ALTER DATABASE statement failed.")
