# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What RESTORE HEADERONLY and FILELISTONLY show of a set, in the real columns."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any, List, Tuple

from . import backup_file
from .backup_file import BackupSet
from .engine import Engine, SqlServerError, aborted

Table = Tuple[List[str], List[List[Any]]]
_NO_GUID = "00000000-0000-0000-0000-000000000000"
_LSN = "37000000044800001"
_COLLATION = "SQL_Latin1_General_CP1_CI_AS"
_SINCE_2022 = 957


def header(path: str) -> Table:
    """Return the table of RESTORE HEADERONLY."""
    try:
        found = backup_file.read(path)
    except SqlServerError as error:
        raise aborted("RESTORE HEADERONLY", error) from error
    columns = {**_common(found), **(_newer() if found.header["format"] >= _SINCE_2022 else {})}
    return list(columns), [list(columns.values())]


def files(path: str, engine: Engine) -> Table:
    """Return the table of RESTORE FILELISTONLY."""
    try:
        found = backup_file.read(path)
        backup_file.refuse_newer(found, engine)
    except SqlServerError as error:
        raise aborted("RESTORE FILELIST", error) from error
    rows = [_file(found, number, file) for number, file in enumerate(found.header["files"], 1)]
    return list(rows[0]), [list(row.values()) for row in rows]


def _common(found: BackupSet) -> dict[str, Any]:
    header, size = found.header, Path(found.path).stat().st_size
    major, minor, build, _rest = header["number"].split(".")
    guid = header["family"].upper()
    return {
        "BackupName": header["title"],
        "BackupDescription": None,
        "BackupType": 1,
        "ExpirationDate": None,
        "Compressed": 0,
        "Position": 1,
        "DeviceType": 2,
        "UserName": "sa",
        "ServerName": platform.node(),
        "DatabaseName": header["database"],
        "DatabaseVersion": header["format"],
        "DatabaseCreationDate": header["created"],
        "BackupSize": size,
        **dict.fromkeys(("FirstLSN", "LastLSN", "CheckpointLSN"), _LSN),
        "DatabaseBackupLSN": 0,
        "BackupStartDate": header["started"],
        "BackupFinishDate": header["finished"],
        "SortOrder": 52,
        "CodePage": 0,
        "UnicodeLocaleId": 1033,
        "UnicodeComparisonStyle": 196609,
        "CompatibilityLevel": int(major) * 10,
        "SoftwareVendorId": 4608,
        "SoftwareVersionMajor": int(major),
        "SoftwareVersionMinor": int(minor),
        "SoftwareVersionBuild": int(build),
        "MachineName": platform.node(),
        "Flags": (512 | 1024 if header["copy_only"] else 512) | (16 if found.sums else 0),
        "BindingID": guid,
        "RecoveryForkID": guid,
        "Collation": _COLLATION,
        "FamilyGUID": guid,
        "HasBulkLoggedData": 0,
        "IsSnapshot": 0,
        "IsReadOnly": 0,
        "IsSingleUser": 0,
        "HasBackupChecksums": int(bool(found.sums)),
        "IsDamaged": 0,
        "BeginsLogChain": 0,
        "HasIncompleteMetaData": 0,
        "IsForceOffline": 0,
        "IsCopyOnly": int(header["copy_only"]),
        "FirstRecoveryForkID": guid,
        "ForkPointLSN": None,
        "RecoveryModel": "SIMPLE",
        "DifferentialBaseLSN": None,
        "DifferentialBaseGUID": None,
        "BackupTypeDescription": "Database",
        "BackupSetGUID": header["set"].upper(),
        "CompressedBackupSize": size,
        "Containment": 0,
        "KeyAlgorithm": None,
        "EncryptorThumbprint": None,
        "EncryptorType": None,
    }


def _newer() -> dict[str, Any]:
    return {"LastValidRestoreTime": None, "TimeZone": 0, "CompressionAlgorithm": None}


def _file(found: BackupSet, number: int, file: dict[str, str]) -> dict[str, Any]:
    data = file["type"] == "D"
    size = found.size if data else backup_file.PAGE * 2
    return {
        "LogicalName": file["logical"],
        "PhysicalName": file["path"],
        "Type": file["type"],
        "FileGroupName": "PRIMARY" if data else None,
        "Size": size,
        "MaxSize": 35184372080640 if data else 2199023255552,
        "FileId": number,
        "CreateLSN": 0,
        "DropLSN": 0,
        "UniqueId": found.header["family"].upper(),
        "ReadOnlyLSN": 0,
        "ReadWriteLSN": 0,
        "BackupSizeInBytes": size if data else 0,
        "SourceBlockSize": 4096,
        "FileGroupId": 1 if data else 0,
        "LogGroupGUID": None,
        "DifferentialBaseLSN": 0,
        "DifferentialBaseGUID": _NO_GUID,
        "IsReadOnly": 0,
        "IsPresent": 1,
        "TDEThumbprint": None,
        "SnapshotUrl": None,
    }
