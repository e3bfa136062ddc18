# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An installation is made in a folder of its own inside bwdata, and moved to its place as a whole, config.yml last."""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import Callable, Iterator

from .._commands.runner import Account
from .._common.atomic_file import put, sync_folder
from .._common.begun import Begun
from .._common.files import remove
from .._scripts.script_file import move
from .data_folder import COMPLETE, CONFIG, STAGE_PREFIX
from .made_folders import forget_folders, make_folder, owner_ids

_LETS_ENCRYPT = "letsencrypt"
#: ``bitwarden.sh`` in a stage; its place is not below bwdata.
SCRIPT = ".bitwarden.sh"


class Stage:
    """The folder in which one installation is made."""

    def __init__(self, bwdata: str, account: Account) -> None:
        self.bwdata = bwdata
        self.account = account
        self.name = STAGE_PREFIX + secrets.token_hex(8)
        self.path = os.path.join(bwdata, self.name)

    @property
    def container(self) -> str:
        """The name of the container of the setup tool."""
        return container_of(self.name)

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
        os.rename(self.path, os.path.join(self.bwdata, COMPLETE))
        sync_folder(self.bwdata)


@contextlib.contextmanager
def making(bwdata: str, account: Account, remove_container: Callable[[str], None]) -> Iterator[Stage]:
    """Yield a stage; it and its container are removed at the end.

    ``remove_container`` removes a container by name where it exists. A certificate of Let's Encrypt is kept, since only
    few are issued for a name: it goes to where the next installation finds it.
    """
    stage = Stage(bwdata, account)

    def end() -> None:
        # First the container, which could still write.
        remove_container(stage.container)
        discard(bwdata, stage.name)

    with Begun() as begun:
        begun.add(end)
        stage.make_folder("")
        yield stage


def container_of(stage: str) -> str:
    """Return the name of the setup tool's container of a stage."""
    return stage.lstrip(".")


def discard(bwdata: str, stage: str) -> None:
    """Remove a stage that is not complete, if it is there; keep its certificate of Let's Encrypt."""
    path = os.path.join(bwdata, stage)
    made, kept = os.path.join(path, _LETS_ENCRYPT), os.path.join(bwdata, _LETS_ENCRYPT)
    if os.path.isdir(os.path.join(made, "live")) and not os.path.lexists(os.path.join(kept, "live")):
        remove(kept)
        os.rename(made, kept)
    remove(path)


def move_to_place(bwdata: str, script: str) -> None:
    """Move a complete installation to its place, with ``bitwarden.sh`` to ``script``.

    It can be cut off, and repeated by a later run.
    """
    stage = os.path.join(bwdata, COMPLETE)
    forget_folders(bwdata)
    for name in sorted(os.listdir(stage), key=lambda one: (one == CONFIG, one)):
        if name == SCRIPT:
            move(os.path.join(stage, name), script)
        else:
            os.rename(os.path.join(stage, name), os.path.join(bwdata, name))
    os.rmdir(stage)
    sync_folder(bwdata)
