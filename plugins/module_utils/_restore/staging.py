# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Unpacking a set beside the files of the server, so that putting them in place is a rename."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from typing import IO, Any, List, Optional, Protocol, Tuple

from .._backup.manifest import FileEntry
from .._backup.reading import CHUNK
from .._backup.sets import SetError
from .._database.key_ring import FOLDER as KEY_RING
from .._database.key_ring import key_id_in
from .here import DATA
from .parts import MERGED, place_of
from .server import BACKUPS

#: Not ``.BAK``: Bitwarden's own clean-up removes old files of that name.
_DUMP = "bitwarden-restore-{}.bak"


class Target(Protocol):
    """Where the files of a set are written: ``folder`` has all of them, none is written outside it."""

    bwdata: str
    folder: str

    def new(self, path: str) -> str:
        """Return where the file or folder for ``path`` below bwdata is written."""

    def note(self, **changes: Any) -> None:
        """Write down where the dump is (``dump``)."""


class Staging:
    """Writes a set into the folder of the journal, and its dump to where SQL Server reads backups."""

    def __init__(
        self,
        journal: Target,
        owner: Tuple[int, int],
        dump: Optional[str],
        stays: bool,
        brings: bool = False,
    ) -> None:
        """``dump`` is the path of the dump within the set; ``stays`` and ``brings`` as in ``place_of``."""
        self._journal = journal
        self._owner = owner
        self._dump = dump
        self._stays = stays
        self._brings = brings
        self._modes: List[Tuple[str, int]] = []

    def write(self, entry: FileEntry, content: Optional[IO[bytes]]) -> None:
        """Write one file of the set. Raises ``OSError``, and ``SetError`` for one that would not be in the folder."""
        if entry.path == self._dump and content is not None:
            self._journal.note(dump=write_dump(self._journal.bwdata, content, self._owner))
            return
        place = place_of(entry, self._stays, self._brings)
        if place is None:
            if content is not None:
                _copy(content, None)
            return
        path = self._journal.new(place)
        self._make_folder(os.path.dirname(path))
        folder, base = os.path.dirname(path), self._journal.folder
        if os.path.realpath(folder) != os.path.join(os.path.realpath(base), os.path.relpath(folder, base)):
            raise SetError(f"{entry.path} in the set is below a link that leads elsewhere.")
        if entry.is_folder:
            self._make_folder(path)
            self._modes.append((path, entry.mode))
        elif entry.link:
            os.symlink(entry.link, path)
            self._own(path)
        elif content is not None:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as stream:
                _copy(content, stream)
            os.chmod(path, entry.mode & 0o777)
            self._own(path)

    def write_owner(self) -> None:
        """Write who owns the files of a server that is new on this host. Raises ``OSError``."""
        path = self._journal.new("env/uid.env")
        self._make_folder(os.path.dirname(path))
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644), "wb") as stream:
            stream.write("LOCAL_UID={}\nLOCAL_GID={}\n".format(*self._owner).encode())
        self._own(path)

    def complete(self, units: List[str], moves_data: bool, rebuild: bool) -> List[str]:
        """Add what is on the host and stays, once the server is stopped; return what is to be replaced, in order.

        Keys that protect what was written since the backup stay in the key ring. ``moves_data``: SQL Server begins
        with an empty folder. ``rebuild``: what the setup tool generates is replaced, so that it can come back.
        """
        generated = ["docker", "nginx", "web"] if rebuild else []
        bwdata = self._journal.bwdata
        found = sorted({*units, *(one for one in generated if os.path.isdir(os.path.join(bwdata, one)))})
        for unit in found:
            if unit in MERGED:
                self._merge(os.path.join(bwdata, unit), self._journal.new(unit))
        if "core" in units:
            self._keep_keys()
        for path, mode in reversed(self._modes):
            os.chmod(path, mode & 0o777)
        if moves_data:
            self._make_folder(self._journal.new(DATA))
            found.append(DATA)
        # Everything is on the disk before the first rename, so that a power failure leaves whole files.
        os.sync()
        return found

    def _merge(self, source: str, target: str) -> None:
        self._make_folder(target)
        for name in os.listdir(source) if os.path.isdir(source) else []:
            one, other = os.path.join(source, name), os.path.join(target, name)
            if os.path.isdir(one) and not os.path.islink(one):
                self._merge(one, other)
            elif not os.path.lexists(other):
                self._take(one, other)

    def _keep_keys(self) -> None:
        source, target = os.path.join(self._journal.bwdata, KEY_RING), self._journal.new(KEY_RING)
        for name in os.listdir(source) if os.path.isdir(source) else []:
            if key_id_in(name) and not os.path.lexists(os.path.join(target, name)):
                self._make_folder(target)
                self._take(os.path.join(source, name), os.path.join(target, name))

    @staticmethod
    def _take(source: str, target: str) -> None:
        shutil.copy2(source, target, follow_symlinks=False)
        if os.geteuid() == 0:
            status = os.lstat(source)
            os.lchown(target, status.st_uid, status.st_gid)

    def _make_folder(self, path: str) -> None:
        if not os.path.isdir(path):
            self._make_folder(os.path.dirname(path))
            os.mkdir(path, 0o700)
            self._own(path)

    def _own(self, path: str) -> None:
        if os.geteuid() == 0:
            os.lchown(path, *self._owner)


def write_dump(bwdata: str, content: IO[bytes], owner: Tuple[int, int]) -> str:
    """Write a dump where SQL Server reads backups; return its path. Raises ``OSError``."""
    folder = os.path.join(bwdata, BACKUPS)
    if not os.path.isdir(folder):
        os.makedirs(folder)
        if os.geteuid() == 0:
            os.chown(folder, *owner)
    path = os.path.join(folder, _DUMP.format(secrets.token_hex(8)))
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as stream:
            if os.geteuid() == 0:
                os.fchown(stream.fileno(), *owner)
            _copy(content, stream)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise
    return path


def remove_dumps(bwdata: str) -> None:
    """Remove the dumps that a killed run left."""
    folder = os.path.join(bwdata, BACKUPS)
    beginning, ending = _DUMP.split("{}")
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(beginning) and name.endswith(ending):
                os.unlink(os.path.join(folder, name))


def _copy(source: IO[bytes], target: Optional[IO[bytes]]) -> None:
    while True:
        data = source.read(CHUNK)
        if not data:
            return
        if target is not None:
            target.write(data)
