# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backup files: a header in JSON, the pages of the database, a checksum of each page where they were asked for.

The first bytes are those of the tape format of the real ones.
"""

from __future__ import annotations

import errno
import json
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Dict, List, NamedTuple

from .engine import Engine, SqlServerError

PAGE = 8192
_MAGIC = b"TAPE\x00\x00\x03\x00"
_LENGTH = 8
_ERRORS = {
    errno.ENOENT: "2(The system cannot find the file specified.)",
    errno.ENOTDIR: "3(The system cannot find the path specified.)",
    errno.EACCES: "5(Access is denied.)",
    errno.EPERM: "5(Access is denied.)",
    errno.EISDIR: "5(Access is denied.)",
    errno.EROFS: "19(The media is write protected.)",
    errno.ENOSPC: "112(There is not enough space on the disk.)",
}
Header = Dict[str, Any]


class BackupSet(NamedTuple):
    """What a file holds; ``sums`` are the checksums of its pages (none without CHECKSUM)."""

    path: str
    header: Header
    sums: List[int]
    start: int

    @property
    def size(self) -> int:
        return int(self.header["size"])


def write(path: str, header: Header, source: Path, checksum: bool) -> None:
    """Write ``source`` as a backup in place; a write that is cut off leaves a file that is too short."""
    sums: List[int] = []
    if checksum:
        with source.open("rb") as pages:
            sums = [zlib.crc32(page) for page in _pages(pages)]
    document = json.dumps({"header": {**header, "size": source.stat().st_size}, "sums": sums}).encode()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o660)
    except OSError as error:
        raise cannot_open(path, error, creating=True) from error
    try:
        with os.fdopen(handle, "wb") as target, source.open("rb") as pages:
            target.write(_MAGIC + len(document).to_bytes(_LENGTH, "little"))
            target.write(zlib.crc32(document).to_bytes(4, "little") + document)
            for page in _pages(pages):
                target.write(page)
    except OSError as error:
        raise SqlServerError(3202, 16, 1, f'Write on "{path}" failed: {_system(error)}') from error


def read(path: str) -> BackupSet:
    """Read the header. A file that is none of ours is refused, one that is too short is not noticed here."""
    try:
        with Path(path).open("rb") as file:
            magic, length = file.read(len(_MAGIC)), file.read(_LENGTH)
            checksum = file.read(4)
            document = file.read(int.from_bytes(length, "little")) if magic == _MAGIC else b""
    except OSError as error:
        raise cannot_open(path, error, creating=False) from error
    if magic != _MAGIC or zlib.crc32(document).to_bytes(4, "little") != checksum:
        text = f"The media family on device '{path}' is incorrectly formed."
        raise SqlServerError(3241, 16, 0, f"{text} SQL Server cannot process this media family.")
    content = json.loads(document)
    return BackupSet(path, content["header"], content["sums"], len(_MAGIC) + _LENGTH + 4 + len(document))


def refuse_newer(backup: BackupSet, engine: Engine) -> None:
    """Reject a newer engine's backup, of which only the header is read."""
    if backup.header["format"] > engine.format:
        text = (
            f"The database was backed up on a server running version {backup.header['engine']}. That version is "
            f"incompatible with this server, which is running version {engine.short}. Either restore the database on a "
            "server that supports the backup, or use a backup that is compatible with this server."
        )
        raise SqlServerError(3169, 16, 1, text)


def first_bad_page(backup: BackupSet) -> int:
    """Return the first page that is not as it was written, as far as the set can tell; -1 where there is none."""
    if Path(backup.path).stat().st_size < backup.start + backup.size:
        raise SqlServerError(3203, 16, 1, f'Read on "{backup.path}" failed: 38(Reached the end of the file.)')
    with Path(backup.path).open("rb") as file:
        file.seek(backup.start)
        for number, (page, checksum) in enumerate(zip(_pages(file), backup.sums)):
            if zlib.crc32(page) != checksum:
                return number
    return -1


def extract(backup: BackupSet, target: Path) -> None:
    """Write the pages of the set to a file."""
    with Path(backup.path).open("rb") as file, target.open("wb") as out:
        file.seek(backup.start)
        left = backup.size
        while left:
            page = file.read(min(PAGE * 128, left))
            if not page:
                raise SqlServerError(3203, 16, 1, f'Read on "{backup.path}" failed: 38(Reached the end of the file.)')
            out.write(page)
            left -= len(page)


def cannot_open(path: str, error: OSError, creating: bool) -> SqlServerError:
    """Return the error for a file that cannot be opened."""
    reason = _system(error)
    if creating and error.errno == errno.ENOENT:
        reason = _ERRORS[errno.ENOTDIR]
    text = f"Cannot open backup device '{path}'. Operating system error {reason}."
    return SqlServerError(3201, 16, 1 if creating else 2, text)


def _system(error: OSError) -> str:
    return _ERRORS.get(error.errno or 0, f"31({os.strerror(error.errno or 0)})")


def _pages(file: BinaryIO) -> Any:
    return iter(lambda: file.read(PAGE), b"")
