# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Override files on disk: reading, planning a change, writing and restoring."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from pathlib import Path
from typing import Callable, NamedTuple, Optional

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


class OverrideFileError(EnvFileError):
    """A file that cannot be read or written. The message names the path and the remedy, never its text."""


class FilePlan(NamedTuple):
    """A planned change of a file: its bytes before and after, the difference, and the desired settings."""

    before: bytes
    after: bytes
    difference: Difference
    desired: DesiredSettings


class OverrideFile:
    """One override file of a server.

    ``bwdata`` is the server's data folder, ``file`` a key of ``FILES``. ``replace(source, target)`` replaces one
    file by another and keeps its owner, group, mode and SELinux context (``AnsibleModule.atomic_move``). ``tmpdir`` is
    a folder that no one else can read.
    """

    def __init__(self, bwdata: str, file: str, replace: Callable[[str, str], None], tmpdir: str) -> None:
        self.path = os.path.realpath(os.path.join(bwdata, "env", FILES[file]))
        self._bwdata = bwdata
        self._replace = replace
        self._tmpdir = tmpdir

    def read(self) -> EnvFile:
        """Read and parse the file. Raises ``EnvFileError`` (``OverrideFileError`` when it cannot even be read)."""
        return EnvFile.parse(self._read_bytes(), self.path)

    def plan(self, request: SettingsRequest) -> FilePlan:
        """Plan what ``request`` changes, without writing. Raises ``EnvFileError`` and ``SettingsError``."""
        before = self._read_bytes()
        current = EnvFile.parse(before, self.path)
        desired = resolve(request, current)
        after, difference = current.change(
            desired.values, lambda key: is_secret(key, desired.secret_keys), same_meaning
        )
        return FilePlan(before, after, difference, desired)

    def write(self, plan: FilePlan, backup: bool) -> Optional[str]:
        """Write what was planned, if anything; return the path of the backup, if one was made (0600, same owner).

        Raises ``OverrideFileError``, also when the file changed since it was planned.
        """
        if plan.before == plan.after:
            return None
        return self._exchange(plan.before, plan.after, backup)

    def restore(self, plan: FilePlan) -> None:
        """Restore the text from before. Raises ``OverrideFileError``, also when the file changed since the write."""
        if plan.before != plan.after:
            self._exchange(plan.after, plan.before, backup=False)

    def _exchange(self, expected: bytes, data: bytes, backup: bool) -> Optional[str]:
        if self._read_bytes() != expected:
            raise OverrideFileError(f"{self.path} was changed by another process in the meantime. Run again.")
        try:
            status = os.stat(self.path)
            if os.geteuid() not in (0, status.st_uid):
                raise OverrideFileError(f"{self.path} belongs to another user. Run as its owner or as root.")
            if os.geteuid() != 0 and status.st_gid not in (os.getegid(), *os.getgroups()):
                raise OverrideFileError(f"{self.path} belongs to a group that this user cannot keep. Run as root.")
            backup_path = self._back_up(expected, status) if backup else None
            self._put(data)
        except OSError as error:
            raise OverrideFileError(f"{self.path} cannot be written: {error.strerror}.") from None
        return backup_path

    def _put(self, data: bytes) -> None:
        descriptor, temporary = tempfile.mkstemp(dir=self._tmpdir)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            self._replace(temporary, self.path)
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)

    def _back_up(self, data: bytes, status: os.stat_result) -> str:
        stamp = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
        number = 0
        while True:
            path = f"{self.path}.{stamp}{f'.{number}' if number else ''}.bak"
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                break
            except FileExistsError:
                number += 1
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(stream.fileno(), 0o600)
            if os.geteuid() == 0:
                os.fchown(stream.fileno(), status.st_uid, status.st_gid)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        return path

    def _read_bytes(self) -> bytes:
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
        return f"{self.path} does not exist. Is {self._bwdata} the data folder of an installed server?"
