# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The release that a set is of: its scripts, and what Compose would create from its files on this host."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from typing import Iterator, List, NamedTuple, Optional, Tuple

from .._commands.runner import Account, Commands
from .._common.errors import BitwardenError, message_of
from .._common.problem import Problem
from .._compose.composition import Composition
from .._compose.project import Project
from .._deployment.conflicts import Host, Scope, foreign, obstacles
from .._deployment.host_ports import listening
from .._docker.images import image_problems
from .._docker.inventory import EngineInventory
from .._scripts.pair import ScriptPair, checked_pair
from .._scripts.pair import Source as ScriptSource
from .parts import BWDATA, COMPOSE_FILE, RUN_SCRIPT, SCRIPT
from .source import Source


class Engine(NamedTuple):
    """What a release is to be started with: commands with the rights of the server's owner, and Docker."""

    commands: Commands
    inventory: EngineInventory


class Release(NamedTuple):
    """What a set has of its release: None where it cannot be used, which is a problem that is told."""

    pair: Optional[ScriptPair]
    composition: Optional[Composition]

    def images(self, pull: bool) -> Tuple[str, ...]:
        """Return the images that are to be local. ``pull``: ``bitwarden.sh`` starts the server, with the setup tool."""
        services = self.composition.services.values() if self.composition else ()
        setup = [self.pair.setup_image] if self.pair and pull else []
        return tuple(sorted({*setup, *(one.image for one in services if one.image and not one.builds)}))

    @property
    def volumes(self) -> Tuple[str, ...]:
        """Return the volumes that Compose makes for it."""
        volumes = self.composition.volumes if self.composition else ()
        return tuple(one.name for one in volumes if not one.external)


def read_release(source: Source, engine: Engine) -> Tuple[Release, List[BitwardenError]]:
    """Read scripts and Compose files of a set, and return what is wrong with those that it has."""
    problems: List[BitwardenError] = []
    pair: Optional[ScriptPair] = None
    composition: Optional[Composition] = None
    if SCRIPT in source.texts and RUN_SCRIPT in source.texts:
        try:
            pair = checked_pair(engine.commands, *(_script(source, name) for name in (SCRIPT, RUN_SCRIPT)))
        except BitwardenError as error:
            problems.append(error)
    if BWDATA + COMPOSE_FILE in source.texts:
        with laid_out(source, engine.commands.account) as bwdata:
            try:
                project = Project(engine.commands, engine.inventory.client.docker, bwdata, bwdata)
                composition = project.read()
            except BitwardenError as error:
                told = message_of(error).replace(bwdata, os.path.join(source.backup.path, BWDATA.rstrip("/")))
                problems.append(Problem(f"Compose cannot read the project in the set: {told}"))
    return Release(pair, composition), problems


def _script(source: Source, name: str) -> ScriptSource:
    return ScriptSource(f"the set ({name})", source.texts[name])


@contextmanager
def laid_out(source: Source, account: Account) -> Iterator[str]:
    """Yield a folder with the Compose files of the set. Env files only exist there: no secret leaves the set."""
    folder = tempfile.mkdtemp(prefix="bitwarden-restore-")
    try:
        for entry in source.files:
            below = entry.path[len(BWDATA) :] if entry.path.startswith((BWDATA + "docker/", BWDATA + "env/")) else ""
            if below and not entry.is_folder and not entry.link:
                is_env = below.endswith(".env") and os.path.basename(below) != ".env"
                _write(os.path.join(folder, below), b"" if is_env else source.texts.get(entry.path, b""))
        # That of the host is not in the set.
        _write(os.path.join(folder, "env/uid.env"), b"")
        if not account.is_current():
            for inner, _folders, names in os.walk(folder):
                for path in (inner, *(os.path.join(inner, one) for one in names)):
                    os.chown(path, account.uid, account.gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(path: str, content: bytes) -> None:
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(content)


def release_problems(
    release: Release, engine: Engine, bwdata: str, source: Source, pull: bool, new_volumes: Tuple[str, ...]
) -> Iterator[BitwardenError]:
    """Yield what would stop the release from being started in ``bwdata``. Raises ``EngineError``.

    ``new_volumes`` are not to exist yet.
    """
    composition, inventory = release.composition, engine.inventory
    yield from image_problems(inventory, release.images(pull), pull)
    if composition is None:
        return
    # What a service uses of bwdata comes with the set.
    composition = composition._replace(files=())
    scope = Scope(os.path.join(bwdata, "docker"), composition, inventory.all_containers(), composition.services)
    renews = pull and any(entry.path.startswith(f"{BWDATA}letsencrypt/live/") for entry in source.files)
    yield from foreign(scope)
    host = Host(inventory, inventory.client.host.startswith("unix://"), listening)
    yield from obstacles(scope, host, True, renews)
    for volume in new_volumes:
        if inventory.has_volume(volume):
            yield Problem(
                f"The volume {volume} exists on this host, and the server of the set would use what is in it. Remove "
                f"it, if nothing in it is needed (docker volume rm {volume})."
            )
