# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a data folder holds before an installation: a server, what an unfinished installation left, or other files."""

from __future__ import annotations

import os
import re
from typing import Iterator, List, NamedTuple, Tuple

from .._common.atomic_file import PREFIX
from .._common.errors import BitwardenError
from .._deployment.journal import FOLDERS_MADE

CONFIG = "config.yml"

#: Folder below bwdata in which an installation is made, and its name once it is complete and about to be moved.
STAGE_PREFIX = ".bitwarden-install-"
COMPLETE = STAGE_PREFIX + "complete"

_STAGE = re.compile(re.escape(STAGE_PREFIX) + r"[0-9a-f]{16}\Z")

# What bitwarden.sh and the setup tool make up to the point where the setup tool refuses or is killed. Not the Compose
# file, core, logs and mssql: where one of these is, a server may have been running.
_FOLDERS = ("docker", "env", "scripts", "ssl", "letsencrypt", "identity", "nginx", "ca-certificates", "web")
_FILES = re.compile(
    r"docker/(?:global|mssql)\.env|env/(?:uid|(?:global|mssql|key-connector)\.override)\.env|scripts/run\.sh|"
    r"identity/identity\.(?:pfx|key|crt)|nginx/default\.conf|web/app-id\.json|"
    r"ssl/self/[^/]+/(?:certificate\.crt|private\.key)|letsencrypt/.+"
)
_SUBFOLDERS = re.compile(r"ssl/self(?:/[^/]+)?|letsencrypt(?:/.+)?")

# Of the file system itself, where bwdata is one.
_OF_FILE_SYSTEM = ("lost+found",)
_NAMED = 3


class DataFolder(NamedTuple):
    """What is in a data folder.

    ``installed``: it has a ``config.yml``. ``complete``: an installation that was complete is still to be moved to its
    place. ``leftovers`` and ``stages`` are names in it that an unfinished installation left, ``foreign`` are paths in
    it that none leaves.
    """

    exists: bool = False
    installed: bool = False
    complete: bool = False
    leftovers: Tuple[str, ...] = ()
    stages: Tuple[str, ...] = ()
    foreign: Tuple[str, ...] = ()

    def described(self) -> str:
        """Return some of the foreign paths, for a message."""
        more = len(self.foreign) - _NAMED
        return ", ".join(self.foreign[:_NAMED]) + (f" and {more} more" if more > 0 else "")


class DataFolderError(BitwardenError):
    """The folder cannot be read, or is not one."""


def inspect_folder(bwdata: str) -> DataFolder:
    """Return what is in ``bwdata``; nothing is changed. Raises ``DataFolderError``."""
    try:
        names = sorted(os.listdir(bwdata))
    except FileNotFoundError:
        return DataFolder()
    except NotADirectoryError:
        raise DataFolderError(f"{bwdata} is not a folder. Remove it, or set bwdata to another path.") from None
    except PermissionError:
        raise DataFolderError(f"{bwdata} cannot be read by this user. Run the task as root (become).") from None
    # config.yml is moved last: what is left to do with it in place is to remove the folder that it came from.
    is_left = COMPLETE in names and not os.listdir(os.path.join(bwdata, COMPLETE))
    if os.path.lexists(os.path.join(bwdata, CONFIG)) and not is_left:
        return DataFolder(True, installed=True)
    stages = tuple(name for name in names if _STAGE.match(name))
    expected = (*stages, COMPLETE, FOLDERS_MADE, *_OF_FILE_SYSTEM)
    others = [name for name in names if name not in expected and not name.startswith(PREFIX)]
    if COMPLETE in names:
        return DataFolder(True, complete=True, leftovers=tuple(others), stages=stages)
    foreign = [path for name in others for path in _foreign(bwdata, name)]
    return DataFolder(True, False, False, tuple(others), stages, tuple(foreign))


def _foreign(bwdata: str, name: str) -> List[str]:
    path = os.path.join(bwdata, name)
    if name not in _FOLDERS or os.path.islink(path) or not os.path.isdir(path):
        return [name]
    return [one for one, is_folder in _below(path, name) if not (_SUBFOLDERS if is_folder else _FILES).fullmatch(one)]


def _below(path: str, name: str) -> Iterator[Tuple[str, bool]]:
    """Yield each path below a folder, relative to bwdata, and whether it is a folder."""

    def refuse(error: OSError) -> None:
        raise DataFolderError(f"{error.filename} cannot be read: {error.strerror}. Run the task as root (become).")

    for folder, folders, files in os.walk(path, onerror=refuse):
        relative = os.path.normpath(os.path.join(name, os.path.relpath(folder, path)))
        yield from ((f"{relative}/{one}", True) for one in folders)
        yield from ((f"{relative}/{one}", False) for one in files)
