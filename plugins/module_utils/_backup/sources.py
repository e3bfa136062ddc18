# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which files of the server belong in a set: all of ``bwdata`` but logs, the database's own files and leftovers."""

from __future__ import annotations

import os
import stat
from typing import Callable, Iterator, List, NamedTuple, Optional

from .._common import atomic_file

#: Where the files are in a set.
ROOT = "bwdata"
SCRIPT = "scripts/bitwarden.sh"

# The live files of a database are not a backup of it, and its nightly backups are not this set's.
_LEFT_OUT = ("logs", "mssql")
# Half-done work of this collection, and what a restore has kept.
_OURS = (
    atomic_file.PREFIX,
    ".bitwarden-journal-",
    ".bitwarden-backup-",
    ".bitwarden-restore",
    ".bitwarden-replaced-",
    ".bitwarden-update",
)
# Compose mounts folders of the first and of the second level; where one of them is a link, its target is the data.
_MOUNTED = 2

_SYSTEM_FILES = ("master", "mastlog", "model", "msdb", "temp")


class Source(NamedTuple):
    """A file, folder or link: ``path`` in the set, where it is on the host, and what ``link`` leads to."""

    path: str
    file: str
    status: os.stat_result
    link: str = ""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.status.st_mode)


class Survey(NamedTuple):
    """What a set would hold: how many files, of how many bytes.

    ``unreadable`` and ``special`` are paths on the host, ``outside`` those of links that lead out of ``bwdata``.
    """

    files: int
    size: int
    unreadable: List[str]
    special: List[str]
    outside: List[str]


def survey(bwdata: str, script: str) -> Survey:
    """Look through all that belongs in a set, without reading it."""
    unreadable: List[str] = []
    special: List[str] = []
    outside: List[str] = []
    files = size = 0
    base = os.path.realpath(bwdata)

    def blocked(error: OSError) -> None:
        unreadable.append(os.fsdecode(error.filename or bwdata))

    for source in sources(bwdata, script, blocked, special.append):
        if source.link:
            target = os.path.realpath(source.file)
            if os.path.exists(target) and not _is_below(target, base):
                outside.append(source.file)
        elif not source.is_folder:
            files += 1
            size += source.status.st_size
            if not os.access(source.file, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
                unreadable.append(source.file)
    return Survey(files, size, unreadable, special, outside)


def sources(
    bwdata: str,
    script: str,
    blocked: Callable[[OSError], None],
    special: Optional[Callable[[str], None]] = None,
) -> Iterator[Source]:
    """Yield all that belongs in a set, each folder before what is in it. What has vanished meanwhile is left out.

    ``blocked`` gets the error of each folder that cannot be read, ``special`` the paths of sockets and the like.
    """
    if os.path.isfile(script):
        yield Source(SCRIPT, script, os.stat(script))
    yield from _below(bwdata, "", os.path.realpath(bwdata), blocked, special)


def database_size(bwdata: str, logs: bool = False) -> int:
    """Return how large the files of the database are, which its backup does not exceed; 0 where they cannot be seen."""
    endings = (".mdf", ".ndf", ".ldf") if logs else (".mdf", ".ndf")
    total = 0
    try:
        for entry in os.scandir(os.path.join(bwdata, "mssql", "data")):
            if entry.name.lower().endswith(endings) and not entry.name.lower().startswith(_SYSTEM_FILES):
                total += entry.stat().st_size
    except OSError:
        return 0
    return total


def _below(
    bwdata: str,
    relative: str,
    base: str,
    blocked: Callable[[OSError], None],
    special: Optional[Callable[[str], None]],
) -> Iterator[Source]:
    folder = os.path.join(bwdata, relative) if relative else bwdata
    try:
        status = os.stat(folder)
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    except OSError as error:
        blocked(error)
        return
    yield Source(f"{ROOT}/{relative}/" if relative else f"{ROOT}/", folder, status)
    for name in names:
        inner = f"{relative}/{name}" if relative else name
        file = os.path.join(folder, name)
        if inner in _LEFT_OUT or name.startswith(_OURS):
            continue
        try:
            status = os.lstat(file)
            link = os.readlink(file) if stat.S_ISLNK(status.st_mode) else ""
        except OSError:
            continue
        if stat.S_ISDIR(status.st_mode) or (link and _is_data(file, inner, base)):
            yield from _below(bwdata, inner, base, blocked, special)
        elif link or stat.S_ISREG(status.st_mode):
            yield Source(f"{ROOT}/{inner}", file, status, link)
        elif special is not None:
            special(file)


def _is_data(link: str, inner: str, base: str) -> bool:
    """Tell whether a link stands for a folder that Compose mounts, and that is elsewhere."""
    if inner.count("/") >= _MOUNTED or not os.path.isdir(link):
        return False
    return not _is_below(os.path.realpath(link), base)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
