# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Docker engine as this collection uses it: which containers there are, how they are, what they say."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from .._common.dates import parse_date
from .._common.errors import BitwardenError
from .runner import Commands, Result

_WORKING_DIR = "com.docker.compose.project.working_dir"
_SERVICE = "com.docker.compose.service"
_ONE_OFF = "com.docker.compose.oneoff"
_LIST_FORMAT = '{{.ID}}\t{{.Label "%s"}}\t{{.Label "%s"}}' % (_WORKING_DIR, _ONE_OFF)  # noqa: UP031

_QUICK = 30.0
_SLOW = 120.0


class EngineError(BitwardenError):
    """The engine is missing, does not answer or refuses; the message says which and what to do."""


class Container(NamedTuple):
    """One container of a deployment, as the engine describes it.

    ``state`` is the engine's word (created, running, restarting, exited, paused, dead), ``health`` its health
    status or None where it has no health check. ``created`` and ``started`` are seconds since 1970 (0.0: never).
    ``health_check`` is the command that asks the service itself, None where there is none.
    """

    id: str
    service: str
    state: str
    health: Optional[str]
    restarts: int
    created: float
    started: float
    finished: float
    image: str
    image_id: str
    labels: Dict[str, str]
    environment: Dict[str, str]
    health_check: Optional[Tuple[str, ...]]

    @property
    def lives(self) -> bool:
        """Runs, or is being restarted by the engine."""
        return self.state in ("running", "restarting")

    @classmethod
    def from_inspect(cls, data: Dict[str, Any]) -> Container:
        """Read one member of the list that ``docker inspect`` prints."""
        config, state = data["Config"], data["State"]
        labels = config.get("Labels") or {}
        return cls(
            id=data["Id"],
            service=labels.get(_SERVICE, ""),
            state=state["Status"],
            health=(state.get("Health") or {}).get("Status"),
            restarts=int(data.get("RestartCount") or 0),
            created=parse_time(data["Created"]),
            started=parse_time(state["StartedAt"]),
            finished=parse_time(state["FinishedAt"]),
            image=config["Image"],
            image_id=data["Image"],
            labels=labels,
            environment=_variables(config.get("Env")),
            health_check=_health_check(config),
        )


class Engine:
    """Docker's command, run through ``commands``."""

    def __init__(self, commands: Commands) -> None:
        docker = commands.find("docker")
        if docker is None:
            raise EngineError("Docker is not installed here: no command named docker was found.")
        self.commands = commands
        self.docker = docker

    def containers(self, working_dir: str) -> List[Container]:
        """All containers, also stopped ones, that Compose made from ``working_dir`` (symbolic links resolved)."""
        wanted = os.path.realpath(working_dir)
        ids = []
        for line in self._output(["ps", "--all", "--no-trunc", "--filter", f"label={_WORKING_DIR}",
                                  "--format", _LIST_FORMAT]).splitlines():  # fmt: skip
            identifier, directory, one_off = line.split("\t")
            if os.path.realpath(directory) == wanted and one_off != "True":
                ids.append(identifier)
        found = [Container.from_inspect(data) for data in self._inspect(["container", "inspect"], ids)]
        return sorted(found, key=lambda container: (container.service, container.created))

    def image_environments(self, image_ids: Iterable[str]) -> Dict[str, Dict[str, str]]:
        """The variables that each image sets itself; an image that is gone is left out."""
        images = self._inspect(["image", "inspect"], sorted(set(image_ids)))
        return {data["Id"]: _variables((data.get("Config") or {}).get("Env")) for data in images}

    def ask(self, containers: Sequence[Container], timeout: float) -> Dict[str, bool]:
        """Run the health checks of ``containers`` now, side by side: container id → whether it answered in time."""
        asked = [container for container in containers if container.health_check]
        results = self.commands.run_all(
            [[self.docker, "exec", container.id, *(container.health_check or ())] for container in asked], timeout
        )
        return {container.id: result.rc == 0 for container, result in zip(asked, results)}

    def last_lines(self, container: Container, count: int) -> str:
        """The last ``count`` lines of a container's log."""
        result = self._run(["logs", "--tail", str(count), container.id], _QUICK)
        return result.stdout + result.stderr

    def log(self, container: Container, since: float, count: int) -> str:
        """The log from ``since`` (seconds since 1970) on, at most ``count`` lines, each behind its time."""
        arguments = ["logs", "--timestamps", "--since", f"{since:.0f}", "--tail", str(count), container.id]
        result = self._run(arguments, _SLOW)
        if result.rc != 0:
            raise self._error(result)
        # The two streams come apart; their times put them together again.
        return "\n".join(sorted((result.stdout + result.stderr).splitlines(), key=lambda line: line.split(" ", 1)[0]))

    def restart(self, container: Container) -> None:
        """Restart one container as it is (no new environment)."""
        result = self._run(["restart", container.id], _SLOW)
        if result.rc != 0:
            raise self._error(result)

    def _inspect(self, command: List[str], names: Sequence[str]) -> List[Dict[str, Any]]:
        if not names:
            return []
        result = self._run([*command, *names], _QUICK)
        try:
            # One that vanished in between makes the status non-zero; the others are printed all the same.
            listed: List[Dict[str, Any]] = json.loads(result.stdout or "null") or []
        except ValueError:
            raise self._error(result) from None
        if not listed and result.rc != 0 and "o such" not in result.stderr:
            raise self._error(result)
        return listed

    def _output(self, arguments: List[str]) -> str:
        result = self._run(arguments, _QUICK)
        if result.rc != 0:
            raise self._error(result)
        return result.stdout

    def _run(self, arguments: Sequence[str], timeout: float) -> Result:
        return self.commands.run([self.docker, *arguments], timeout)

    def _error(self, result: Result) -> EngineError:
        name = self.commands.account.name
        if result.timed_out:
            return EngineError("The Docker engine did not answer in time.")
        if "permission denied" in result.stderr.lower():
            return EngineError(
                f"The user {name}, who owns the deployment, may not talk to the Docker engine. "
                f"Add him to the group docker (usermod -aG docker {name})."
            )
        if "Cannot connect to the Docker daemon" in result.stderr or "connection refused" in result.stderr.lower():
            return EngineError("The Docker engine does not run: its daemon cannot be reached (systemctl start docker).")
        return EngineError(f"Docker failed: {result.last_words}")


def parse_time(text: str) -> float:
    """Docker's time as seconds since 1970. Docker's "never" (year 1) is 0.0."""
    moment = parse_date(text)
    return moment.timestamp() if moment else 0.0


def _variables(listed: Optional[List[str]]) -> Dict[str, str]:
    return dict(entry.split("=", 1) for entry in listed or [] if "=" in entry)


def _health_check(config: Dict[str, Any]) -> Optional[Tuple[str, ...]]:
    test = (config.get("Healthcheck") or {}).get("Test") or ["NONE"]
    if test[0] == "CMD" and len(test) > 1:
        return tuple(test[1:])
    if test[0] == "CMD-SHELL" and len(test) > 1:
        return (*(config.get("Shell") or ("/bin/sh", "-c")), *test[1:])
    return None
