# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The standard deployment in one ``bwdata``: who owns it, what Compose would make of it, what runs."""

from __future__ import annotations

import errno
import os
from typing import Dict, List, Mapping, Optional, Set

from .._common.errors import BitwardenError
from .._common.masking import holds_credentials, looks_secret, mask_text
from .._env_files.document import EnvFile
from .bitwarden_sh import Script
from .compose import ComposeError, PlannedFile, Project
from .docker import Container, Engine
from .drift import OLDEST_VERSION, Stack
from .runner import Account, Commands


class DeploymentError(BitwardenError):
    """The deployment cannot be used from here; the message says why and what to do."""


class Deployment:
    """One deployment, opened for its owner or root. Everything Docker is done as its owner, as bitwarden.sh does it."""

    def __init__(self, bwdata: str, script: Optional[str], environ: Mapping[str, str]) -> None:
        """``script`` defaults to ``bitwarden.sh`` beside ``bwdata``; ``environ`` is this process's environment.

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
        )
        self.engine = Engine(self.commands)
        self.project = Project(self.commands, self.engine.docker, self.bwdata, self._run_directory())

    def _run_directory(self) -> str:
        return self.script.folder if os.path.isdir(self.script.folder) else os.path.dirname(self.bwdata)

    def containers(self) -> List[Container]:
        """The deployment's containers as they are now."""
        return self.engine.containers(self.project.folder)

    def look(self, planned: Optional[PlannedFile] = None) -> Stack:
        """What Compose would make now (or with ``planned``) against what runs.

        Raises ``DeploymentError`` for a project that Compose cannot read and for a Bitwarden that is too old.
        """
        # First, because it names the line where Compose's own message would show it.
        self.env_files()
        try:
            services = self.project.services(planned)
        except ComposeError as error:
            raise DeploymentError(self._with_details(error)) from error
        containers = self.containers()
        images = self.engine.image_environments(container.image_id for container in containers)
        stack = Stack(services, containers, images)
        if stack.is_too_old():
            oldest = ".".join(map(str, OLDEST_VERSION))
            raise DeploymentError(
                f"Bitwarden {stack.version()} is too old: this collection needs {oldest} or newer. "
                "Update the server first (bitwarden.sh updateself, then update)."
            )
        return stack

    def env_files(self) -> Dict[str, EnvFile]:
        """All env files of the deployment by path, read as Compose would. Raises ``EnvFileError``."""
        found = {}
        for folder in ("docker", "env"):
            directory = os.path.join(self.bwdata, folder)
            for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
                path = os.path.join(directory, name)
                if name.endswith(".env") and name != ".env" and os.path.isfile(path):
                    found[path] = EnvFile.parse(_content(path), path, self.commands.environment)
        return found

    def compose_override(self) -> str:
        """The Compose file that is the likely source of what no env file explains."""
        return self.project.files()[-1]

    def secrets(self, stack: Optional[Stack] = None) -> Set[str]:
        """Every value here whose name looks secret: in the env files, in Compose's eyes, in the containers."""
        sources: List[Mapping[str, str]] = [file.values() for file in self.env_files().values()]
        if stack is not None:
            sources += [service.environment for service in stack.services.values()]
            sources += [container.environment for container in stack.containers]
        return secret_values(sources)

    def _with_details(self, error: ComposeError) -> str:
        if not error.details:
            return str(error)
        lines = [line.strip() for line in error.details.splitlines() if line.strip() and "level=warning" not in line]
        return f"{error} It says: {mask_text(' '.join(lines[-3:]), self.secrets())}"


def secret_values(sources: List[Mapping[str, str]]) -> Set[str]:
    """The values of all names that look secret, and the passwords inside connection strings."""
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
                f"{bwdata} may not be read by this user: run the task as root or as the owner of bwdata (become)."
            ) from error
        raise DeploymentError(f"{bwdata} cannot be used: {error.strerror}. Is Bitwarden installed there?") from error
    if not is_readable:
        raise DeploymentError(f"{bwdata} is no folder with a deployment in it. Is Bitwarden installed there?")
    if not account.can_be_taken():
        raise DeploymentError(
            f"{bwdata} belongs to {account.name}, as whom this user cannot act: run the task as root or as "
            f"{account.name} (become)."
        )
    return account
