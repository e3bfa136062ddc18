# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The containers of a deployment as the engine describes them. Only reads."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple
from urllib.parse import quote, urlencode

from .._common.dates import parse_date
from .client import EngineClient, Response
from .host import EngineError

PROJECT = "com.docker.compose.project"
WORKING_DIR = "com.docker.compose.project.working_dir"
SERVICE = "com.docker.compose.service"
ONE_OFF = "com.docker.compose.oneoff"

#: The health check of icons fetches a page from the Internet: it does not tell about this server.
NOT_ASKED = {"icons"}

#: Without a health check a service counts as healthy once it has run for so many seconds: with a bad setting it ends
#: sooner.
SETTLED = 5.0

#: How many seconds the engine may take for an answer.
QUICK = 30.0


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

    def is_settled(self, now: float) -> bool:
        """Tell whether what the engine says is enough to count it as healthy at ``now``; else it is asked itself."""
        if self.state != "running":
            return self.completed
        if self.health_check and self.service not in NOT_ASKED:
            return self.health == "healthy"
        return now - self.started >= SETTLED

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
            health_check=health_check_of((config.get("Healthcheck") or {}).get("Test"), config.get("Shell")),
            pid=int(state.get("Pid") or 0),
            completed=_has_completed(data),
        )


class EngineReader:
    """What is read of the engine behind ``client``. All of its methods raise ``EngineError``."""

    def __init__(self, client: EngineClient) -> None:
        self.client = client
        #: The path of Docker's command.
        self.docker = client.docker

    def containers(self, working_dir: str) -> List[Container]:
        """Return all containers, stopped ones too, that Compose made from ``working_dir`` (symbolic links resolved)."""
        query = urlencode({"all": "true", "filters": json.dumps({"label": [WORKING_DIR]})})
        found = []
        for listed in checked(self.client.request("GET", f"/containers/json?{query}", QUICK)).body or []:
            labels = listed.get("Labels") or {}
            if is_folder(labels.get(WORKING_DIR, ""), working_dir) and labels.get(ONE_OFF) != "True":
                data = self._inspect(f"/containers/{listed['Id']}/json")
                found += [Container.from_inspect(data)] if data else []
        return sorted(found, key=lambda container: (container.service, container.created))

    def image_environments(self, image_ids: Iterable[str]) -> Dict[str, Dict[str, str]]:
        """Return the variables that each image sets itself; an image that is gone is left out."""
        images = [(one, self._inspect(f"/images/{quote(one, safe=':')}/json")) for one in sorted(set(image_ids))]
        return {one: _variables((data.get("Config") or {}).get("Env")) for one, data in images if data}

    def _inspect(self, path: str) -> Optional[Dict[str, Any]]:
        """Return a description, or None for what vanished meanwhile."""
        response = self.client.request("GET", path, QUICK)
        if response.status == 404:
            return None
        data: Dict[str, Any] = checked(response).body
        return data


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


def health_check_of(test: Optional[List[str]], shell: Optional[List[str]] = None) -> Optional[Tuple[str, ...]]:
    """Return the command of a health check as Docker notes it, None where there is none."""
    kind, *command = test or ["NONE"]
    if kind == "CMD" and command:
        return tuple(command)
    if kind == "CMD-SHELL" and command:
        return (*(shell or ("/bin/sh", "-c")), *command)
    return None
