# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The statements that the server takes; any other is a syntax error."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import Any, Callable, Dict, List, Match, Tuple

from . import backup_tables, backups
from .engine import SqlServerError
from .instance import Instance

#: ``{"message": text}``, or ``{"columns": […], "rows": [[…]], "count": bool}`` with the line about the number of rows.
Output = Dict[str, Any]
_NAME = r"\[((?:[^\]]|\]\])+)\]"
_TEXT = r"N'((?:[^']|'')*)'"
_TABLES = "User|Organization|Cipher|Migration"
_QUIET = r"SET NOCOUNT ON; "
Handler = Callable[[Instance, Match[str]], List[Output]]


def run(instance: Instance, text: str) -> List[Output]:
    """Run one statement. Raises `SqlServerError`."""
    for pattern, handler in _FORMS:
        found = pattern.fullmatch(text.strip())
        if found:
            with instance.lock:
                return handler(instance, found)
    words = re.findall(r"\w+|\S", text) or [""]
    raise SqlServerError(102, 15, 1, f"Incorrect syntax near '{words[min(1, len(words) - 1)]}'.")


def understood(text: str) -> bool:
    """Tell whether the text has one of the forms."""
    return any(pattern.fullmatch(text) for pattern, _handler in _FORMS)


def _name(text: str) -> str:
    return text.replace("]]", "]")


def _text(text: str) -> str:
    return text.replace("''", "'")


def _messages(lines: List[str]) -> List[Output]:
    return [{"message": line} for line in lines]


def _table(columns: List[str], rows: List[List[Any]], count: bool = False) -> List[Output]:
    return [{"columns": columns, "rows": rows, "count": count}]


def _one(instance: Instance, _found: Match[str]) -> List[Output]:
    return _table([""], [[1]], count=True)


def _major(instance: Instance, _found: Match[str]) -> List[Output]:
    return _table([""], [[instance.engine.major]])


def _databases(instance: Instance, _found: Match[str]) -> List[Output]:
    return _table(["name"], [[name] for name in instance.master.names()])


def _select(instance: Instance, database: str, table: str, query: str) -> List[List[Any]]:
    missing = SqlServerError(208, 16, 1, f"Invalid object name '{database}.dbo.{table}'.")
    if instance.master.find(database) is None:
        raise missing
    with closing(instance.open(database)) as connection:
        try:
            return [list(row) for row in connection.execute(query)]
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                raise missing from error
            raise


def _counts(instance: Instance, found: Match[str]) -> List[Output]:
    counted = [(_name(database), table) for database, table in re.findall(_IN_TABLE, found[0])]
    counts = [_select(instance, *one, f'SELECT COUNT(*) FROM "{one[1]}"')[0][0] for one in counted]
    return _table([""] * len(counts), [counts])


def _newest_migration(instance: Instance, found: Match[str]) -> List[Output]:
    query = 'SELECT "ScriptName" FROM "Migration" ORDER BY "Id" DESC LIMIT 1'
    return _table(["ScriptName"], _select(instance, _name(found[1]), "Migration", query))


def _migrations(instance: Instance, found: Match[str]) -> List[Output]:
    query = 'SELECT "ScriptName" FROM "Migration" ORDER BY "ScriptName"'
    return _table(["ScriptName"], _select(instance, _name(found[1]), "Migration", query))


def _key_ids(instance: Instance, found: Match[str]) -> List[Output]:
    if found[1] != found[2]:
        raise SqlServerError(208, 16, 1, f"Invalid object name '{_name(found[2])}.dbo.User'.")
    query = " UNION ".join(
        f'SELECT DISTINCT substr("{column}", 1, 29) FROM "User" WHERE "{column}" LIKE \'P|%\''
        for column in ("MasterPassword", "Key")
    )
    return _table([""], _select(instance, _name(found[1]), "User", query))


def _enabled(instance: Instance, found: Match[str]) -> List[Output]:
    query = 'SELECT upper("Id") FROM "Organization" WHERE "Enabled" = 1 ORDER BY "Id"'
    return _table([""], _select(instance, _name(found[1]), "Organization", query))


def _backup(instance: Instance, found: Match[str]) -> List[Output]:
    options = backups.Options(_text(found[3]), copy_only=True, checksum=True)
    return _messages(backups.backup(instance, _name(found[1]), _text(found[2]), options))


def _nightly_backup(instance: Instance, found: Match[str]) -> List[Output]:
    return _messages(backups.backup(instance, _name(found[1]), _text(found[2]), backups.Options(_text(found[3]))))


def _verify(instance: Instance, found: Match[str]) -> List[Output]:
    return _messages(backups.verify(instance, _text(found[1]), bool(found[2])))


def _header(_instance: Instance, found: Match[str]) -> List[Output]:
    return _table(*backup_tables.header(_text(found[1])), count=True)


def _files(instance: Instance, found: Match[str]) -> List[Output]:
    return _table(*backup_tables.files(_text(found[1]), instance.engine), count=True)


def _offline(instance: Instance, found: Match[str]) -> List[Output]:
    if instance.master.find(_text(found[1])) is None:
        return []
    used = instance.in_use(_name(found[2]))
    instance.set_offline(_name(found[2]))
    share = ("0", "100") if used else ()
    text = "Nonqualified transactions are being rolled back. Estimated rollback completion:"
    return _messages([f"{text} {part}%." for part in share])


