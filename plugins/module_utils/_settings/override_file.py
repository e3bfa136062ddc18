# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Override files on disk: reading, planning a change, writing and restoring."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import struct
import time
from pathlib import Path
from typing import List, NamedTuple, Optional, Tuple

from .._common import atomic_file
from .._common.diff import Difference
from .._env_files.document import EnvFile, EnvFileError
from .resolve import DesiredSettings, SettingsRequest, resolve
from .secrecy import is_secret
from .values import same_meaning

FILES = {
    "global": "global.override.env",
    "mssql": "mssql.override.env",
    "key_connector": "key-connector.override.env",
}


#: How many backups of a file are kept where the user does not say.
BACKUP_COUNT = 10

# After the name of the file: the moment, and a number where several backups are of one second.
_BACKUP = re.compile(r"\.(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)(?:\.(\d+))?\.bak\Z")

# <linux/fs.h>: FS_IOC_GETFLAGS, FS_IMMUTABLE_FL | FS_APPEND_FL.
_GET_FLAGS = 0x80086601 if struct.calcsize("l") == 8 else 0x80046601
_PROTECTED = 0x10 | 0x20

_EFFECTIVE = os.access in os.supports_effective_ids


class OverrideFileError(EnvFileError):
    """A file that cannot be read or written. The message names the path and the remedy, never its text."""


class FilePlan(NamedTuple):
    """A planned change of a file: its bytes before and after, the difference, and the desired settings."""

    before: bytes
    after: bytes
    difference: Difference
    desired: DesiredSettings


