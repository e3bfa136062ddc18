# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The schema of the server's database: what each release's migrator adds to it. Needs no Flask."""

from __future__ import annotations

import json
from typing import List, Optional, Tuple

from .sql_client import Connection, Place, SqlError, place_of

_SCRIPTS = "Bit.Migrator.DbScripts."
#: The scripts of each release, in the order in which they are run.
RELEASES: List[Tuple[Tuple[int, ...], List[str]]] = [
    ((2017, 8, 0), [f"{_SCRIPTS}2017-08-19_00_InitialSetup.sql"]),
    ((2023, 1, 0), [f"{_SCRIPTS}2022-12-20_00_Views.sql", f"{_SCRIPTS}2023-01-09_00_Organizations.sql"]),
    ((2023, 2, 0), [f"{_SCRIPTS}2023-02-02_00_Devices.sql"]),
    ((2026, 2, 1), [f"{_SCRIPTS}2026-02-10_00_Ciphers.sql"]),
    ((2026, 6, 0), [f"{_SCRIPTS}2026-05-27_00_Users.sql"]),
    ((2026, 7, 0), [f"{_SCRIPTS}2026-06-30_00_Organizations.sql"]),
    ((2026, 8, 0), [f"{_SCRIPTS}2026-08-04_00_Users.sql", f"{_SCRIPTS}2026-08-04_01_Views.sql"]),
    ((2026, 9, 0), [f"{_SCRIPTS}2026-09-01_00_Users.sql", f"{_SCRIPTS}2026-09-08_00_Organizations.sql"]),
]
_TABLES = (
    "CREATE TABLE IF NOT EXISTS documents (seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, "
    "id TEXT NOT NULL, body TEXT NOT NULL, secrets TEXT, key TEXT, UNIQUE (kind, id))",
    'CREATE TABLE IF NOT EXISTS "Migration" ("Id" INTEGER PRIMARY KEY AUTOINCREMENT, "ScriptName" TEXT NOT NULL, '
    '"Applied" TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)',
    'CREATE VIEW IF NOT EXISTS "User" AS SELECT id AS "Id", secrets AS "MasterPassword", key AS "Key" FROM documents '
    "WHERE kind = 'user'",
    'CREATE VIEW IF NOT EXISTS "Organization" AS SELECT id AS "Id", json_extract(body, \'$.enabled\') AS "Enabled" '
    "FROM documents WHERE kind = 'organization'",
    'CREATE VIEW IF NOT EXISTS "Cipher" AS SELECT id AS "Id" FROM documents WHERE kind = \'cipher\'',
)
_NO_DATABASE = 4060
#: The document that names the release whose scripts fail.
FAILING = ("meta", "migration")


def migrate(connection_string: str, version: str) -> bool:
    """Make the database where it is missing, and run what it lacks up to a release; False: a script failed.

    Raises `OSError` where the server cannot be reached, `SqlError` where it refuses.
    """
    place = place_of(connection_string)
    connection = _open(place)
    try:
        connection.execute("BEGIN IMMEDIATE")
        for statement in _TABLES:
            connection.execute(statement)
        done = _run_scripts(connection, numbers(version))
        connection.execute("COMMIT")
        return done
    finally:
        connection.close()


def fits(scripts: List[str], version: str) -> bool:
    """Tell whether a server of that version can work on a database on which these scripts were run."""
    needed = {name for release, names in RELEASES if release <= numbers(version) for name in names}
    return needed == set(scripts)


def numbers(version: str) -> Tuple[int, ...]:
    """Return ``2026.8.0`` as numbers."""
    return tuple(int(part) for part in version.split("."))


def _run_scripts(connection: Connection, version: Tuple[int, ...]) -> bool:
    applied = {row[0] for row in connection.execute('SELECT "ScriptName" FROM "Migration"').rows}
    row = connection.execute("SELECT body FROM documents WHERE kind = ? AND id = ?", FAILING).fetchone()
    failing: Optional[str] = json.loads(row[0]).get("fails") if row else None
    for release, scripts in RELEASES:
        for script in scripts:
            if release > version or script in applied:
                continue
            if failing and release == numbers(failing):
                return False
            connection.execute('INSERT INTO "Migration" ("ScriptName") VALUES (?)', (script,))
    return True


def _open(place: Place) -> Connection:
    try:
        return Connection(place)
    except SqlError as error:
        if error.number != _NO_DATABASE:
            raise
        missing = error
    server = Connection(place._replace(database="master"))
    name = place.database.replace("]", "]]")
    try:
        # Of two that do so at once the second finds it there.
        refused = [part["error"]["number"] for part in server.batch(f"CREATE DATABASE [{name}]") if "error" in part]
    finally:
        server.close()
    if refused and refused != [_EXISTS]:
        raise missing
    return Connection(place)


_EXISTS = 1801
