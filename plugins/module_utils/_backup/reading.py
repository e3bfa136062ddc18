# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading what is in a set: every file as a stream, from a folder or an archive, with little memory."""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from typing import IO, Dict, Iterator, List, Optional, Tuple, cast

from .._common.errors import BitwardenError
from .manifest import NAME, FileEntry
from .sets import BackupSet, SetError, read_files

CHUNK = 1 << 18
_SHOWN = 5

#: What a damaged archive makes Python raise.
DAMAGE = (tarfile.TarError, zlib.error, EOFError, OSError)


class HashingReader:
    """A stream that is read on, and hashed meanwhile."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int = CHUNK) -> bytes:
        """Return the next bytes."""
        data = self._stream.read(size)
        self.digest.update(data)
        self.size += len(data)
        return data


def contents(
    backup: BackupSet, files: List[FileEntry], stream: Optional[IO[bytes]] = None
) -> Iterator[Tuple[FileEntry, Optional[IO[bytes]]]]:
    """Yield the files of a set in the order in which they are in it, each file with its content as a stream.

    Read the content before the next one is asked for. ``stream`` is the archive, decrypted, where it is not plain.
    Raises ``SetError`` for a damaged archive or one with files that the manifest does not list.
    """
    if not backup.is_archive:
        for entry in files:
            if entry.is_file:
                with open(os.path.join(backup.path, entry.path), "rb") as content:
                    yield entry, content
            else:
                yield entry, None
        return
    if stream is not None:
        yield from _members(backup, files, stream)
        return
    with open(backup.path, "rb") as plain:
        yield from _members(backup, files, plain)


def _members(
    backup: BackupSet, files: List[FileEntry], stream: IO[bytes]
) -> Iterator[Tuple[FileEntry, Optional[IO[bytes]]]]:
    entries: Dict[str, FileEntry] = {entry.path: entry for entry in files}
    try:
        with tarfile.open(fileobj=stream, mode="r|gz", bufsize=CHUNK) as archive:
            for member in iter(archive.next, None):
                archive.members = []  # type: ignore[attr-defined]  # they would all be kept
                path = member.name + "/" if member.isdir() else member.name
                if path == NAME:
                    continue
                entry = entries.get(path)
                if entry is None or entry.is_file != member.isreg():
                    raise SetError(f"{backup.path} holds {path}, which its manifest does not list like that.")
                yield entry, archive.extractfile(member) if entry.is_file else None
    except DAMAGE as error:
        raise SetError(f"{backup.path} is damaged: {error or type(error).__name__}.") from None


def damage(backup: BackupSet, files: Optional[List[FileEntry]] = None) -> List[str]:
    """Read a set whole and return what differs from its manifest (or from ``files``), empty where nothing does.

    What is in an encrypted archive cannot be read here: of that, the archive itself is compared.
    """
    problems: List[str] = []
    try:
        files = read_files(backup) if files is None else files
        if not backup.is_archive:
            return _different(backup, files, None)
        with open(backup.path, "rb") as stream:
            hashed = HashingReader(stream)
            if backup.encryption is None:
                problems = _different(backup, files, cast("IO[bytes]", hashed))
            while hashed.read():
                pass
        if backup.manifest.archive != (hashed.size, hashed.digest.hexdigest()):
            problems.append(f"{backup.path} does not have the size and SHA-256 that its manifest says.")
    except BitwardenError as error:
        problems.append(str(error))
    except OSError as error:
        problems.append(f"{backup.path} cannot be read: {error.strerror}.")
    return problems


def _different(backup: BackupSet, files: List[FileEntry], stream: Optional[IO[bytes]]) -> List[str]:
    left = {entry.path for entry in files}
    changed: List[str] = []
    try:
        for entry, content in contents(backup, files, stream):
            if content is None:
                if (
                    entry.link
                    and not backup.is_archive
                    and os.readlink(os.path.join(backup.path, entry.path)) != entry.link
                ):
                    changed.append(entry.path)
            else:
                hashed = HashingReader(content)
                while hashed.read():
                    pass
                if (hashed.size, hashed.digest.hexdigest()) != (entry.size, entry.sha256):
                    changed.append(entry.path)
            left.discard(entry.path)
    except SetError as error:
        return [str(error)]
    except OSError as error:
        return [f"{error.filename or backup.path} cannot be read: {error.strerror}."]
    missing = sorted(left)
    return [
        f"{path} in {backup.path} {seen}."
        for paths, seen in ((changed, "does not have the content that the manifest says"), (missing, "is missing"))
        for path in paths[:_SHOWN]
    ]
