# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Docker engine as this collection uses it: containers, their state and logs, commands inside them."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple
from urllib.parse import quote, urlencode

from .._common.dates import parse_date
from .._common.durations import format_duration
from .docker_client import Connection, EngineClient, Response, split_stream
from .docker_host import EngineError

PROJECT = "com.docker.compose.project"
WORKING_DIR = "com.docker.compose.project.working_dir"
SERVICE = "com.docker.compose.service"
ONE_OFF = "com.docker.compose.oneoff"

_QUICK = 30.0
_SLOW = 120.0
_PAUSE = 0.02


class Executed(NamedTuple):
    """How a command inside a container ended: ``rc`` is None where it had not ended in time."""

    rc: Optional[int]
    output: str


class Container(NamedTuple):
    """One container of a deployment, as the engine describes it.

    ``state`` is the engine's word (created, running, restarting, exited, paused, dead), ``health`` its health
    status or None where it has no health check. ``created`` and ``started`` are seconds since 1970 (0.0: never).
    ``health_check`` is the command that asks the service itself, None where there is none. ``pid`` is that of its
    first process on the engine's machine, 0 where none is running. ``completed``: it has ended well, and is not to be
    restarted (a job).
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
    pid: int = 0
    completed: bool = False

    @property
    def project(self) -> str:
        """The name of the Compose project that it was created under."""
        return self.labels.get(PROJECT, "")

    @property
    def is_up(self) -> bool:
        """Whether it is running, or being restarted by the engine."""
        return self.state in ("running", "restarting")

    @classmethod
    def from_inspect(cls, data: Dict[str, Any]) -> Container:
        """Read the engine's description of one container."""
        config, state = data["Config"], data["State"]
        labels = config.get("Labels") or {}
        return cls(
            id=data["Id"],
            service=labels.get(SERVICE, ""),
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
            pid=int(state.get("Pid") or 0),
            completed=_has_completed(data),
        )


