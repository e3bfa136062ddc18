# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host on which there is no server yet: who is to own it, where it is to be, and nothing left of it on a failure."""

from __future__ import annotations

import os
from typing import List, Mapping, NamedTuple, Optional, Tuple

from .._commands.runner import Account, Commands
from .._common.errors import BitwardenError
from .._common.files import remove
from .._compose.project import Project
from .._deployment.deployment import Deployment
from .._deployment.journal import FOLDERS_MADE, RESTORE_FOLDER
from .._docker.inventory import EngineInventory
from .._install.host import find_account, folder_problems, open_host
from .._install.made_folders import make_folder
from .here import DATA, Here
from .journal import PROVEN, RestoreJournal
from .release import Engine
from .server import BACKUPS

# Of the file system itself, where bwdata is one.
_OF_FILE_SYSTEM = ("lost+found",)
# What the containers mount and the set does not have.
_FOLDERS = ("mssql", DATA, BACKUPS, "logs", "logs/mssql")


class Target(NamedTuple):
    """Where a set is restored. ``deployment`` is None on a new host, ``engine`` where Docker cannot be used there.

    ``account`` owns the server, None where there is none; ``problems`` are those of the host itself.
    """

    bwdata: str
    script: str
    commands: Commands
    deployment: Optional[Deployment]
    account: Optional[Account]
    engine: Optional[Engine]
    problems: Tuple[BitwardenError, ...] = ()

    @property
    def is_new(self) -> bool:
        """Whether there is no server yet."""
        return self.deployment is None

    def here(self) -> Here:
        """Return the host without a server."""
        owner = (self.account.uid, self.account.gid) if self.account else (0, 0)
        return Here(self.bwdata, None, [], "", None, None, None, None, None, None, owner, False, is_new=True)


def is_new(bwdata: str, journal: RestoreJournal) -> bool:
    """Tell whether there is no server in ``bwdata``, or only what a restore left there that was cut off."""
    if journal.state is not None:
        return journal.state.new and journal.state.phase != PROVEN
    try:
        return not set(os.listdir(bwdata)) - {RESTORE_FOLDER, FOLDERS_MADE, *_OF_FILE_SYSTEM}
    except FileNotFoundError:
        return True
    except OSError:
        return False  # why is told where it is opened


def open_target(
    bwdata: str,
    script: Optional[str],
    environ: Mapping[str, str],
    owner: Optional[str],
    timeout: float,
    journal: RestoreJournal,
) -> Target:
    """Open the server, or the host that is to have it. Raises what stops ``Deployment`` where there is a server."""
    if not is_new(bwdata, journal):
        found = Deployment(bwdata, script, environ, timeout)
        engine = Engine(found.commands, EngineInventory(found.engine.client))
        return Target(found.bwdata, found.script.path, found.commands, found, found.account, engine)
    bwdata = os.path.abspath(bwdata)
    parent = os.path.dirname(bwdata)
    script = os.path.abspath(script or os.path.join(parent, "bitwarden.sh"))
    owned = os.path.isdir(bwdata) and os.stat(bwdata).st_uid != 0
    account = find_account(owner, bwdata if owned else parent)
    if isinstance(account, Account):
        return _new_target(bwdata, script, account, environ)
    # The rest of the host is looked at with the rights of this user, so that all problems are told at once.
    target = _new_target(bwdata, script, Account.owner_of("/proc/self"), environ)
    return target._replace(account=None, problems=(account, *target.problems))


def _new_target(bwdata: str, script: str, account: Account, environ: Mapping[str, str]) -> Target:
    problems: List[BitwardenError] = [*folder_problems(bwdata, script, account)]
    commands, engine = Commands(account, environ), None
    try:
        host = open_host(account, environ)
        commands = host.commands
        Project(commands, host.engine.docker, bwdata, "/").require()
        host.inventory.all_containers()
        engine = Engine(commands, host.inventory)
    except BitwardenError as error:
        problems.append(error)
    return Target(bwdata, script, commands, None, account, engine, tuple(problems))


def prepare_folders(bwdata: str, owner: Tuple[int, int]) -> None:
    """Make what the set does not have and the containers mount, for the owner. Raises ``OSError``."""
    account = Account("", owner[0], owner[1], (), "/")
    for name in _FOLDERS:
        make_folder(os.path.join(bwdata, name), account)


def wipe(bwdata: str) -> None:
    """Remove all that a restore put on a host that had nothing, but its journal. Raises ``OSError``."""
    for name in os.listdir(bwdata):
        if name not in (RESTORE_FOLDER, FOLDERS_MADE, *_OF_FILE_SYSTEM):
            remove(os.path.join(bwdata, name))
