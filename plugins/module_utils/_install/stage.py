# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An installation is made in a folder of its own inside bwdata, and moved to its place as a whole, config.yml last."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from types import TracebackType
from typing import Callable, List, Optional, Sequence, Tuple, Type

from .._common.atomic_file import put, sync_folder
from .._deployment.runner import Account
from .data_folder import COMPLETE, CONFIG, STAGE_PREFIX

_LETS_ENCRYPT = "letsencrypt"
_MADE = "folders-made.json"


class Stage:
    """The folder in which one installation is made; it and its container are removed at the end of a ``with`` block.

    ``remove_container`` removes a container by name where it exists. A certificate of Let's Encrypt is kept, since only
    few are issued for a name: it goes to where the next installation finds it. ``made`` are the folders that were made
    for the installation, down to bwdata; they are removed as well where nothing is in them in the end.
    """

    def __init__(
        self, bwdata: str, account: Account, remove_container: Callable[[str], None], made: Sequence[str] = ()
    ) -> None:
        self.bwdata = bwdata
        self.account = account
        self.name = STAGE_PREFIX + secrets.token_hex(8)
        self.path = os.path.join(bwdata, self.name)
        self._remove_container = remove_container
        self._made = made

    @property
    def container(self) -> str:
        """The name of the container of the setup tool."""
        return container_of(self.name)

    def __enter__(self) -> Stage:
        self.make_folder("")
        self.write(_MADE, json.dumps(list(self._made)).encode())
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        # First the container, which could still write.
        self._remove_container(self.container)
        discard(self.bwdata, self.name)
        remove_empty(self._made)

    def below(self, path: str) -> str:
        """Return the absolute path of one below the folder."""
        return os.path.join(self.path, path)

    def make_folder(self, path: str) -> None:
        """Make a folder that only the owner of the installation can read, and those on the way to it."""
        folder = self.path
        for part in ["", *(part for part in path.split("/") if part)]:
            folder = os.path.join(folder, part).rstrip("/")
            make_folder(folder, self.account)

    def write(self, path: str, data: bytes, mode: int = 0o600) -> None:
        """Write a file below the folder."""
        put(self.below(path), data, owner=owner_ids(self.account), mode=mode)

    def take_certificate(self) -> None:
        """Take over the certificate of Let's Encrypt that an earlier run left, if any."""
        left = os.path.join(self.bwdata, _LETS_ENCRYPT)
        if os.path.isdir(os.path.join(left, "live")):
            os.rename(left, self.below(_LETS_ENCRYPT))

    def complete(self) -> None:
        """Declare the installation complete: from here on it is moved to its place, by a later run if need be."""
        os.unlink(self.below(_MADE))
        os.rename(self.path, os.path.join(self.bwdata, COMPLETE))
        sync_folder(self.bwdata)


def container_of(stage: str) -> str:
    """Return the name of the setup tool's container of a stage."""
    return stage.lstrip(".")


def made_for(bwdata: str, stage: str) -> List[str]:
    """Return the folders that were made for a stage that is left."""
    with contextlib.suppress(OSError, ValueError), open(os.path.join(bwdata, stage, _MADE), "rb") as stream:
        return [str(one) for one in json.load(stream)]
    return []


def owner_ids(account: Account) -> Optional[Tuple[int, int]]:
    """Return user and group id of the files of ``account``, None where this process already runs as it."""
    return None if account.is_current() else (account.uid, account.gid)


def make_folder(path: str, account: Account) -> bool:
    """Make one folder for ``account``, for no one else to read; return whether it did not exist."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return False
    if not account.is_current():
        os.chown(path, account.uid, account.gid)
    return True


def remove_empty(folders: Sequence[str]) -> None:
    """Remove the folders that are empty, the innermost, which is the last one, first."""
    for path in reversed(folders):
        with contextlib.suppress(OSError):
            os.rmdir(path)


def discard(bwdata: str, stage: str) -> None:
    """Remove a stage that is not complete, if it is there; keep its certificate of Let's Encrypt."""
    path = os.path.join(bwdata, stage)
    made, kept = os.path.join(path, _LETS_ENCRYPT), os.path.join(bwdata, _LETS_ENCRYPT)
    if os.path.isdir(os.path.join(made, "live")) and not os.path.lexists(os.path.join(kept, "live")):
        remove(kept)
        os.rename(made, kept)
    remove(path)


def remove(path: str) -> None:
    """Remove a file or folder, if it exists. Raises ``OSError``."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def move_to_place(bwdata: str) -> None:
    """Move a complete installation to its place. It can be cut off, and repeated by a later run."""
    stage = os.path.join(bwdata, COMPLETE)
    for name in sorted(os.listdir(stage), key=lambda one: (one == CONFIG, one)):
        os.rename(os.path.join(stage, name), os.path.join(bwdata, name))
    os.rmdir(stage)
    sync_folder(bwdata)