class Engine:
    """The engine behind ``client``. All of its methods raise ``EngineError``."""

    def __init__(self, client: EngineClient) -> None:
        self.client = client
        #: The path of Docker's command.
        self.docker = client.docker

    def containers(self, working_dir: str) -> List[Container]:
        """Return all containers, stopped ones too, that Compose made from ``working_dir`` (symbolic links resolved)."""
        query = urlencode({"all": "true", "filters": json.dumps({"label": [WORKING_DIR]})})
        found = []
        for listed in checked(self.client.request("GET", f"/containers/json?{query}", _QUICK)).body or []:
            labels = listed.get("Labels") or {}
            if is_folder(labels.get(WORKING_DIR, ""), working_dir) and labels.get(ONE_OFF) != "True":
                data = self._inspect(f"/containers/{listed['Id']}/json")
                found += [Container.from_inspect(data)] if data else []
        return sorted(found, key=lambda container: (container.service, container.created))

    def remove(self, container: Container, timeout: float = _SLOW) -> None:
        """Stop and remove one container."""
        response = self.client.request("POST", f"/containers/{container.id}/stop", timeout)
        if response.status not in (304, 404):
            checked(response)
        response = self.client.request("DELETE", f"/containers/{container.id}", timeout)
        if response.status != 404:
            checked(response)

    def image_environments(self, image_ids: Iterable[str]) -> Dict[str, Dict[str, str]]:
        """Return the variables that each image sets itself; an image that is gone is left out."""
        images = [(one, self._inspect(f"/images/{quote(one, safe=':')}/json")) for one in sorted(set(image_ids))]
        return {one: _variables((data.get("Config") or {}).get("Env")) for one, data in images if data}

    def ask(self, containers: Sequence[Container], timeout: float) -> Dict[str, bool]:
        """Run the health checks of ``containers`` now, concurrently: container id → whether it answered in time."""
        asked = [one for one in containers if one.health_check]
        prepared = [(one.id, self._prepare(one.id, one.health_check or (), None, False)) for one in asked]
        started = [(one, check, self.client.connect()) for one, check in prepared if check]
        answered = dict.fromkeys((one.id for one in asked), False)
        if started:
            # Only here, because an unchanged run needs no threads.
            from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

            deadline = time.monotonic() + timeout
            with ThreadPoolExecutor(len(started)) as pool:
                waiting = [(one, check, pool.submit(self._read, link, check, timeout)) for one, check, link in started]
            for one, check, reading in waiting:
                with contextlib.suppress(EngineError):
                    answered[one] = reading.result().complete and self._status(check, deadline) == 0
        return answered

    def execute(
        self,
        container_id: str,
        command: Sequence[str],
        timeout: float,
        environment: Optional[Mapping[str, str]] = None,
        stdin: Optional[bytes] = None,
    ) -> Executed:
        """Run a command inside a container and return its output, errors included."""
        prepared = self._prepare(container_id, command, environment, stdin is not None)
        if prepared is None:
            raise EngineError(f"The container {container_id[:12]} is not running.")
        deadline = time.monotonic() + timeout
        response = self._read(self.client.connect(), prepared, timeout, stdin)
        rc = self._status(prepared, deadline) if response.complete else None
        return Executed(rc, split_stream(response.body))

    def last_lines(self, container: Container, count: int) -> str:
        """Return the last ``count`` lines of a container's log."""
        return self._logs(container, _QUICK, tail=str(count))

    def log(self, container: Container, since: float, count: int) -> str:
        """Return the log from ``since`` (seconds since 1970) on: at most ``count`` lines, each after its time."""
        text = self._logs(container, _SLOW, timestamps="true", since=f"{since:.0f}", tail=str(count))
        # Output and errors reach the engine by two ways; their times put them in order.
        return "\n".join(sorted(text.splitlines(), key=lambda line: line.split(" ", 1)[0]))

    def restart(self, container: Container, timeout: float = _SLOW) -> None:
        """Restart one container as it is (no new environment)."""
        checked(self.client.request("POST", f"/containers/{container.id}/restart", timeout))

    def _inspect(self, path: str) -> Optional[Dict[str, Any]]:
        """Return a description, or None for what vanished meanwhile."""
        response = self.client.request("GET", path, _QUICK)
        if response.status == 404:
            return None
        data: Dict[str, Any] = checked(response).body
        return data

    def _logs(self, container: Container, timeout: float, **options: str) -> str:
        query = urlencode({"stdout": "true", "stderr": "true", **options})
        connection = self.client.connect()
        response = checked(self.client.stream(connection, f"/containers/{container.id}/logs?{query}", timeout))
        if not response.complete:
            raise EngineError(f"The log of {container.service} could not be read within {format_duration(timeout)}.")
        return split_stream(response.body)

    def _prepare(
        self, container_id: str, command: Sequence[str], environment: Optional[Mapping[str, str]], stdin: bool
    ) -> Optional[str]:
        """Return the id of a command that can be started in the container; None when it is not running."""
        body = {
            "AttachStdout": True,
            "AttachStderr": True,
            "AttachStdin": stdin,
            "Cmd": list(command),
            "Env": [f"{name}={value}" for name, value in (environment or {}).items()],
        }
        response = self.client.request("POST", f"/containers/{container_id}/exec", _QUICK, body)
        return None if response.status in (404, 409) else str(checked(response).body["Id"])

    def _read(self, connection: Connection, prepared: str, timeout: float, stdin: Optional[bytes] = None) -> Response:
        """Start a prepared command and read its output."""
        body = {"Detach": False, "Tty": False}
        return checked(self.client.stream(connection, f"/exec/{prepared}/start", timeout, body, stdin))

    def _status(self, prepared: str, deadline: float) -> Optional[int]:
        """Return the exit status of a command whose output has ended; None where it is still running."""
        while True:
            state = checked(self.client.request("GET", f"/exec/{prepared}/json", _QUICK)).body
            if not state.get("Running"):
                return int(state.get("ExitCode") or 0)
            if time.monotonic() >= deadline:
                return None
            time.sleep(_PAUSE)


def checked(response: Response) -> Response:
    """Return the response. Raises ``EngineError`` for one that tells of a failure."""
    if response.status >= 400:
        raise EngineError(f"Docker failed: {response.message or f'status {response.status}'}")
    return response


def is_folder(path: str, folder: str) -> bool:
    """Tell whether ``path`` is ``folder``, under whatever name (symbolic links, bind mounts)."""
    if os.path.realpath(path) == os.path.realpath(folder):
        return True
    try:
        return os.path.samefile(path, folder)
    except OSError:
        return False


def is_gone(folder: str) -> bool:
    """Tell whether a folder that containers were made from is known not to exist any more."""
    try:
        os.stat(folder)
    except (FileNotFoundError, NotADirectoryError):
        return os.path.isabs(folder)
    except OSError:
        return False
    return False


def parse_time(text: str) -> float:
    """Return Docker's time as seconds since 1970. Docker's "never" (year 1) is 0.0."""
    moment = parse_date(text)
    return moment.timestamp() if moment else 0.0


def _variables(listed: Optional[List[str]]) -> Dict[str, str]:
    return dict(entry.split("=", 1) for entry in listed or [] if "=" in entry)


def _has_completed(data: Dict[str, Any]) -> bool:
    policy = ((data.get("HostConfig") or {}).get("RestartPolicy") or {}).get("Name") or "no"
    state = data["State"]
    return state["Status"] == "exited" and not state.get("ExitCode") and policy in ("no", "on-failure")


def _health_check(config: Dict[str, Any]) -> Optional[Tuple[str, ...]]:
    test = (config.get("Healthcheck") or {}).get("Test") or ["NONE"]
    if test[0] == "CMD" and len(test) > 1:
        return tuple(test[1:])
    if test[0] == "CMD-SHELL" and len(test) > 1:
        return (*(config.get("Shell") or ("/bin/sh", "-c")), *test[1:])
    return None
