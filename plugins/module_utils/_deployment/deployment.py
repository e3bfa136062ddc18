# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The standard deployment in one ``bwdata``: its owner, its files, what Compose would create, what is running."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from typing import Dict, FrozenSet, List, Mapping, Optional, Set, Tuple

from .._commands.access import unreadable
from .._commands.runner import COMMAND_TIMEOUT, Account, Commands
from .._common.errors import BitwardenError
from .._common.masking import mask_text, secret_values
from .._common.problem import Problem
from .._compose.composition import ComposeError, Composition, Service
from .._compose.planned_file import PlannedFile
from .._compose.project import Project
from .._docker.containers import Container
from .._docker.engine import Engine
from .._docker.host import EngineError
from .._docker.inventory import EngineInventory
from .._docker.stream import StreamClient
from .._env_files.document import EnvFile, EnvFileError
from .bitwarden_sh import Script
from .conflicts import (
    Conflicts,
    Host,
    Scope,
    foreign,
    left_behind,
    lost_networks,
    obstacles,
    other_name,
    service_obstacles,
    without_image,
)
from .drift import OLDEST_VERSION, Stack
from .host_ports import listening

# The file in Compose's words, which may be any that the Compose files include.
_DENIED = re.compile(r"(/[^\s:]+): permission denied")

_SET = "Set bwdata to the data folder of the server."


class DeploymentError(BitwardenError):
    """The deployment cannot be used from here; the message says why and what to do."""


