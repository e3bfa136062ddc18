# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""BACKUP and RESTORE."""

from __future__ import annotations

import sqlite3
import tempfile
import uuid
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence

from . import backup_file
from .backup_file import PAGE, BackupSet
from .engine import SqlServerError, aborted
from .instance import Instance, connect
from .master import ONLINE, RESTORING, Entry

_LOG_PAGES = 2


class Options(NamedTuple):
    """``title``: the set's name; ``copy_only`` and ``checksum``: those options of BACKUP."""

    title: str
    copy_only: bool = False
    checksum: bool = False


def backup(instance: Instance, name: str, path: str, options: Options) -> List[str]:
    """Write a backup; returns the messages."""
    started = datetime.now(timezone.utc)
    try:
        source = instance.file(name)
        entry = instance.entry(name)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "copy"
            with closing(connect(source)) as database, closing(sqlite3.connect(str(copy))) as target:
                database.backup(target)
            pages = -(-copy.stat().st_size // PAGE)
            header = _header(instance, entry, options, started)
            backup_file.write(path, header, copy, options.checksum)
    except SqlServerError as error:
        text = f"BACKUP failed to complete the command BACKUP DATABASE {name}. Check the backup application log for "
        instance.log.error(3041, 16, 1, f"{text}detailed messages.", "Backup")
        raise aborted("BACKUP DATABASE", error) from error
    seconds = max((datetime.now(timezone.utc) - started).total_seconds(), 0.001)
    end = _processed("BACKUP", pages + _LOG_PAGES, seconds)
    instance.log.write(
        f"Database backed up. Database: {entry['name']}, creation date(time): {entry['created']}, "
        f"pages dumped: {pages}, number of dump devices: 1, device information: (FILE=1, TYPE=DISK: {{'{path}'}}). "
        "This is an informational message only. No user action is required.",
        "Backup",
    )
    instance.log.write(end, "Backup")
    return [*_per_file(name, header["files"], pages), end]


def verify(instance: Instance, path: str, checksum: bool) -> List[str]:
    """Check a set, as far as it has checksums."""
    try:
        found = _readable(instance, path, checksum)
        if backup_file.first_bad_page(found) >= 0:
            raise SqlServerError(3189, 16, 1, "Damage to the backup set was detected.")
    except SqlServerError as error:
        raise aborted("VERIFY DATABASE", error) from error
    return ["The backup set on file 1 is valid."]


def restore(
    instance: Instance, name: str, path: str, moves: Dict[str, str], replace: bool, checksum: bool
) -> List[str]:
    """Make a database of a set. What is found wrong with its pages is found too late: the database is then lost."""
    started = datetime.now(timezone.utc)
    try:
        found = _readable(instance, path, checksum)
        existing = instance.master.find(name)
        _may_replace(instance, name, existing, found, replace)
        files = _targets(instance, name, found, moves, replace)
        entry = {
            "name": existing["name"] if existing else name,
            "state": RESTORING,
            "family": found.header["family"],
            "created": found.header["created"],
            "files": files,
        }
        instance.master.put(entry)
        bad = backup_file.first_bad_page(found)
        if bad >= 0:
            text = f'RESTORE detected an error on page (1:{bad}) in database "{name}" as read from the backup set.'
            raise SqlServerError(3183, 16, 1, text)
        _lay(instance, found, entry, existing)
    except SqlServerError as error:
        raise aborted("RESTORE DATABASE", error) from error
    seconds = max((datetime.now(timezone.utc) - started).total_seconds(), 0.001)
    pages = -(-found.size // PAGE)
    end = _processed("RESTORE", pages + _LOG_PAGES, seconds)
    instance.log.write(f"Restore is complete on database '{name}'.  The database is now available.", "Backup")
    instance.log.write(end, "Backup")
    return [*_per_file(name, files, pages), end]


def _readable(instance: Instance, path: str, checksum: bool) -> BackupSet:
    found = backup_file.read(path)
    backup_file.refuse_newer(found, instance.engine)
    if checksum and not found.sums:
        text = "RESTORE WITH CHECKSUM cannot be specified because the backup set does not contain checksum information."
        raise SqlServerError(3187, 16, 1, text)
    return found


def _may_replace(instance: Instance, name: str, existing: object, found: BackupSet, replace: bool) -> None:
    if existing is None:
        return
    if not replace:
        if instance.entry(name)["family"] != found.header["family"]:
            text = f"The backup set holds a backup of a database other than the existing '{name}' database."
            raise SqlServerError(3154, 16, 4, text)
        text = (
            f'The tail of the log for the database "{name}" has not been backed up. Use BACKUP LOG WITH NORECOVERY to '
            "backup the log if it contains work you do not want to lose. Use the WITH REPLACE or WITH STOPAT clause of "
            "the RESTORE statement to just overwrite the contents of the log."
        )
        raise SqlServerError(3159, 16, 1, text)
    if instance.in_use(name):
        text = "Exclusive access could not be obtained because the database is in use."
        raise SqlServerError(3101, 16, 1, text)


def _targets(
    instance: Instance, name: str, found: BackupSet, moves: Dict[str, str], replace: bool
) -> List[Dict[str, str]]:
    files: List[Dict[str, str]] = found.header["files"]
    for logical in moves:
        if logical not in (file["logical"] for file in files):
            text = (
                f"Logical file '{logical}' is not part of database '{name}'. Use RESTORE FILELISTONLY to list the "
                "logical file names."
            )
            raise SqlServerError(3234, 16, 2, text)
    targets = [{**file, "path": moves.get(file["logical"], file["path"])} for file in files]
    errors: List[SqlServerError] = []
    for file in targets:
        errors += _objections(instance, name, file, replace)
    if errors:
        text = "Problems were identified while planning for the RESTORE statement. Previous messages provide details."
        raise SqlServerError(
            errors[0].number, errors[0].level, errors[0].state, errors[0].text, *errors[1:],
            SqlServerError(3119, 16, 1, text),
        )  # fmt: skip
    return targets


def _objections(instance: Instance, name: str, file: Dict[str, str], replace: bool) -> Sequence[SqlServerError]:
    path, owner = file["path"], instance.master.owner_of(file["path"])
    cannot = SqlServerError(
        3156, 16, 4, f"File '{file['logical']}' cannot be restored to '{path}'. Use WITH MOVE to identify a valid "
        "location for the file.",
    )  # fmt: skip
    if owner is not None and owner.lower() != name.lower():
        text = f"The file '{path}' cannot be overwritten.  It is being used by database '{owner}'."
        return [SqlServerError(1834, 16, 1, text), cannot]
    if not Path(path).parent.is_dir():
        text = (
            f'Directory lookup for the file "{path}" failed with the operating system error 2(The system cannot find '
            "the file specified.)."
        )
        return [SqlServerError(5133, 16, 1, text), cannot]
    if owner is None and Path(path).exists() and not replace:
        text = f"Cannot create file '{path}' because it already exists. Change the file path or the file name."
        return [SqlServerError(5170, 16, 1, text), cannot]
    return []


def _lay(instance: Instance, found: BackupSet, entry: Entry, existing: Entry | None) -> None:
    data, log = (entry["files"][number]["path"] for number in (0, 1))
    beside = Path(f"{data}.restoring")
    try:
        backup_file.extract(found, beside)
        if found.header["format"] < instance.engine.format:
            instance.upgrade(entry["name"], beside, found.header["format"])
    except (OSError, sqlite3.DatabaseError) as error:
        beside.unlink()
        text = f"Restore cannot process database '{entry['name']}': its pages cannot be read or written ({error})."
        raise SqlServerError(3634, 16, 1, text) from error
    if existing:
        instance.remove_files(existing)
    beside.replace(data)
    instance.lay_log(log)
    instance.master.put({**entry, "state": ONLINE})
    instance.mend(entry["name"])


def _header(instance: Instance, entry: Entry, options: Options, started: datetime) -> backup_file.Header:
    return {
        "database": entry["name"],
        "family": entry["family"],
        "created": entry["created"],
        "files": entry["files"],
        "format": instance.engine.format,
        "number": instance.engine.number,
        "engine": instance.engine.short,
        "title": options.title,
        "copy_only": options.copy_only,
        "started": started.strftime("%Y-%m-%d %H:%M:%S.000"),
        "finished": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.000"),
        "set": str(uuid.uuid4()),
    }


def _per_file(name: str, files: Sequence[Dict[str, str]], pages: int) -> List[str]:
    counts = (pages, _LOG_PAGES)
    return [
        f"Processed {count} pages for database '{name}', file '{file['logical']}' on file 1."
        for file, count in zip(files, counts)
    ]


def _processed(what: str, pages: int, seconds: float) -> str:
    speed = pages * PAGE / seconds / 1024 / 1024
    return f"{what} DATABASE successfully processed {pages} pages in {seconds:.3f} seconds ({speed:.3f} MB/sec)."
