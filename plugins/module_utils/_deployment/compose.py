# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compose on the deployment's project: what it would give the containers, and starting them from local images."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import tempfile
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

from .._common.durations import format_duration
from .._common.errors import BitwardenError
from .runner import COMMAND_TIMEOUT, Commands, Result

_FILES = ("docker-compose.yml", "docker-compose.override.yml")

_PLUGIN = "docker-compose"
_PLUGIN_FOLDERS = tuple(
    f"{folder}/docker/cli-plugins" for folder in ("/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec")
)

# Compose doubles "$" in its output; older ones did not always. The value tells whether this one does.
_MARK = "bitwarden_reads_the_file_"
_MARK_VALUE = "a$b"


class ComposeError(BitwardenError):
    """Compose is missing, too old or refuses the project. ``details`` is its own text: mask before showing."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


class PlannedFile(NamedTuple):
    """An env file as it would be: ``path`` on the host, and its planned ``content``."""

    path: str
    content: bytes


class Service(NamedTuple):
    """A service as Compose would create it now. ``reads_file``: the planned env file is one of its sources."""

    name: str
    image: str
    environment: Dict[str, str]
    reads_file: bool


class Project:
    """The Compose project in ``bwdata/docker``, found as bitwarden.sh finds it."""

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
        """The project's folder, whose name is the project's name."""
        return os.path.join(self.bwdata, "docker")

    def files(self) -> List[str]:
        """Return the Compose files that exist. Raises ``ComposeError`` when there is none."""
        found = [os.path.join(self.folder, name) for name in _FILES]
        if not os.path.isfile(found[0]):
            raise ComposeError(f"{found[0]} does not exist: is Bitwarden installed in {self.bwdata}?")
        return [path for path in found if os.path.isfile(path)]

    def services(self, planned: Optional[PlannedFile] = None) -> Dict[str, Service]:
        """Return what Compose would create now, or with ``planned`` in place of the file on disk."""
        if planned is None:
            return self._config(self.files(), None)
        mark = _MARK + secrets.token_hex(8)
        content = planned.content
        if content and not content.endswith(b"\n"):
            content += b"\n"
        content += f"{mark}='{_MARK_VALUE}'\n".encode()
        with self._copy(planned.path, content) as folder:
            return self._config([os.path.join(folder, os.path.basename(path)) for path in self.files()], mark)

    def up(self, recreate_all: bool = False) -> Result:
        """Start what is missing or was created from other settings, from local images.

        ``recreate_all`` recreates all containers.
        """
        arguments = ["up", "--detach", "--remove-orphans", *(["--force-recreate"] if recreate_all else [])]
        result = self._run([*arguments, "--pull", "never"], self.files())
        if result.rc != 0 and "unknown flag: --pull" in result.stderr:
            # The first releases of Compose 2 have no such option; they pull only missing images.
            result = self._run(arguments, self.files())
        return result

    def down(self) -> Result:
        """Stop and remove all containers of the project."""
        return self._run(["down"], self.files())

    def _config(self, files: List[str], mark: Optional[str]) -> Dict[str, Service]:
        arguments = ["config", "--format", "json"]
        plugin = self._plugin()
        # Without Docker's own command it takes half as long; whatever goes wrong is for that command to tell.
        result = self._call([plugin], arguments, files) if plugin else None
        if result is None or (result.rc != 0 and not result.timed_out):
            result = self._run(arguments, files)
        self._require_answer(result, "config")
        if result.rc != 0:
            raise ComposeError("Compose cannot read the project: nothing would start.", result.stderr)
        return parse_config(result.stdout, mark)

    @contextlib.contextmanager
    def _copy(self, path: str, content: bytes) -> Iterator[str]:
        """Make a private tree of links that looks like bwdata, with ``content`` as the file at ``path``.

        Gives its project folder. So Compose itself tells what a planned file would do, and the real one is not touched.
        """
        tree = tempfile.mkdtemp(prefix="bitwarden-")
        try:
            replaced = os.path.dirname(path)
            for name in os.listdir(self.bwdata):
                source = os.path.join(self.bwdata, name)
                if source in (self.folder, replaced):
                    os.mkdir(os.path.join(tree, name), 0o700)
                    for inner in os.listdir(source):
                        if os.path.join(source, inner) != path:
                            os.symlink(os.path.join(source, inner), os.path.join(tree, name, inner))
                else:
                    os.symlink(source, os.path.join(tree, name))
            copy = os.path.join(tree, os.path.relpath(path, self.bwdata))
            with open(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.write(content)
            if not self.commands.account.is_current():
                account = self.commands.account
                for owned in (copy, os.path.dirname(copy), os.path.join(tree, "docker"), tree):
                    os.chown(owned, account.uid, account.gid)
            yield os.path.join(tree, "docker")
        finally:
            shutil.rmtree(tree)

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
        """Return the program behind ``docker compose``, found as Docker's command finds it."""
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


def parse_config(text: str, mark: Optional[str] = None) -> Dict[str, Service]:
    """Parse the output of ``compose config --format json``.

    ``mark`` is the name of the variable that tells which services read the planned file; it is removed again.
    Raises ``ComposeError`` for any other text.
    """
    try:
        data: Dict[str, Any] = json.loads(text)["services"]
    except (ValueError, KeyError, TypeError):
        raise ComposeError("The output of compose config cannot be read.") from None
    data = {name: service for name, service in data.items() if _replicas(service) > 0}
    given = {name: _given(service.get("environment")) for name, service in data.items()}
    doubled = mark is None or not any(variables.get(mark) == _MARK_VALUE for variables in given.values())
    services = {}
    for name, service in data.items():
        variables = given[name]
        reads_file = mark is not None and variables.pop(mark, None) is not None
        if doubled:
            variables = {key: value.replace("$$", "$") for key, value in variables.items()}
        services[name] = Service(name, service.get("image") or "", variables, reads_file)
    return services


def _given(environment: Optional[Dict[str, Optional[str]]]) -> Dict[str, str]:
    """Return the variables with a value; one without is passed on from the shell, where it is not set."""
    return {name: str(value) for name, value in (environment or {}).items() if value is not None}


def _replicas(service: Dict[str, Any]) -> int:
    """Return how many containers the service is to have: 0 is how an override turns a service off."""
    replicas = (service.get("deploy") or {}).get("replicas", service.get("scale"))
    return 1 if replicas is None else int(replicas)