class Deployment:
    """One deployment, for its owner or root. Docker is used with the rights of its owner, as bitwarden.sh does."""

    def __init__(
        self, bwdata: str, script: Optional[str], environ: Mapping[str, str], timeout: float = COMMAND_TIMEOUT
    ) -> None:
        """``script`` defaults to ``bitwarden.sh`` beside ``bwdata``; ``environ`` is this process's environment.

        ``timeout`` in seconds is how long each command on the host may take.

        Raises ``DeploymentError`` where there is no deployment or this user may not act for its owner,
        ``EngineError`` without Docker.
        """
        self.bwdata = os.path.abspath(bwdata)
        self.account = _owner(self.bwdata)
        self.commands = Commands(self.account, environ)
        self.script = Script(
            self.commands,
            os.path.abspath(script or os.path.join(os.path.dirname(self.bwdata), "bitwarden.sh")),
            self.bwdata,
            timeout,
        )
        docker = self.commands.find("docker")
        if docker is None:
            raise EngineError("Docker is not installed here: no command named docker was found.")
        self.engine = Engine(StreamClient(self.commands, docker))
        self._inventory = EngineInventory(self.engine.client)
        self.project = Project(self.commands, docker, self.bwdata, self._run_directory(), timeout)
        self._env_files: Optional[Dict[str, EnvFile]] = None
        self._read_env_files: Optional[Dict[str, EnvFile]] = None
        #: What Compose would create, once it was asked.
        self.composition: Optional[Composition] = None
        # Compose's default, whatever its own variables say: containers that are not this deployment's stay.
        self.commands.environment["COMPOSE_REMOVE_ORPHANS"] = "false"

    def _run_directory(self) -> str:
        return self.script.folder if os.path.isdir(self.script.folder) else os.path.dirname(self.bwdata)

    def containers(self) -> List[Container]:
        """Return the deployment's containers as they are now, under the project's name."""
        return self._split(self.engine.containers(self.project.folder))[0]

    def _split(self, found: List[Container]) -> Tuple[List[Container], List[Container]]:
        """Tell containers of this project's name from those that were made from its folder under another one."""
        names = {container.project for container in found}
        if self.composition is None and len(names) > 1:
            self.composition = self._read(None)
        if self.composition is None:
            return found, []
        name = self.composition.name
        return [one for one in found if one.project == name], [one for one in found if one.project != name]

    def _read(self, planned: Optional[PlannedFile]) -> Composition:
        try:
            blocked = unreadable(self.account, [*self.project.files(), self.project.dotenv])
            if blocked:
                raise DeploymentError(" ".join(map(str, blocked)))
            return self.project.read(planned)
        except ComposeError as error:
            raise self._explained(error) from None

    def inspect(self, planned: Optional[PlannedFile] = None) -> Stack:
        """Compare what Compose would create now (or with ``planned``) with what is running.

        Raises ``DeploymentError`` for a project that Compose cannot read and for a Bitwarden that is too old.
        """
        self.composition = self._read(planned)
        services = self.composition.services
        stack = self.compare(services, {})
        if stack.is_too_old():
            oldest = ".".join(map(str, OLDEST_VERSION))
            raise DeploymentError(
                f"Bitwarden {stack.version()} is too old: this collection needs {oldest} or newer. "
                "Update the server first (bitwarden.sh updateself, then update)."
            )
        return stack

    def compare(self, services: Mapping[str, Service], images: Mapping[str, Mapping[str, str]]) -> Stack:
        """Compare ``services`` with what is running; ``images`` are the environments of images that are known."""
        containers, others = self._split(self.engine.containers(self.project.folder))
        idle = self.composition.idle if self.composition else frozenset()
        renamed = tuple(one for one in others if one.service in services or one.service in idle)
        unknown = {container.image_id for container in containers} - set(images)
        images = {**images, **self.engine.image_environments(unknown)}
        return Stack(services, containers, images, idle, renamed)

    def conflicts(
        self, stack: Stack, starts: bool, pull: bool, tolerated: FrozenSet[str] = frozenset(), takes_down: bool = False
    ) -> Conflicts:
        """Return why the services cannot be stopped, or (``starts``) started, without harm; each with what to do.

        Why ``tolerated`` services cannot be started is a warning, as is what other projects lose where the run
        ``takes_down`` the server. ``stack`` comes from ``inspect``. Raises ``EngineError``.
        """
        scope = self._scope(tolerated)
        found, others = foreign(scope), lost_networks(scope) if takes_down else []
        blocked: Dict[str, List[Problem]] = {}
        if starts and stack.renamed:
            found.append(other_name(stack.renamed, scope))
        elif starts:
            host = Host(self._inventory, self.engine.client.host.startswith("unix://"), listening)
            renews = pull and os.path.isdir(os.path.join(self.bwdata, "letsencrypt", "live"))
            found += obstacles(scope, host, pull, renews)
            for name in sorted(tolerated):
                services = {name: scope.composition.services[name]}
                blocked[name] = service_obstacles(scope._replace(services=services), host, pull)
                others += blocked[name]
        return Conflicts(found, others, frozenset(name for name, problems in blocked.items() if problems))

    def obstacles_of(self, service: Service) -> List[Problem]:
        """Return what would stop a service as it is described here from starting."""
        host = Host(self._inventory, self.engine.client.host.startswith("unix://"), listening)
        return service_obstacles(self._scope()._replace(services={service.name: service}), host, True)

    def left_behind(self) -> List[Problem]:
        """Return a problem for containers of this project that a folder left behind which does not exist any more."""
        return left_behind(self._scope())

    def without_image(self, services: Mapping[str, Service]) -> Set[str]:
        """Return those of ``services`` whose image is not local."""
        missing = without_image(services, self._inventory)
        return {name for names in missing.values() for name in names}

    def require_own_scope(self) -> None:
        """Raise ``DeploymentError`` where Compose or bitwarden.sh would touch containers of another folder now."""
        found = foreign(self._scope())
        if found:
            raise DeploymentError(" ".join(map(str, found)))

    def _scope(self, tolerated: FrozenSet[str] = frozenset()) -> Scope:
        if self.composition is None:
            self.composition = self._read(None)
        services = {name: one for name, one in self.composition.services.items() if name not in tolerated}
        return Scope(self.project.folder, self.composition, self._inventory.all_containers(), services)

    def pull_missing(self, services: Mapping[str, Service]) -> str:
        """Pull the images that are not local; return what failed, empty where all are local now."""
        missing = without_image(services, self._inventory)
        if not missing:
            return ""
        result = self.project.pull(sorted(name for names in missing.values() for name in names))
        left = without_image(services, self._inventory)
        return f"{', '.join(left)}. {result.told('docker compose pull')}" if left else ""

    def env_files(self) -> Dict[str, EnvFile]:
        """Return the env files of the deployment by path, as Compose reads them. They are read once.

        What Compose could not parse is left out: it does not read that, or ``inspect`` has failed.
        """
        if self._env_files is None:
            self._env_files = self._parsed(self._env_file_paths())
        return self._env_files

    def read_env_files(self) -> Dict[str, EnvFile]:
        """Return the env files that Compose reads, wherever they are; all of the deployment where it does not tell.

        Only where it matters: Compose is asked once more for it.
        """
        if self._read_env_files is None:
            paths = self.project.env_files()
            self._read_env_files = self.env_files() if paths is None else self._parsed(paths)
        return self._read_env_files

    def _parsed(self, paths: List[str]) -> Dict[str, EnvFile]:
        found = {}
        for path in paths:
            with contextlib.suppress(EnvFileError):
                if os.path.isfile(path):
                    found[path] = self._env_file(path)
        return found

    def _env_file_paths(self) -> List[str]:
        found = []
        for folder in ("docker", "env"):
            directory = os.path.join(self.bwdata, folder)
            for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
                path = os.path.join(directory, name)
                if name.endswith(".env") and name != ".env" and os.path.isfile(path):
                    found.append(path)
        return found

    def _env_file(self, path: str) -> EnvFile:
        return EnvFile.parse(_content(path), path, self.commands.environment)

    def compose_override(self) -> str:
        """Return the Compose file that is the likely source of what no env file explains."""
        return self.project.files()[-1]

    def secrets(self, stack: Optional[Stack] = None) -> Set[str]:
        """Return every value whose name looks secret, from the env files, from Compose and from the containers."""
        sources: List[Mapping[str, str]] = [file.values() for file in self.env_files().values()]
        if stack is not None:
            sources += [service.environment for service in stack.services.values()]
            sources += [container.environment for container in stack.containers]
        return secret_values(sources)

    def _explained(self, error: ComposeError) -> BitwardenError:
        """Say why Compose cannot read the project: by this collection's own reading where that tells."""
        if not error.details:
            return DeploymentError(str(error))
        paths = self.project.env_files() or self._env_file_paths()
        blocked = unreadable(self.account, [*paths, *_DENIED.findall(error.details)])
        if blocked:
            return DeploymentError(" ".join(map(str, blocked)))
        try:
            for path in paths:
                # It names the line and does not show it, as Compose's own message would.
                if os.path.isfile(path):
                    self._env_file(path)
        except EnvFileError as explanation:
            return explanation
        lines = [line.strip() for line in error.details.splitlines() if line.strip() and "level=warning" not in line]
        said = " ".join(lines[-3:])
        named = any(path in error.details for path in (*self.project.files(), *paths, self.project.dotenv))
        fault = "" if named else f" The fault is in {self.project.faulty_file()}."
        return DeploymentError(f"{error}{fault} It printed: {mask_text(said, self.secrets())}")


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise DeploymentError(f"{path} cannot be read: {error.strerror}.") from error


def _owner(bwdata: str) -> Account:
    try:
        account = Account.owner_of(bwdata)
        is_readable = os.path.isdir(bwdata) and bool(os.listdir(bwdata))
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            raise DeploymentError(
                f"{bwdata} cannot be read by this user: run the task as root or as the owner of bwdata (become)."
            ) from error
        raise DeploymentError(f"{bwdata} cannot be used: {error.strerror}. {_SET}") from error
    if not is_readable:
        raise DeploymentError(f"{bwdata} is not a folder with a deployment in it. {_SET}")
    if not account.can_be_taken():
        others = f" or as {account.name}" if account.has_entry else ""
        raise DeploymentError(
            f"{bwdata} belongs to {account.name}, and this user cannot act for that one: run the task as root{others} "
            "(become)."
        )
    return account
