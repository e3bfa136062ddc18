# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data folder of a drill: who may have it, what is written into it, and its removal."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import IO, Any, Iterable, Iterator, Optional

from .._common import atomic_file
from .._common.files import remove
from .._common.problem import Problem
from .._deployment.lock import server_lock
from .._install.made_folders import remove_whole
from .._restore.reading import unpack
from .._restore.source import Source
from .._restore.staging import Staging
from .isolation import is_inside
from .mark import NAME, Mark

COMPOSE = "docker/docker-compose.yml"
OVERRIDE = "docker/docker-compose.override.yml"
_DOTENV = "docker/.env"
_OWNER = "env/uid.env"
# Of data folders of servers: a drill inside one would belong to its setup tool.
_SERVER = ("docker/docker-compose.yml", "env/global.override.env", "config.yml")
# Bitwarden's containers do not run as root, and take this instead.
_NOBODY = 65534


@contextmanager
def drill_lock(bwdata: str, timeout: float) -> Iterator[Optional[int]]:
    """Hold the lock of the folder of a drill; None where it does not exist. Raises ``LockError``."""
    while os.path.isdir(bwdata):
        with server_lock(bwdata, timeout) as lock:
            # The one who had it may have taken the drill away.
            if os.path.isdir(bwdata) and os.path.samestat(os.fstat(lock), os.stat(bwdata)):
                yield lock
                return
    yield None


def folder_problems(bwdata: str, mark: Optional[Mark], path: str) -> Iterator[Problem]:
    """Yield why ``bwdata`` cannot be the folder of a drill. ``path`` is that of the set."""
    parent = os.path.dirname(bwdata)
    if not is_free(bwdata, mark):
        yield Problem(
            f"{bwdata} is not empty, and not the folder of a drill (it has no {NAME}). Set bwdata to a folder that "
            "only the drill has; state=absent removes all that is in it."
        )
    elif not os.path.isdir(parent):
        yield Problem(f"{parent} does not exist, in which the folder of the drill is to be made. Create it.")
    for folder in _above(bwdata):
        if any(os.path.exists(os.path.join(folder, name)) for name in _SERVER):
            yield Problem(f"{bwdata} is in {folder}, the data folder of a server. Set bwdata to a folder outside it.")
    if path and (is_inside(path, bwdata) or is_inside(bwdata, path)):
        yield Problem(
            f"The set {path} and the folder of the drill, {bwdata}, are one in the other. The folder is removed with "
            "all that is in it: set bwdata to another one."
        )


def is_free(bwdata: str, mark: Optional[Mark]) -> bool:
    """Tell whether nothing in the folder belongs to anything but a drill."""
    return mark is not None or not os.path.lexists(bwdata) or (os.path.isdir(bwdata) and not os.listdir(bwdata))


def _above(path: str) -> Iterator[str]:
    folder = os.path.dirname(os.path.realpath(path))
    while folder != os.path.dirname(folder):
        yield folder
        folder = os.path.dirname(folder)


def free_space(bwdata: str) -> int:
    """Return how many bytes can be written there."""
    folder = bwdata
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def drill_script(bwdata: str) -> str:
    """Return the path of a drill's ``bitwarden.sh``, which it does not have: no other server's is to be used."""
    return os.path.join(bwdata, "bitwarden.sh")


class Folder:
    """The data folder while a set is unpacked into it: a target as ``Staging`` has them. ``dump`` is its database."""

    def __init__(self, bwdata: str) -> None:
        self.bwdata = bwdata
        # All is below this one; the data folder itself is in it.
        self.folder = os.path.dirname(bwdata)
        self.dump = ""
        self.owner = (os.geteuid() or _NOBODY, os.getegid() or _NOBODY)

    def new(self, path: str) -> str:
        """Return where the file or folder for ``path`` is written."""
        return os.path.join(self.bwdata, path)

    def note(self, **changes: Any) -> None:
        """Remember where the dump is."""
        self.dump = str(changes["dump"])

    def unpack(self, source: Source, stream: Optional[IO[bytes]]) -> None:
        """Write the files of a set, and who owns them here. Raises ``SetError`` and ``OSError``."""
        staging = Staging(self, self.owner, source.manifest.database.file, False)
        unpack(source.backup, source.files, stream, staging.write)
        staging.complete([], False, False)
        user, group = self.owner
        self._write(_OWNER, f"LOCAL_UID={user}\nLOCAL_GID={group}\n".encode())

    def write_project(self, project: Any, name: str) -> None:
        """Put the Compose project of the drill in place of the set's. Raises ``OSError``."""
        # JSON is YAML, too. The name is in both, as releases of Compose differ in what they read.
        self._write(COMPOSE, json.dumps(project, indent=1).encode())
        self._write(_DOTENV, f"COMPOSE_PROJECT_NAME={name}\n".encode())
        if os.path.lexists(self.new(OVERRIDE)):
            os.unlink(self.new(OVERRIDE))

    def make_folders(self, folders: Iterable[str]) -> None:
        """Make what containers mount: Docker would make it for root. Raises ``OSError``."""
        for folder in folders:
            self._make(folder)

    def remove_dump(self) -> None:
        """Remove the copy of the database that SQL Server has read. Raises ``OSError``."""
        os.unlink(self.dump)

    def _write(self, path: str, content: bytes) -> None:
        self._make(os.path.dirname(self.new(path)))
        atomic_file.put(self.new(path), content)

    def _make(self, folder: str) -> None:
        if not os.path.lexists(folder):
            self._make(os.path.dirname(folder))
            os.mkdir(folder, 0o700)
            if os.geteuid() == 0:
                os.chown(folder, *self.owner)


def remove_folder(bwdata: str, mark: Mark) -> None:
    """Remove all that is in the folder of a drill, its mark last; the folder too if it was made. Raises ``OSError``."""
    for name in sorted(set(os.listdir(bwdata)) - {NAME}):
        remove(os.path.join(bwdata, name))
    if mark.made:
        remove_whole(bwdata)
    else:
        remove(os.path.join(bwdata, NAME))
