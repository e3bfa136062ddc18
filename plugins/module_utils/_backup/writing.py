# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing the files of a set: into a folder, or into an archive that is compressed and encrypted as it is written."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import stat
import tarfile
from typing import IO, Iterable, List, Optional, Tuple, Union, cast

from .._common.errors import BitwardenError
from .encryption import Cipher, Encryption
from .manifest import NAME, FileEntry, Manifest
from .reading import CHUNK, HashingReader
from .sources import Source

# Attachments are encrypted and cannot be compressed; more effort would only take time.
_LEVEL = 3


class WriteError(BitwardenError):
    """A file changed while it was copied. The message names it."""


class Limited:
    """The first ``size`` bytes of a stream: a file may grow while it is copied."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream = stream
        self._left = size

    def read(self, size: int = CHUNK) -> bytes:
        """Return the next bytes."""
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        return data


class FolderWriter:
    """Writes a set into the folder ``path``, which it makes."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.files: List[FileEntry] = []
        self._folders: List[Tuple[str, os.stat_result]] = []
        os.mkdir(path, 0o700)

    def add(self, source: Source) -> None:
        """Add a file, folder or link of the server; a file that has vanished is left out. Raises ``WriteError``."""
        entry = _entry(source)
        target = os.path.join(self.path, source.path.rstrip("/"))
        os.makedirs(os.path.dirname(target), 0o700, exist_ok=True)
        if source.is_folder:
            os.makedirs(target, 0o700, exist_ok=True)
            # Its own rights could keep what is in it from being written.
            self._folders.append((target, source.status))
        elif source.link:
            os.symlink(source.link, target)
            _give(target, source.status)
        else:
            copied = self._copy(source, target)
            if copied is None:
                return
            entry = copied
        self.files.append(entry)

    def _copy(self, source: Source, target: str) -> Optional[FileEntry]:
        with contextlib.ExitStack() as stack:
            try:
                stream = stack.enter_context(open(source.file, "rb"))
            except FileNotFoundError:
                return None
            status = os.fstat(stream.fileno())
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            output = stack.enter_context(os.fdopen(descriptor, "wb"))
            hashed = HashingReader(cast("IO[bytes]", Limited(stream, status.st_size)))
            for data in iter(hashed.read, b""):
                output.write(data)
            _give(output.fileno(), status)
        return _hashed(source._replace(status=status), hashed)

    def close(self) -> None:
        """Give the folders the rights that they have on the server, the innermost first."""
        for path, status in reversed(self._folders):
            _give(path, status)

    def seal(self, manifest: Manifest) -> None:
        """Write the manifest, and see to it that all is on the disk."""
        with open(os.path.join(self.path, NAME), "wb", opener=_private) as stream:
            stream.writelines(manifest.render(self.files))
        os.sync()


