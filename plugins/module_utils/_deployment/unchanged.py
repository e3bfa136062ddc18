# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a server already is as module server is asked to bring it: what module server_unchanged sends to a host.

It says yes only where it is sure. Whatever is not as usual, a fault included, is for module server itself. So it
imports only what reads: each import is sent to every host in every run.
"""

from __future__ import annotations

import glob
import os
import time
from typing import Any, Callable, Dict, FrozenSet, Mapping, NamedTuple, Optional, Sequence

from .._commands.runner import Account, Commands
from .._common.errors import EXPECTED, BitwardenError
from .._compose.planned_file import PlannedFile
from .._compose.reader import ProjectReader
from .._docker.client import EngineClient
from .._docker.containers import EngineReader
from .._env_files.document import EnvFile
from .._settings.regions import region_settings
from .drift import Stack
from .lock import server_lock
from .shadowed import find_shadowed
from .stack_facts import NOTHING_DONE, stack_facts

#: How all names begin that a run leaves in bwdata when it is cut off (journals, temporary files, kept files).
MARK = ".bitwarden-"

# What a restore replaced is kept beside it until someone removes it; no later run does anything with it.
_KEPT = f"{MARK}replaced-"
_GLOBAL = "global.override.env"

# Above this a plan of module server takes over, which waits as long as it is asked to.
_LONGEST = 30.0


class NotAsDesired(BitwardenError):
    """The settings file is to change."""


class Desired(NamedTuple):
    """What is asked of the server, beside that it is running. ``timeout`` in seconds is that of a command.

    ``file`` is the name of the settings file, ``values`` what it is to have (``None``: absent), ``region`` the region
    whose URLs it is to have as well. ``pull``: bitwarden.sh has to exist. ``healthy``: all services have to be healthy.
    """

    bwdata: str
    file: str
    values: Mapping[str, Optional[str]]
    region: Optional[str]
    script: Optional[str]
    pull: bool
    healthy: bool
    timeout: float


class _Settings(NamedTuple):
    """The settings file as it is, and what it has; ``implied``: what only the region asks for."""

    path: str
    content: bytes
    parsed: EnvFile
    values: Mapping[str, Optional[str]]
    implied: FrozenSet[str]


def unchanged(
    desired: Desired, environ: Mapping[str, str], now: Callable[[], float] = time.time
) -> Optional[Dict[str, Any]]:
    """Return what module server returns where it has nothing to do, None where only its plan can tell that.

    It does not wait for another run, and changes nothing.
    """
    bwdata = os.path.abspath(desired.bwdata)
    try:
        with server_lock(bwdata, 0) as lock:
            return None if _was_cut_off(bwdata) else _unchanged(desired, bwdata, environ, lock, now)
    except EXPECTED:
        return None


def _was_cut_off(bwdata: str) -> bool:
    """Tell whether an earlier run left something that the next one has to clean up."""
    env = os.path.join(bwdata, "env")
    targets = [os.path.realpath(os.path.join(env, name)) for name in os.listdir(env) if name.endswith(".override.env")]
    folders = {bwdata, env, *map(os.path.dirname, targets)}
    names = [name for folder in folders for name in os.listdir(folder)]
    return any(name.startswith(MARK) and not name.startswith(_KEPT) for name in names)


def _unchanged(
    desired: Desired, bwdata: str, environ: Mapping[str, str], lock: int, now: Callable[[], float]
) -> Optional[Dict[str, Any]]:
    commands = Commands(Account.owner_of(bwdata), environ)
    commands.inherited = (lock,)
    docker = commands.find("docker")
    if docker is None or not commands.account.can_be_taken() or not os.path.isfile(_env_file(bwdata, _GLOBAL)):
        return None
    settings = _settings(desired, bwdata)
    stack = _stack(desired, bwdata, commands, docker, settings)
    if stack is None or not stack.is_current() or stack.is_too_old():
        return None
    if settings is not None and not _take_effect(settings, stack):
        return None
    deciding = [one for one in stack.containers if one.service in stack.services]
    if desired.healthy and not all(one.is_settled(now()) for one in deciding):
        return None
    return {**NOTHING_DONE, **stack_facts(stack, stack.setting)}


def _settings(desired: Desired, bwdata: str) -> Optional[_Settings]:
    """Return the settings file, None where nothing is asked of it. Raises ``NotAsDesired``."""
    if not desired.values and desired.region is None:
        return None
    path = _env_file(bwdata, desired.file)
    with open(os.path.realpath(path), "rb") as stream:
        content = stream.read()
    parsed = EnvFile.parse(content, path)
    values: Dict[str, Optional[str]] = {}
    if desired.region is not None:
        of_region = region_settings(desired.region, parsed, desired.values)
        if of_region.warnings:
            raise NotAsDesired(desired.file)
        values.update(of_region.values)
    implied = frozenset(values) - frozenset(desired.values)
    values.update(desired.values)
    if parsed.change(values, bool)[1]:
        raise NotAsDesired(desired.file)
    return _Settings(path, content, parsed, values, implied)


def _stack(
    desired: Desired, bwdata: str, commands: Commands, docker: str, settings: Optional[_Settings]
) -> Optional[Stack]:
    """Return what is running against what Compose would create, None where that is not as usual."""
    script = os.path.abspath(desired.script or os.path.join(os.path.dirname(bwdata), "bitwarden.sh"))
    folder = os.path.dirname(script)
    if desired.pull and not os.path.lexists(script):
        return None
    engine = EngineReader(EngineClient(commands, docker))
    directory = folder if os.path.isdir(folder) else os.path.dirname(bwdata)
    project = ProjectReader(commands, docker, bwdata, directory, min(desired.timeout, _LONGEST))
    if not _are_readable(commands.account, bwdata, [*project.files(), project.dotenv]):
        return None
    planned = PlannedFile(settings.path, settings.content, settings.content) if settings else None
    composition = project.read(planned)
    containers = engine.containers(project.folder)
    if any(one.project != composition.name for one in containers):
        return None
    images = engine.image_environments({one.image_id for one in containers})
    return Stack(composition.services, containers, images, composition.idle)


def _are_readable(account: Account, bwdata: str, compose_files: Sequence[str]) -> bool:
    """Tell whether ``account`` can read the Compose files, and this process the env files."""
    env_files = [
        path for folder in ("docker", "env") for path in glob.glob(os.path.join(glob.escape(bwdata), folder, "*.env"))
    ]
    with account.assumed():
        for path in compose_files:
            try:
                os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
            except PermissionError:
                return False
            except OSError:
                continue
    return all(
        os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids)
        for path in env_files
        if os.path.isfile(path)
    )


def _take_effect(settings: _Settings, stack: Stack) -> bool:
    """Tell whether the services that read the file get what it has, and no other source shadows it."""
    if any(settings.values.values()) and not any(one.reads_file for one in stack.services.values()):
        return False
    return not find_shadowed(stack.services, settings.values, settings.parsed, dict, "", settings.implied)


def _env_file(bwdata: str, name: str) -> str:
    return os.path.join(bwdata, "env", name)
