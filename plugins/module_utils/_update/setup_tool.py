# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bitwarden's setup tool of the new version: what it generates is made aside; it migrates a database."""

from __future__ import annotations

import json
import os
import secrets
from typing import Callable, NamedTuple, Sequence
from urllib.parse import quote

from .._commands.runner import Result
from .._common.errors import BitwardenError
from .._common.masking import mask_text
from .._deployment.deployment import Deployment
from .._docker.containers import checked
from .._scripts.pair import ScriptPair

_CONTAINER = "bitwarden-update-"
_GENERATED = ("config.yml", "docker/docker-compose.yml", "docker/global.env")
_REMOVE_TIMEOUT = 60.0


class SetupError(BitwardenError):
    """The setup tool did not do its work; the message (masked) says what it printed."""


class SetupTool(NamedTuple):
    """The setup tool of one release; ``timeout`` in seconds is for each run."""

    deployment: Deployment
    pair: ScriptPair
    timeout: float

    def generate(self, folder: str) -> None:
        """Generate the files of the new version from ``config.yml`` in ``folder``. Raises ``SetupError``."""
        before = {name: _state(os.path.join(folder, name)) for name in _GENERATED}
        result = self._run(folder, ["-update", "1"], [])
        # It writes config.yml last, and its exit status is 0 also where it did nothing.
        missing = [name for name in _GENERATED if not _state(os.path.join(folder, name))]
        written = _state(os.path.join(folder, "config.yml")) != before["config.yml"]
        if result.rc != 0 or missing or not written:
            lacks = f" It lacks {', '.join(missing)}." if missing else ""
            raise SetupError(f"{self._told(result)} It did not generate the files of the new version.{lacks}")

    def migrate(self, folder: str, network: str) -> None:
        """Migrate the database that the settings in ``folder`` name, in the network of the container ``network``.

        Raises ``SetupError`` for what it tells; scripts that failed it does not tell.
        """
        self.begin_migration(folder, network)()

    def begin_migration(self, folder: str, network: str) -> Callable[[], None]:
        """Begin to migrate it; return the call that waits for that, which raises ``SetupError``."""
        running = self._begin(folder, ["-update", "1", "-db", "1"], ["--network", f"container:{network}"])

        def end() -> None:
            result = running()
            if result.rc != 0:
                raise SetupError(f"{self._told(result)} The database was not migrated.")

        return end

    def _run(self, folder: str, command: Sequence[str], options: Sequence[str]) -> Result:
        return self._begin(folder, command, options)()

    def _begin(self, folder: str, command: Sequence[str], options: Sequence[str]) -> Callable[[], Result]:
        name, docker = _CONTAINER + secrets.token_hex(4), self.deployment.engine.docker
        arguments = [docker, "run", "--interactive", "--rm", "--name", name, "--log-driver", "none", "--pull", "never"]
        arguments += [*options, "--volume", f"{folder}:/bitwarden", "--env-file", f"{folder}/env/uid.env"]
        commands = self.deployment.commands
        running = commands.begin([*arguments, self.pair.setup_image, *self.pair.setup_arguments(command)])

        def end() -> Result:
            result = running(self.timeout)
            if result.interrupted:
                # The container goes on without the command that was killed.
                commands.run([docker, "rm", "--force", name], _REMOVE_TIMEOUT)
            return result

        return end

    def _told(self, result: Result) -> str:
        return mask_text(result.told(f"The setup tool of {self.pair.versions.core}"), self.deployment.secrets())


def remove_leftovers(deployment: Deployment) -> None:
    """Remove the containers that a run left which was killed: of the setup tool, and of the trial.

    Only those that work on this server. Raises ``EngineError``.
    """
    client, own = deployment.engine.client, os.path.join(os.path.realpath(deployment.bwdata), "")
    filters = quote(json.dumps({"name": [f"^/{_CONTAINER}"]}))
    listed = checked(client.request("GET", f"/containers/json?all=true&filters={filters}", _REMOVE_TIMEOUT)).body or []
    for one in listed:
        mounted = [os.path.join(os.path.realpath(str(mount.get("Source"))), "") for mount in one.get("Mounts") or ()]
        if any(path.startswith(own) for path in mounted):
            path = f"/containers/{one['Id']}?force=true&v=true"
            response = client.request("DELETE", path, _REMOVE_TIMEOUT)
            if response.status not in (404, 409):  # gone, or about to be
                checked(response)


def _state(path: str) -> object:
    """Return what changes when a file is written, None where it is missing or empty."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (status.st_ino, status.st_mtime_ns, status.st_ctime_ns) if status.st_size else None
