# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The standard deployment in one ``bwdata``: its owner, its files, what Compose would create, what is running."""

from __future__ import annotations

import errno
import os
from typing import Dict, List, Mapping, Optional, Set

from .._common.errors import BitwardenError
from .._common.masking import holds_credentials, looks_secret, mask_text
from .._env_files.document import EnvFile
from .bitwarden_sh import Script
from .compose import ComposeError, PlannedFile, Project, Service
from .docker import Container, Engine
from .docker_client import EngineClient
from .docker_host import EngineError
from .drift import OLDEST_VERSION, Stack
from .runner import COMMAND_TIMEOUT, Account, Commands


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
        self.engine = Engine(EngineClient(self.commands, docker))
        self.project = Project(self.commands, docker, self.bwdata, self._run_directory(), timeout)
        self._env_files: Dict[str, EnvFile] = {}

    def _run_directory(self) -> str:
        return self.script.folder if os.path.isdir(self.script.folder) else os.path.dirname(self.bwdata)

    def containers(self) -> List[Container]:
        """Return the deployment's containers as they are now."""
        return self.engine.containers(self.project.folder)

    def inspect(self, planned: Optional[PlannedFile] = None) -> Stack:
        """Compare what Compose would create now (or with ``planned``) with what is running.

        Raises ``DeploymentError`` for a project that Compose cannot read and for a Bitwarden that is too old.
        """
        # First, because it names the line and does not show it, as Compose's own message would.
        self.env_files()
        try:
            services = self.project.services(planned)
        except ComposeError as error:
            raise DeploymentError(self._with_details(error)) from None
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
        containers = self.containers()
        unknown = {container.image_id for container in containers} - set(images)
        return Stack(services, containers, {**images, **self.engine.image_environments(unknown)})

    def env_files(self) -> Dict[str, EnvFile]:
        """Return all env files of the deployment by path, as Compose reads them. They are read once.

        Raises ``EnvFileError``.
        """
        if not self._env_files:
            self._env_files = self._read_env_files()
        return self._env_files

    def _read_env_files(self) -> Dict[str, EnvFile]:
        found = {}
        for folder in ("docker", "env"):
            directory = os.path.join(self.bwdata, folder)
            for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
                path = os.path.join(directory, name)
                if name.endswith(".env") and name != ".env" and os.path.isfile(path):
                    found[path] = EnvFile.parse(_content(path), path, self.commands.environment)
        return found

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

    def _with_details(self, error: ComposeError) -> str:
        if not error.details:
            return str(error)
        lines = [line.strip() for line in error.details.splitlines() if line.strip() and "level=warning" not in line]
        return f"{error} It printed: {mask_text(' '.join(lines[-3:]), self.secrets())}"


def secret_values(sources: List[Mapping[str, str]]) -> Set[str]:
    """Return the values of all names that look secret, and the passwords inside connection strings."""
    found: Set[str] = set()
    for source in sources:
        for name, value in source.items():
            if not value or not (looks_secret(name) or holds_credentials(value)):
                continue
            found.add(value)
            for part in value.split(";"):
                key, separator, inner = part.partition("=")
                if separator and looks_secret(key.strip()):
                    found.add(inner.strip().strip("\"'"))
    return found


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
        raise DeploymentError(f"{bwdata} cannot be used: {error.strerror}. Is Bitwarden installed there?") from error
    if not is_readable:
        raise DeploymentError(f"{bwdata} is not a folder with a deployment in it. Is Bitwarden installed there?")
    if not account.can_be_taken():
        raise DeploymentError(
            f"{bwdata} belongs to {account.name}, and this user cannot act for that one: run the task as root or as "
            f"{account.name} (become)."
        )
    return account
