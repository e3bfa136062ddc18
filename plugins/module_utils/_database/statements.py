# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The statements that are sent to SQL Server, each in exactly one form. Names and texts are quoted here only."""

from __future__ import annotations

from typing import Sequence

#: Where mssql has its backups inside its container; ``bwdata/mssql/backups`` on the host.
BACKUPS = "/etc/bitwarden/mssql/backups"
_DATA = "/var/opt/mssql/data"

#: The tables whose rows are counted.
TABLES = ("User", "Organization", "Cipher", "Migration")

ENGINE_VERSION = "SET NOCOUNT ON; SELECT CAST(SERVERPROPERTY('ProductMajorVersion') AS int)"
DATABASES = "SET NOCOUNT ON; SELECT name FROM sys.databases ORDER BY name"

# "P|", and as much of the protected text as holds its magic number and the id of its key: nothing secret.
_PROTECTED = 29


def name(text: str) -> str:
    """Return a name as it is written in a statement."""
    return "[{}]".format(text.replace("]", "]]"))


def text(value: str) -> str:
    """Return a text as it is written in a statement."""
    return "N'{}'".format(value.replace("'", "''"))


def backup(database: str, path: str, title: str) -> str:
    """Back ``database`` up to ``path``, without a part in any other chain of backups."""
    return (
        f"BACKUP DATABASE {name(database)} TO DISK = {text(path)} WITH COPY_ONLY, INIT, CHECKSUM, NAME = {text(title)}"
    )


def verify(path: str) -> str:
    """Verify the checksums of a backup."""
    return f"RESTORE VERIFYONLY FROM DISK = {text(path)} WITH CHECKSUM"


def header(path: str) -> str:
    """Read the header of a backup; the names of the columns are needed."""
    return f"RESTORE HEADERONLY FROM DISK = {text(path)}"


def file_list(path: str) -> str:
    """Read which database files are in a backup; the names of the columns are needed."""
    return f"RESTORE FILELISTONLY FROM DISK = {text(path)}"


def counts(database: str, tables: Sequence[str]) -> str:
    """Count the rows of some of Bitwarden's tables: one row, with a column for each table."""
    columns = ", ".join(f"(SELECT COUNT_BIG(*) FROM {name(database)}.[dbo].{name(table)})" for table in tables)
    return f"SET NOCOUNT ON; SELECT {columns}"


def newest_migration(database: str) -> str:
    """Select the name of the newest migration script that has run."""
    return f"SET NOCOUNT ON; SELECT TOP (1) [ScriptName] FROM {name(database)}.[dbo].[Migration] ORDER BY [Id] DESC"


def migrations(database: str) -> str:
    """Select the names of all migration scripts that have run."""
    return f"SET NOCOUNT ON; SELECT [ScriptName] FROM {name(database)}.[dbo].[Migration] ORDER BY [ScriptName]"


def protected_beginnings(database: str) -> str:
    """Select the beginnings of the protected texts, each of which names its key."""
    users = f"{name(database)}.[dbo].[User]"
    selects = [
        f"SELECT DISTINCT LEFT([{column}], {_PROTECTED}) FROM {users} WHERE [{column}] LIKE N'P|%'"
        for column in ("MasterPassword", "Key")
    ]
    return f"SET NOCOUNT ON; {' UNION '.join(selects)}"


def enabled_organizations(database: str) -> str:
    """Select the ids of the enabled organizations."""
    organizations = f"{name(database)}.[dbo].[Organization]"
    return f"SET NOCOUNT ON; SELECT CONVERT(nvarchar(36), [Id]) FROM {organizations} WHERE [Enabled] = 1 ORDER BY [Id]"


def set_offline(database: str) -> str:
    """Disconnect everyone from a database, if it exists, and take it offline."""
    return f"IF DB_ID({text(database)}) IS NOT NULL ALTER DATABASE {name(database)} SET OFFLINE WITH ROLLBACK IMMEDIATE"


def restore(database: str, path: str) -> str:
    """Replace a database by the one in a backup."""
    return f"RESTORE DATABASE {name(database)} FROM DISK = {text(path)} WITH REPLACE, CHECKSUM"


def set_online(database: str) -> str:
    """Bring a database online."""
    return f"ALTER DATABASE {name(database)} SET ONLINE"


def restore_beside(database: str, path: str, data: str, log: str) -> str:
    """Restore a backup as another ``database``; ``data`` and ``log`` are the logical names in ``file_list``."""
    files = {data: f"{_DATA}/{database}.mdf", log: f"{_DATA}/{database}_log.ldf"}
    moves = ", ".join(f"MOVE {text(logical)} TO {text(file)}" for logical, file in files.items())
    return f"RESTORE DATABASE {name(database)} FROM DISK = {text(path)} WITH {moves}, CHECKSUM"


def check(database: str) -> str:
    """Check a database as a whole."""
    return f"DBCC CHECKDB ({name(database)}) WITH NO_INFOMSGS"


def drop(database: str) -> str:
    """Remove a database and its files."""
    return f"DROP DATABASE {name(database)}"