def _online(instance: Instance, found: Match[str]) -> List[Output]:
    instance.set_online(_name(found[1]))
    return []


def _restore(instance: Instance, found: Match[str]) -> List[Output]:
    return _messages(backups.restore(instance, _name(found[1]), _text(found[2]), {}, True, bool(found[3])))


def _restore_elsewhere(instance: Instance, found: Match[str]) -> List[Output]:
    path, data, data_path, log, log_path = (_text(found[number]) for number in range(2, 7))
    moves = {data: data_path, log: log_path}
    return _messages(backups.restore(instance, _name(found[1]), path, moves, False, bool(found[7])))


def _check(instance: Instance, found: Match[str]) -> List[Output]:
    name = _name(found[1])
    if instance.master.find(name) is None:
        text = (
            f"Could not find database '{name}'. The database either does not exist, or was dropped before a statement "
            "tried to use it. Verify if the database exists by querying the sys.databases catalog view."
        )
        raise SqlServerError(2520, 16, 5, text)
    with closing(instance.open(name)) as connection:
        for (line,) in connection.execute("PRAGMA integrity_check(1)"):
            if line != "ok":
                summary = f"CHECKDB found 0 allocation errors and 1 consistency errors in database '{name}'."
                raise SqlServerError(
                    8939, 16, 98, f"Table error: Object ID 0, index ID -1, page (1:1). Test failed: {line}",
                    SqlServerError(8990, 10, 1, summary),
                )  # fmt: skip
    return []


def _drop(instance: Instance, found: Match[str]) -> List[Output]:
    instance.drop(_name(found[1]))
    return []


def _create(instance: Instance, found: Match[str]) -> List[Output]:
    instance.create(_name(found[1]))
    return []


_IN_TABLE = rf"FROM {_NAME}\.\[dbo\]\.\[({_TABLES})\]"
_COUNT = rf"\(SELECT COUNT_BIG\(\*\) {_IN_TABLE}\)"
_OF_DATABASE = rf"{_NAME}\.\[dbo\]\."
_FORMS: List[Tuple[Any, Handler]] = [
    (re.compile(form), handler)
    for form, handler in (
        (r"SELECT 1", _one),
        (_QUIET + r"SELECT CAST\(SERVERPROPERTY\('ProductMajorVersion'\) AS int\)", _major),
        (_QUIET + r"SELECT name FROM sys\.databases ORDER BY name", _databases),
        (_QUIET + rf"SELECT {_COUNT}(?:, {_COUNT})*", _counts),
        (
            _QUIET + rf"SELECT TOP \(1\) \[ScriptName\] FROM {_OF_DATABASE}\[Migration\] ORDER BY \[Id\] DESC",
            _newest_migration,
        ),
        (
            _QUIET + rf"SELECT \[ScriptName\] FROM {_OF_DATABASE}\[Migration\] ORDER BY \[ScriptName\]",
            _migrations,
        ),
        (
            _QUIET + rf"SELECT DISTINCT LEFT\(\[MasterPassword\], 29\) FROM {_OF_DATABASE}\[User\] "
            r"WHERE \[MasterPassword\] LIKE N'P\|%' UNION "
            rf"SELECT DISTINCT LEFT\(\[Key\], 29\) FROM {_OF_DATABASE}\[User\] WHERE \[Key\] LIKE N'P\|%'",
            _key_ids,
        ),
        (
            _QUIET + rf"SELECT CONVERT\(nvarchar\(36\), \[Id\]\) FROM {_OF_DATABASE}\[Organization\] "
            r"WHERE \[Enabled\] = 1 ORDER BY \[Id\]",
            _enabled,
        ),
        (
            rf"BACKUP DATABASE {_NAME} TO DISK = {_TEXT} WITH COPY_ONLY, INIT, CHECKSUM, NAME = {_TEXT}",
            _backup,
        ),
        (
            rf"BACKUP DATABASE {_NAME} TO DISK = {_TEXT} WITH INIT, NAME = {_TEXT}, NOSKIP, NOFORMAT",
            _nightly_backup,
        ),
        (rf"RESTORE VERIFYONLY FROM DISK = {_TEXT}( WITH CHECKSUM)?", _verify),
        (rf"RESTORE HEADERONLY FROM DISK = {_TEXT}", _header),
        (rf"RESTORE FILELISTONLY FROM DISK = {_TEXT}", _files),
        (
            rf"IF DB_ID\({_TEXT}\) IS NOT NULL ALTER DATABASE {_NAME} SET OFFLINE WITH ROLLBACK IMMEDIATE",
            _offline,
        ),
        (rf"ALTER DATABASE {_NAME} SET ONLINE", _online),
        (rf"RESTORE DATABASE {_NAME} FROM DISK = {_TEXT} WITH REPLACE(, CHECKSUM)?", _restore),
        (
            rf"RESTORE DATABASE {_NAME} FROM DISK = {_TEXT} WITH MOVE {_TEXT} TO {_TEXT}, MOVE {_TEXT} TO {_TEXT}"
            r"(, CHECKSUM)?",
            _restore_elsewhere,
        ),
        (rf"DBCC CHECKDB \({_NAME}\) WITH NO_INFOMSGS", _check),
        (rf"DROP DATABASE {_NAME}", _drop),
        # Not a statement of ours: how the server's own migrator begins.
        (rf"CREATE DATABASE {_NAME}", _create),
    )
]
