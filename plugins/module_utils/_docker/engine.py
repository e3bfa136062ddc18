# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Docker engine as this collection uses it, beside what it says of containers: logs, commands inside them."""

from __future__ import annotations

import contextlib
import os
import time
from functools import partial
from typing import Callable, Dict, Mapping, NamedTuple, Optional, Sequence
from urllib.parse import urlencode

from .._common.begun import Begun, SeveralErrors
from .._common.durations import format_duration
from .client import Connection, Response
from .containers import QUICK, Container, EngineReader, checked
from .host import EngineError
from .stream import StreamClient, split_stream

_SLOW = 120.0
_PAUSE = 0.02
# How the engine answers where a container is started or stopped already, and where it is gone.
_SO_ALREADY = {"POST": 304, "DELETE": 404}


class Executed(NamedTuple):
    """How a command inside a container ended: ``rc`` is None where it had not ended in time."""

    rc: Optional[int]
    output: str


class Engine(EngineReader):
    """The engine behind ``client``. All of its methods raise ``EngineError``."""

    client: StreamClient

    def __init__(self, client: StreamClient) -> None:
        super().__init__(client)

    def remove(self, container: Container, timeout: float = _SLOW) -> None:
        """Stop and remove one container."""
        response = self.client.request("POST", f"/containers/{container.id}/stop", timeout)
        if response.status not in (304, 404):
            checked(response)
        response = self.client.request("DELETE", f"/containers/{container.id}", timeout)
        if response.status != 404:
            checked(response)

    def container(self, identifier: str) -> Optional[Container]:
        """Return one container as it is, None where it does not exist."""
        data = self._inspect(f"/containers/{identifier}/json")
        return Container.from_inspect(data) if data else None

    def stop(self, containers: Sequence[Container], timeout: float) -> None:
        """Stop ``containers``, all at once; each is given the time that it was created with."""
        self._all(containers, "POST", "/stop", timeout)()

    def begin_start(self, containers: Sequence[Container], timeout: float) -> Callable[[], None]:
        """Begin to start ``containers`` as they are, all at once; return the call that waits until they are."""
        return self._all(containers, "POST", "/start", timeout)

    def begin_remove(self, containers: Sequence[Container], timeout: float) -> Callable[[], None]:
        """Begin to remove ``containers``, which are stopped, all at once; return the call that waits for that."""
        return self._all(containers, "DELETE", "", timeout)

    def _all(self, containers: Sequence[Container], method: str, path: str, timeout: float) -> Callable[[], None]:
        """Begin the same for each of ``containers``; the call that waits tells what could not be begun, too."""
        begun = [self._begin_one(method, f"/containers/{one.id}{path}", timeout) for one in containers]

        def end() -> None:
            try:
                with Begun() as waiting:
                    for one in begun:
                        waiting.add(one)
            except SeveralErrors as error:
                raise EngineError(str(error)) from error

        return end

    def _begin_one(self, method: str, path: str, timeout: float) -> Callable[[], None]:
        try:
            response = self.client.begin_request(method, path, timeout)
        except EngineError as error:
            return partial(_fail, error)

        def end() -> None:
            found = response()
            if found.status != _SO_ALREADY[method]:
                checked(found)

        return end

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
                waiting = [(one, check, pool.submit(self._run, link, check, timeout)) for one, check, link in started]
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
        return self.begin(container_id, command, timeout, environment, stdin)()

    def begin(
        self,
        container_id: str,
        command: Sequence[str],
        timeout: float,
        environment: Optional[Mapping[str, str]] = None,
        stdin: Optional[bytes] = None,
    ) -> Callable[[], Executed]:
        """Start a command inside a container, and return the call that waits for its end."""
        prepared = self._prepare(container_id, command, environment, stdin is not None)
        if prepared is None:
            raise EngineError(f"The container {container_id[:12]} is not running.")
        deadline = time.monotonic() + timeout
        reading = self._read(self.client.connect(), prepared, timeout, stdin)
        return partial(self._executed, reading, prepared, deadline)

    def _executed(self, reading: Callable[[], Response], prepared: str, deadline: float) -> Executed:
        response = checked(reading())
        rc = self._status(prepared, deadline) if response.complete else None
        return Executed(rc, split_stream(response.body))

    def last_lines(self, container: Container, count: int) -> str:
        """Return the last ``count`` lines of a container's log."""
        return self._logs(container, QUICK, tail=str(count))

    def log(self, container: Container, since: float, count: int) -> str:
        """Return the log from ``since`` (seconds since 1970) on: at most ``count`` lines, each after its time."""
        text = self._logs(container, _SLOW, timestamps="true", since=f"{since:.0f}", tail=str(count))
        # Output and errors reach the engine by two ways; their times put them in order.
        return "\n".join(sorted(text.splitlines(), key=lambda line: line.split(" ", 1)[0]))

    def restart(self, container: Container, timeout: float = _SLOW) -> None:
        """Restart one container as it is (no new environment)."""
        checked(self.client.request("POST", f"/containers/{container.id}/restart", timeout))

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
        response = self.client.request("POST", f"/containers/{container_id}/exec", QUICK, body)
        return None if response.status in (404, 409) else str(checked(response).body["Id"])

    def _read(
        self, connection: Connection, prepared: str, timeout: float, stdin: Optional[bytes] = None
    ) -> Callable[[], Response]:
        """Start a prepared command, and return the call that reads its output."""
        body = {"Detach": False, "Tty": False}
        return self.client.begin_stream(connection, f"/exec/{prepared}/start", timeout, body, stdin)

    def _run(self, connection: Connection, prepared: str, timeout: float) -> Response:
        """Start a prepared command and read its output."""
        return checked(self._read(connection, prepared, timeout)())

    def _status(self, prepared: str, deadline: float) -> Optional[int]:
        """Return the exit status of a command whose output has ended; None where it is still running."""
        while True:
            state = checked(self.client.request("GET", f"/exec/{prepared}/json", QUICK)).body
            if not state.get("Running"):
                return int(state.get("ExitCode") or 0)
            if time.monotonic() >= deadline:
                return None
            time.sleep(_PAUSE)


def _fail(error: EngineError) -> None:
    raise error


def is_gone(folder: str) -> bool:
    """Tell whether a folder that containers were made from is known not to exist any more."""
    try:
        os.stat(folder)
    except (FileNotFoundError, NotADirectoryError):
        return os.path.isabs(folder)
    except OSError:
        return False
    return False
