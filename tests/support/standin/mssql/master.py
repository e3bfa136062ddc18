# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``master``: what the server knows of itself. It is made where the data folder has none."""

from __future__ import annotations

import hashlib
import json
import secrets
from pathlib import Path
from typing import Any, Dict, List, Optional

from .engine import Engine
from .errorlog import ErrorLog

SYSTEM = ("master", "model", "msdb", "tempdb")
ONLINE, OFFLINE, RESTORING = "ONLINE", "OFFLINE", "RESTORING"
Entry = Dict[str, Any]


class Refused(Exception):
    """The server cannot start on these files."""


class Master:
    """The password of ``sa`` from the first start, the engine that wrote last, the databases."""

    def __init__(self, data: Path, engine: Engine, password: str, log: ErrorLog) -> None:
        self._path = data / "master.mdf"
        self._data = data
        if self._path.exists():
            self._content = self._read(engine, log)
        else:
            self._content = _new(engine, password)
            log.write(f"Setup of a new server in {data}: the password of 'sa' is that of the environment.")
        self.save()

    def _read(self, engine: Engine, log: ErrorLog) -> Dict[str, Any]:
        try:
            content: Dict[str, Any] = json.loads(self._path.read_bytes())
        except ValueError as error:
            text = f"The header for file '{self._path}' is not a valid database file header."
            log.error(5172, 16, 15, text, "spid9s")
            raise Refused(text) from error
        if content["format"] > engine.format:
            text = too_new("master", content["format"], engine)
            log.error(948, 20, 1, text, "spid9s")
            log.write("Cannot recover the master database. SQL Server is unable to run.", "spid9s")
            raise Refused(text)
        if content["format"] < engine.format:
            log.write(
                f"Database 'master' running the upgrade step from version {content['format']} to {engine.format}.",
                "spid9s",
            )
            content["format"] = engine.format
        return content

    def save(self) -> None:
        """Write it, as a whole."""
        beside = self._path.with_name(".master.new")
        beside.write_text(json.dumps(self._content, sort_keys=True))
        beside.replace(self._path)

    def accepts(self, user: str, password: str) -> bool:
        """Tell whether that is the password of ``sa``."""
        sa = self._content["sa"]
        return user.lower() == "sa" and secrets.compare_digest(_hash(password, sa["salt"]), sa["hash"])

    def names(self) -> List[str]:
        """Return the names of all databases, the server's own included."""
        return sorted([*SYSTEM, *(one["name"] for one in self._content["databases"].values())], key=str.lower)

    def find(self, name: str) -> Optional[Entry]:
        """Return the database of that name (capitals do not count)."""
        found: Optional[Entry] = self._content["databases"].get(name.lower())
        return found

    def all(self) -> List[Entry]:
        """Return all databases that are not the server's own."""
        return list(self._content["databases"].values())

    def put(self, entry: Entry) -> None:
        """Remember a database."""
        self._content["databases"][entry["name"].lower()] = entry
        self.save()

    def remove(self, name: str) -> None:
        """Forget a database."""
        del self._content["databases"][name.lower()]
        self.save()

    def owner_of(self, path: str) -> Optional[str]:
        """Return the database that a file belongs to."""
        for entry in self.all():
            if path in (file["path"] for file in entry["files"]):
                return str(entry["name"])
        return None

    def files_of(self, name: str) -> List[Dict[str, str]]:
        """Return the files of a new database."""
        return [
            {"logical": name, "path": str(self._data / f"{name}.mdf"), "type": "D"},
            {"logical": f"{name}_log", "path": str(self._data / f"{name}_log.ldf"), "type": "L"},
        ]


def too_new(name: str, found: int, engine: Engine) -> str:
    """Return the text for a file of a newer engine."""
    return (
        f"The database '{name}' cannot be opened because it is version {found}. This server supports version "
        f"{engine.format} and earlier. A downgrade path is not supported."
    )


def _new(engine: Engine, password: str) -> Dict[str, Any]:
    salt = secrets.token_hex(8)
    return {"format": engine.format, "sa": {"salt": salt, "hash": _hash(password, salt)}, "databases": {}}


def _hash(password: str, salt: str) -> str:
    return hashlib.sha512(f"{salt}:{password}".encode()).hexdigest()