class OverrideFile:
    """One override file of a server. ``bwdata`` is the server's data folder, ``file`` a key of ``FILES``."""

    def __init__(self, bwdata: str, file: str) -> None:
        self.name = file
        self.path = os.path.realpath(os.path.join(bwdata, "env", FILES[file]))
        self._bwdata = bwdata

    @property
    def folder(self) -> str:
        """The folder of the file, links resolved: where its backups and temporary files are."""
        return os.path.dirname(self.path)

    def read(self) -> EnvFile:
        """Read and parse the file. Raises ``EnvFileError`` (``OverrideFileError`` when it cannot even be read)."""
        return EnvFile.parse(self.read_bytes(), self.path)

    def plan(self, request: SettingsRequest) -> FilePlan:
        """Plan what ``request`` changes, without writing. Raises ``EnvFileError`` and ``SettingsError``."""
        before = self.read_bytes()
        current = EnvFile.parse(before, self.path)
        desired = resolve(request, current)
        after, difference = current.change(
            desired.values, lambda key: is_secret(key, desired.secret_keys), same_meaning
        )
        return FilePlan(before, after, difference, desired)

    def difference(self, before: bytes, after: bytes) -> Difference:
        """Return the settings in which two contents of this file differ. Raises ``EnvFileError``."""
        difference = Difference()
        one, other = (EnvFile.parse(content, self.path).values() for content in (before, after))
        for name in {**one, **other}:
            difference.compare(name, one.get(name), other.get(name), is_secret(name, frozenset()))
        return difference

    def write(self, plan: FilePlan, backup: bool, keep: int = BACKUP_COUNT) -> Optional[str]:
        """Write what was planned, if anything; return the path of the backup, if one was made (0600, same owner).

        Of the backups made earlier the newest are kept, ``keep`` in all (0: all of them). Raises
        ``OverrideFileError``, also when the file changed since it was planned; then nothing is changed.
        """
        if plan.before == plan.after:
            return None
        self.require_writable(plan)
        self._require(plan.before)
        path = self._backup_path() if backup else None
        try:
            if path is not None:
                self.put_beside(path, plan.before)
            self.exchange(plan.before, plan.after)
        except BaseException:
            # A signal can come after the file was replaced as well; then the backup is wanted.
            if path is not None and not self.holds(plan.after):
                with contextlib.suppress(OSError):
                    os.unlink(path)
            raise
        if path is not None and keep:
            self._prune(path, keep)
        return path

    def exchange(self, expected: bytes, data: bytes) -> None:
        """Replace the content ``expected`` by ``data``; owner, group, mode and extended attributes stay.

        Raises ``OverrideFileError``, also when the file has other content.
        """
        self._require(expected)
        try:
            status = os.stat(self.path)
            atomic_file.put(
                self.path,
                data,
                owner=(status.st_uid, status.st_gid),
                mode=stat.S_IMODE(status.st_mode),
                attributes_of=self.path,
            )
        except OSError as error:
            raise self._not_written(self.path, error) from None

    def put_beside(self, path: str, data: bytes) -> None:
        """Write another file that only the owner of this one can read. Raises ``OverrideFileError``."""
        try:
            status = os.stat(self.path)
            # Only its owner can read it, so the group counts for nothing; not everyone can keep it.
            atomic_file.put(path, data, owner=(status.st_uid, status.st_gid) if os.geteuid() == 0 else None)
        except OSError as error:
            raise self._not_written(path, error) from None

    def back_up(self, data: bytes) -> str:
        """Keep ``data`` as a backup of this file; return its path. Raises ``OverrideFileError``."""
        path = self._backup_path()
        self.put_beside(path, data)
        return path

    def _backup_path(self) -> str:
        stamp = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
        number = 0
        while True:
            path = f"{self.path}.{stamp}{f'.{number}' if number else ''}.bak"
            if not os.path.lexists(path):
                return path
            number += 1

    def holds(self, data: bytes) -> bool:
        """Tell whether the file has this content."""
        with contextlib.suppress(OverrideFileError):
            return self.read_bytes() == data
        return False

    def backups(self) -> List[str]:
        """Return the paths of the backups of this file, the oldest first."""
        found: List[Tuple[Tuple[str, int], str]] = []
        name = os.path.basename(self.path)
        for entry in os.scandir(self.folder):
            match = _BACKUP.match(entry.name[len(name) :]) if entry.name.startswith(name) else None
            if match and entry.is_file(follow_symlinks=False):
                found.append(((match.group(1), int(match.group(2) or 0)), entry.path))
        return [path for _key, path in sorted(found)]

    def _prune(self, made: str, keep: int) -> None:
        # The change is done: an old backup that stays is not a reason to fail. The one just made stays, although others
        # can be named for a later moment, by a clock that was wrong.
        with contextlib.suppress(OSError):
            others = [path for path in self.backups() if path != made]
            for path in others[: max(0, len(others) + 1 - keep)]:
                os.unlink(path)

    def require_writable(self, plan: FilePlan) -> None:
        """Check everything that would keep ``plan`` from being written, without a trace.

        Raises ``OverrideFileError``.
        """
        try:
            status = os.stat(self.path)
            if os.geteuid() not in (0, status.st_uid):
                raise OverrideFileError(f"{self.path} belongs to another user. Run as its owner or as root.")
            if os.geteuid() != 0 and status.st_gid not in (os.getegid(), *os.getgroups()):
                raise OverrideFileError(f"{self.path} belongs to a group that this user cannot keep. Run as root.")
            system = os.statvfs(self.folder)
            if system.f_flag & os.ST_RDONLY:
                raise OverrideFileError(f"{self.path} is on a read-only file system. Mount it writable (rw).")
            if not os.access(self.folder, os.W_OK | os.X_OK, effective_ids=_EFFECTIVE):
                raise OverrideFileError(
                    f"{self.folder} is not writable for this user, who has to replace a file in it. "
                    "Run as its owner or as root."
                )
            free = system.f_frsize * (system.f_bfree if os.geteuid() == 0 else system.f_bavail)
            if system.f_blocks and free < len(plan.before) + len(plan.after):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise self._not_written(self.path, error) from None
        if self.path in _mount_points():
            raise OverrideFileError(
                f"{self.path} is a mount point, so that it cannot be replaced. Mount its folder instead of the file."
            )
        for path in (self.path, self.folder):
            if _is_protected(path):
                raise OverrideFileError(
                    f"{path} is immutable or append-only. Remove the attribute (chattr -i -a {path})."
                )

    def _require(self, expected: bytes) -> None:
        if self.read_bytes() != expected:
            raise OverrideFileError(f"{self.path} was changed by another process in the meantime. Run again.")

    @staticmethod
    def _not_written(path: str, error: OSError) -> OverrideFileError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return OverrideFileError(f"{path} cannot be written: {error.strerror}. Free space and run again.")
        return OverrideFileError(f"{path} cannot be written: {error.strerror}.")

    def read_bytes(self) -> bytes:
        """Return the content of the file. Raises ``OverrideFileError``."""
        try:
            if not stat.S_ISREG(os.stat(self.path).st_mode):
                raise OverrideFileError(f"{self.path} is not a regular file.")
            return Path(self.path).read_bytes()
        except PermissionError:
            raise OverrideFileError(
                f"{self.path} cannot be read: permission denied. Run as the owner of {self._bwdata} or as root."
            ) from None
        except (FileNotFoundError, NotADirectoryError):
            raise OverrideFileError(self._missing()) from None
        except OSError as error:
            raise OverrideFileError(f"{self.path} cannot be read: {error.strerror}.") from None

    def _missing(self) -> str:
        if not os.path.isdir(self._bwdata):
            return f"{self._bwdata} does not exist. Set bwdata to the data folder of the server."
        others = [name for name in FILES.values() if os.path.exists(os.path.join(self._bwdata, "env", name))]
        if others:
            return (
                f"{self.path} does not exist; this server has {', '.join(others)}. Set file to one of these, or have "
                f"Bitwarden create it (bwdata/config.yml, then bitwarden.sh rebuild)."
            )
        return f"{self.path} does not exist. Is {self._bwdata} the data folder of an installed server?"


def _mount_points() -> List[str]:
    """Return where file systems and single files are mounted in this process's view."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []
    points = [line.split(" ")[4] for line in lines if line.count(" ") > 4]
    return [re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), point) for point in points]


def _is_protected(path: str) -> bool:
    """Tell whether the file system refuses to replace ``path`` even for root (chattr +i, +a)."""
    flags = bytearray(8)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.ioctl(descriptor, _GET_FLAGS, flags)
    except OSError:  # not on every file system
        return False
    finally:
        os.close(descriptor)
    return bool(struct.unpack_from("=I", flags)[0] & _PROTECTED)
