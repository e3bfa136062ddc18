# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Compose makes of the deployment's project: the services, and what it would give their containers."""

from __future__ import annotations

import os
import re
from typing import Dict, List, Optional

from .._commands.runner import COMMAND_TIMEOUT, Commands, Result
from .._common.durations import format_duration
from .._env_files.document import EnvFile
from .composition import ComposeError, Composition, Sources, parse_config, parse_model
from .planned_file import PlannedFile, Reader, with_planned

_FILES = ("docker-compose.yml", "docker-compose.override.yml")

_PLUGIN = "docker-compose"
_PLUGIN_FOLDERS = tuple(
    f"{folder}/docker/cli-plugins" for folder in ("/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec")
)


class ProjectReader:
    """The Compose project in ``bwdata/docker``, found as bitwarden.sh finds it. Only reads."""

    def __init__(
        self, commands: Commands, docker: str, bwdata: str, directory: str, timeout: float = COMMAND_TIMEOUT
    ) -> None:
        """``directory`` is the folder of bitwarden.sh, where it runs (Compose also reads a ``.env`` there).

        ``timeout`` in seconds is how long each call of Compose may take.
        """
        self.commands = commands
        self.docker = docker
        self.bwdata = bwdata
        self.directory = directory
        self.timeout = timeout
        self._command = [docker, "compose"]
        self._found = False

    @property
    def folder(self) -> str:
        """The project's folder, whose name is the project's name unless ``dotenv`` or the Compose files set another."""
        return os.path.join(self.bwdata, "docker")

    @property
    def dotenv(self) -> str:
        """The file of Compose's own variables."""
        return os.path.join(self.folder, ".env")

    def files(self) -> List[str]:
        """Return the Compose files that exist. Raises ``ComposeError`` when there is none."""
        found = [os.path.join(self.folder, name) for name in _FILES]
        if not os.path.isfile(found[0]):
            raise ComposeError(
                f"{found[0]} does not exist. Generate it (bitwarden.sh rebuild), or set bwdata to the data folder of "
                "an installed server."
            )
        return [path for path in found if os.path.isfile(path)]

    def read(self, planned: Optional[PlannedFile] = None) -> Composition:
        """Return what Compose would create now, or with ``planned`` in place of the file on disk.

        Raises ``ComposeError``, ``EnvFileError``.
        """
        composition = parse_config(self._config(), self._usual_name())
        if planned is None:
            return composition
        # Only for a file that changes: what Compose has just read is what an unchanged one gives.
        sources = self.sources() if planned.before != planned.after else None
        return with_planned(composition, sources, planned, self._reader())

    def sources(self) -> Optional[Dict[str, Sources]]:
        """Return each service's env files as Compose names them, None where it does not."""
        result = self._model()
        return parse_model(result.stdout) if result.rc == 0 else None

    def _usual_name(self) -> str:
        """Return the project's name for a Compose that does not print it."""
        name = self._variables().get("COMPOSE_PROJECT_NAME") or os.path.basename(self.folder)
        return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-")

    def _variables(self) -> Dict[str, str]:
        dotenv = _content(self.dotenv)
        return EnvFile.parse(dotenv, self.dotenv).values() if dotenv is not None else {}

    def _reader(self) -> Reader:
        return Reader(self.folder, {**self._variables(), **self.commands.environment}, _content)

    def _config(self) -> str:
        result = self._read_only(["config", "--format", "json"])
        if result.rc != 0:
            raise ComposeError("Compose cannot read the project: nothing would start.", result.stderr)
        return result.stdout

    def _model(self) -> Result:
        return self._read_only(["config", "--no-interpolate", "--format", "json"])

    def _read_only(self, arguments: List[str]) -> Result:
        plugin = self._plugin()
        # Without Docker's own command it takes half as long; whatever goes wrong is for that command to tell.
        result = self._call([plugin], arguments, self.files()) if plugin else None
        if result is None or (result.rc != 0 and not result.timed_out):
            result = self._run(arguments, self.files())
        self._require_answer(result, "config")
        return result

    def _run(self, arguments: List[str], files: List[str]) -> Result:
        result = self._call(self._command, arguments, files)
        # Compose may have failed, or be missing.
        if result.rc != 0 and not result.timed_out and not self._found and self._version(self._command) is None:
            self._command = self._standalone()
            result = self._call(self._command, arguments, files)
        self._found = True
        return result

    def _version(self, command: List[str]) -> Optional[str]:
        """Return the version of Compose, None where the command does not tell."""
        result = self._call(command, ["version", "--short"], [])
        self._require_answer(result, "version")
        return None if result.rc != 0 else result.stdout.strip().lstrip("v")

    def _require_answer(self, result: Result, command: str) -> None:
        if result.timed_out:
            raise ComposeError(
                f"docker compose {command} did not end within {format_duration(result.limit)} and was killed. "
                f"To see what it waits for, run it in {self.folder} as {self.commands.account.name}."
            )

    def _plugin(self) -> Optional[str]:
        """Return the program behind ``docker compose``, found as Docker's command finds it, where it can be called."""
        if self.docker.startswith("/snap/"):
            # Confined, Docker's command sees other files.
            return None
        environment = self.commands.environment
        own = environment.get("DOCKER_CONFIG") or os.path.join(self.commands.account.home, ".docker")
        return self.commands.find(_PLUGIN, [os.path.join(own, "cli-plugins"), *_PLUGIN_FOLDERS])

    def _call(self, command: List[str], arguments: List[str], files: List[str]) -> Result:
        return self.commands.run(
            [*command, *arguments],
            self.timeout,
            cwd=self.directory,
            environment={"COMPOSE_FILE": os.pathsep.join(files), "COMPOSE_HTTP_TIMEOUT": "300"},
        )

    def _standalone(self) -> List[str]:
        """Return ``docker-compose``, where it is not version 1."""
        standalone = self.commands.find(_PLUGIN)
        if standalone is None:
            raise ComposeError(
                "Compose is not installed here (Docker has no command compose): version 2 or newer is needed "
                "(the package docker-compose-plugin or docker-compose-v2)."
            )
        version = self._version([standalone])
        if not version or version.startswith("1."):
            raise ComposeError(
                f"Compose {version or 'of an unknown version'} is too old: version 2 or newer is needed "
                "(the package docker-compose-plugin or docker-compose-v2)."
            )
        return [standalone]


def _content(path: str) -> Optional[bytes]:
    """Return the bytes of a file, None where there is none."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except (FileNotFoundError, IsADirectoryError):
        return None
