# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup that the database makes of itself, and its proof. It is in a folder of the server only for a while."""

from __future__ import annotations

import contextlib
import os
import secrets
from functools import partial
from typing import Callable, List

from .._common.begun import Begun
from .._database import statements
from .._database.inspection import row_counts
from .._database.sqlcmd import DatabaseError, SqlServer
from .manifest import Database

# In lower case: Bitwarden's clean-up of its nightly backups takes every *.BAK, whatever its name.
_PREFIX = "selfhosted-bitwarden-"
_ENDING = ".bak"
_CHECK = "selfhosted_bitwarden_check_"


class Dump:
    """One backup of ``database``, in the folder that mssql and the host share."""

    def __init__(self, server: SqlServer, bwdata: str, database: str) -> None:
        self._server = server
        self._database = database
        self.title = _PREFIX + secrets.token_hex(8)
        #: Where it is on the host, and in the container.
        self.file = os.path.join(backups_folder(bwdata), self.title + _ENDING)
        self._path = f"{statements.BACKUPS}/{self.title}{_ENDING}"

    def make(self) -> None:
        """Have the database write it. Raises ``DatabaseError``."""
        self.begin()()

    def begin(self) -> Callable[[], None]:
        """Have the database begin to write it; return the call that waits for that. Both raise ``DatabaseError``."""
        writing = self._server.begin(statements.backup(self._database, self._path, self.title))

        def end() -> None:
            writing()
            self._require_file()

        return end

    def _require_file(self) -> None:
        if not os.path.isfile(self.file):
            raise DatabaseError(
                f"SQL Server wrote its backup to {self._path} in the container of mssql, and {self.file} does not "
                "exist. That folder of the container has to be mounted from bwdata/mssql/backups, as Bitwarden's own "
                "Compose file does it."
            )

    def verify(self, engine: int) -> None:
        """Have the database verify its checksums, and compare its header. Raises ``DatabaseError``."""
        with Begun() as begun:
            begun.add(self._server.begin(statements.verify(self._path)))
            header = next(iter(self._server.rows(statements.header(self._path))), {})
        expected = {
            "DatabaseName": self._database,
            "SoftwareVersionMajor": str(engine),
            "HasBackupChecksums": "1",
            "BackupName": self.title,
        }
        different = [
            f"{name} is {header.get(name)!r} and not {value!r}"
            for name, value in expected.items()
            if header.get(name) != value
        ]
        if different:
            raise DatabaseError(f"The header of the backup is not that of this backup: {'; '.join(different)}.")

    def prove(self, facts: Database) -> Database:
        """Restore it as another database, check, count and drop that; return ``facts`` with the exact counts.

        Raises ``DatabaseError``.
        """
        check = _CHECK + secrets.token_hex(4)
        data, log = self._logical_names()
        with Begun() as begun:
            begun.add(partial(self._drop, check))
            self._server.run(statements.restore_beside(check, self._path, data, log))
            self._server.run(statements.check(check))
            counts = row_counts(self._server, check, statements.TABLES)
            migration = self._server.value(statements.newest_migration(check))
        wrong = [f"{counts[table]} rows in {table}" for table in counts if not facts.fits(table, counts[table])]
        if migration != facts.newest_migration:
            wrong.append(f"{migration} as the newest migration")
        if wrong:
            raise DatabaseError(f"The restored backup has {' and '.join(wrong)}, and the database has not.")
        return facts._replace(counts=counts, counts_before=counts)

    def _drop(self, database: str) -> None:
        if database in self._server.values(statements.DATABASES):
            self._server.run(statements.drop(database))

    def _logical_names(self) -> List[str]:
        files = self._server.rows(statements.file_list(self._path))
        names = [[one["LogicalName"] for one in files if one.get("Type") == kind] for kind in ("D", "L")]
        if [len(one) for one in names] != [1, 1]:
            raise DatabaseError(
                f"The database {self._database} consists of {len(files)} files, and only one with data and one with "
                "its log can be restored for a proof. Set verify to checksum."
            )
        return [names[0][0], names[1][0]]

    def remove(self) -> None:
        """Remove it from the folder of the server. Raises ``OSError``."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.file)


def backups_folder(bwdata: str) -> str:
    """Return the folder that mssql and the host share for backups."""
    return os.path.join(bwdata, "mssql", "backups")


def remove_stale_dumps(server: SqlServer, bwdata: str) -> None:
    """Remove what killed runs left in the folder of the server, and in its database. Only under the server's lock.

    Raises ``DatabaseError`` and ``OSError``.
    """
    folder = backups_folder(bwdata)
    for name in os.listdir(folder):
        if name.startswith(_PREFIX) and name.endswith(_ENDING):
            os.unlink(os.path.join(folder, name))
    for database in server.values(statements.DATABASES):
        if database.startswith(_CHECK):
            server.run(statements.drop(database))