class ArchiveWriter:
    """Writes a set into the archive ``path``; ``size`` and ``sha256`` of it are known once it is closed."""

    def __init__(self, path: str, encryption: Optional[Encryption]) -> None:
        self.path = path
        self.files: List[FileEntry] = []
        self.size = 0
        self.sha256 = ""
        self._file = _HashingWriter(open(path, "xb", opener=_private))  # noqa: SIM115  closed with the archive
        self._cipher = Cipher(encryption, self._file.write) if encryption else None
        sink = self._cipher.input if self._cipher else cast("IO[bytes]", self._file)
        self._gzip = gzip.GzipFile("", "wb", _LEVEL, sink, 0)
        self._tar = tarfile.open(  # noqa: SIM115
            fileobj=cast("IO[bytes]", self._gzip), mode="w|", bufsize=CHUNK, format=tarfile.PAX_FORMAT
        )

    def add(self, source: Source) -> None:
        """Add a file, folder or link of the server; a file that has vanished is left out. Raises ``WriteError``."""
        if source.is_folder or source.link:
            self._put(_member(source, source.status), None)
            self.files.append(_entry(source))
            return
        try:
            stream = open(source.file, "rb")  # noqa: SIM115  closed below
        except FileNotFoundError:
            return
        with stream:
            status = os.fstat(stream.fileno())
            hashed = HashingReader(cast("IO[bytes]", Limited(stream, status.st_size)))
            self._put(_member(source, status), hashed)
            self.files.append(_hashed(source._replace(status=status), hashed))

    def _put(self, member: tarfile.TarInfo, content: Optional[HashingReader]) -> None:
        try:
            self._tar.addfile(member, cast("Optional[IO[bytes]]", content))
        except BrokenPipeError:
            raise self._failure() from None
        except OSError:
            if content is not None and content.size < member.size:
                raise _changed(member.name) from None
            raise
        self._tar.members = []  # type: ignore[attr-defined]  # they would all be kept

    def add_manifest(self, manifest: Manifest) -> None:
        """Add the manifest as the last file."""
        text = _Lines(manifest.render(self.files))
        member = tarfile.TarInfo(NAME)
        member.size, member.mode = sum(map(len, manifest.render(self.files))), 0o600
        self._put(member, cast("HashingReader", text))

    def close(self) -> None:
        """Complete the archive. Raises ``EncryptionError``."""
        try:
            self._tar.close()
            self._gzip.close()
        except BrokenPipeError:
            raise self._failure() from None
        if self._cipher:
            self._cipher.close()
        self._file.close()
        self.size, self.sha256 = self._file.size, self._file.digest.hexdigest()

    def _failure(self) -> Exception:
        return self._cipher.failure() if self._cipher else BrokenPipeError()

    def abandon(self) -> None:
        """Let go of everything, whatever state it is in."""
        # Else they write their ends when Python removes them.
        self._tar.fileobj.closed = True  # type: ignore[attr-defined]
        self._gzip.fileobj = None  # type: ignore[assignment]
        if self._cipher:
            self._cipher.kill()
        with contextlib.suppress(OSError):
            self._file.stream.close()


class _HashingWriter:
    """A file that is written to, and hashed meanwhile."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self.stream.write(data)

    def flush(self) -> None:
        self.stream.flush()

    def close(self) -> None:
        self.stream.flush()
        os.fsync(self.stream.fileno())
        self.stream.close()


class _Lines:
    """Pieces of a text as a stream."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._left = b""

    def read(self, size: int) -> bytes:
        parts, length = [self._left], len(self._left)
        while length < size:
            piece = next(self._pieces, b"")
            if not piece:
                break
            parts.append(piece)
            length += len(piece)
        data = b"".join(parts)
        self._left = data[size:]
        return data[:size]


def _entry(source: Source) -> FileEntry:
    status = source.status
    return FileEntry(source.path, 0, "", stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, source.link)


def _hashed(source: Source, content: HashingReader) -> FileEntry:
    """Return the entry of a file that was copied. Raises ``WriteError`` for one that has become shorter meanwhile."""
    if content.size != source.status.st_size:
        raise _changed(source.path)
    return _entry(source)._replace(size=content.size, sha256=content.digest.hexdigest())


def _changed(path: str) -> WriteError:
    return WriteError(f"{path} became shorter while it was copied. Run the backup again.")


def _member(source: Source, status: os.stat_result) -> tarfile.TarInfo:
    member = tarfile.TarInfo(source.path.rstrip("/"))
    member.mode, member.uid, member.gid = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
    member.mtime = int(status.st_mtime)
    if source.is_folder:
        member.type = tarfile.DIRTYPE
    elif source.link:
        member.type, member.linkname = tarfile.SYMTYPE, source.link
    else:
        member.size = status.st_size
    return member


def _give(target: Union[int, str], status: os.stat_result) -> None:
    """Give a copy the owner, rights and time of the original, as far as this user may; the manifest has them all."""
    is_link = isinstance(target, str) and os.path.islink(target)
    with contextlib.suppress(PermissionError):
        os.chown(target, status.st_uid, status.st_gid, **({"follow_symlinks": False} if is_link else {}))
    if not is_link:
        os.chmod(target, stat.S_IMODE(status.st_mode))
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
