# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait until every service is healthy; report at once which one crash-loops, with its last log lines."""

from __future__ import annotations

import time
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from .._common.durations import format_duration
from .._common.errors import BitwardenError
from .docker import Container, Engine

# The health check of icons fetches a page from the Internet: it does not tell about this server.
_NOT_ASKED = {"icons"}

# Without a health check a service counts as healthy once it has run this long: one with a bad setting ends sooner.
_SETTLED = 5.0

# So many restarts are a crash loop. As long as the database does not answer, more are accepted.
_CRASHES = 3
_CRASHES_BEFORE_DATABASE = 6
_DATABASE = "mssql"

_ASK_TIMEOUT = 15.0
_PAUSE = 1.0
_LOG_LINES = 60
_SHOWN_LINES = 3
_CRASH = "Unhandled exception"


class UnhealthyError(BitwardenError):
    """The server is not healthy: which services, why, and their last log lines (masked)."""


class Clock(NamedTuple):
    """The time that the wait uses; tests bring their own."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


class Healthy(NamedTuple):
    """The end of a wait: the services whose health check passed, and the containers at that moment."""

    answered: Tuple[str, ...]
    containers: List[Container]


class HealthWait:
    """Waits for the services of one deployment."""

    def __init__(
        self,
        engine: Engine,
        inspect: Callable[[], List[Container]],
        mask: Callable[[str], str],
        clock: Optional[Clock] = None,
    ) -> None:
        """``inspect`` returns the deployment's containers as they are; ``mask`` hides the secrets in a text."""
        self.engine = engine
        self.inspect = inspect
        self.mask = mask
        self.clock = clock or Clock()
        self._answered: Set[Tuple[str, float]] = set()
        # Container → its count of restarts from which on crashes are counted.
        self._restarts: Dict[str, int] = {}
        self._crashed_before: Set[str] = set()
        self._excused: Set[str] = set()

    def wait(self, services: Sequence[str], timeout: float, changed_at: float) -> Healthy:
        """Return as soon as all services are healthy; raise ``UnhealthyError`` on a crash loop or at the end.

        ``changed_at``: when this run began to change containers (seconds since 1970). The crashes of those created
        since then are counted from zero.
        """
        return self._wait(services, timeout, changed_at, self.inspect())

    def wait_unchanged(self, services: Sequence[str], timeout: float, containers: List[Container]) -> Healthy:
        """Do the same where this run changed nothing: Docker's own ``healthy`` is enough.

        ``containers`` are those that were just inspected.
        """
        self._answered.update((one.id, one.started) for one in containers if one.health == "healthy")
        return self._wait(services, timeout, float("inf"), containers)

    def _wait(self, services: Sequence[str], timeout: float, changed_at: float, containers: List[Container]) -> Healthy:
        deadline = self.clock.now() + timeout
        while True:
            waiting = self._waiting(services, containers, changed_at, deadline)
            if not waiting:
                answered = tuple(c.service for c in containers if (c.id, c.started) in self._answered)
                return Healthy(answered, containers)
            if self.clock.now() >= deadline:
                raise UnhealthyError(self._timed_out(waiting, containers, timeout))
            self.clock.sleep(_PAUSE)
            containers = self.inspect()

    def _waiting(
        self, services: Sequence[str], containers: Sequence[Container], changed_at: float, deadline: float
    ) -> Dict[str, str]:
        """Return the services that are not healthy yet, with the reason.

        Raises ``UnhealthyError`` when one cannot become healthy.
        """
        expected = [container for container in containers if container.service in services]
        waiting = {name: "has no container" for name in services if name not in {c.service for c in expected}}
        waiting.update(self._ask(expected, deadline))
        failed = []
        for container in expected:
            if self._crash_loops(container, changed_at, patient=_DATABASE in waiting):
                waiting[container.service] = f"crash-loops ({container.restarts} restarts)"
                failed.append(container)
            elif container.state in ("exited", "dead") and self.clock.now() - container.finished > _SETTLED:
                waiting[container.service] = "has exited"
                failed.append(container)
        if failed:
            raise UnhealthyError(
                " ".join(self._describe(container, waiting[container.service]) for container in failed)
            )
        return waiting

    def _ask(self, containers: Sequence[Container], deadline: float) -> Dict[str, str]:
        waiting = {}
        asked = []
        for container in containers:
            if container.state != "running":
                waiting[container.service] = f"is {container.state}"
            elif container.health_check and container.service not in _NOT_ASKED:
                if (container.id, container.started) not in self._answered:
                    asked.append(container)
            elif self.clock.now() - container.started < _SETTLED:
                waiting[container.service] = "has only just started"
        # The last check is made even when the time is up.
        patience = min(_ASK_TIMEOUT, max(5.0, deadline - self.clock.now()))
        answers = self.engine.ask(asked, patience) if asked else {}
        for container in asked:
            if answers[container.id]:
                self._answered.add((container.id, container.started))
            else:
                waiting[container.service] = "does not answer its health check"
        return waiting

    def _crash_loops(self, container: Container, changed_at: float, patient: bool) -> bool:
        if (container.id, container.started) in self._answered and container.state == "running":
            return False
        if container.id not in self._restarts:
            is_new = container.created >= changed_at
            self._restarts[container.id] = 0 if is_new else container.restarts
            if not is_new and container.restarts >= _CRASHES:
                self._crashed_before.add(container.id)
        if patient and container.service != _DATABASE:
            self._excused.add(container.id)
            return container.restarts - self._restarts[container.id] >= _CRASHES_BEFORE_DATABASE
        if container.id in self._excused:
            # The database answers now: from here on crashes count.
            self._excused.remove(container.id)
            self._restarts[container.id] = container.restarts
        crashes = container.restarts - self._restarts[container.id]
        if container.id in self._crashed_before:
            # The pauses between restarts grow to a minute; three more would take too long.
            return crashes > 0 or container.state == "restarting"
        return crashes >= _CRASHES

    def _timed_out(self, waiting: Dict[str, str], containers: Sequence[Container], timeout: float) -> str:
        reasons = []
        for name, reason in waiting.items():
            found = [container for container in containers if container.service == name]
            reasons.append(self._describe(found[0], reason) if found else f"{name} {reason}.")
        return f"Not healthy after {format_duration(timeout)}: " + " ".join(reasons)

    def _describe(self, container: Container, reason: str) -> str:
        # Masked before it is cut: half a secret would not be recognised.
        lines = last_log_lines(self.mask(self.engine.last_lines(container, _LOG_LINES)))
        return f"{container.service} {reason}" + (f". Its last log lines: {lines}" if lines else ".")


def last_log_lines(log: str) -> str:
    """Return the telling lines at the end of a log: from the last crash on, or else the last ones."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    crashes = [number for number, line in enumerate(lines) if line.startswith(_CRASH)]
    shown = lines[crashes[-1] :][:_SHOWN_LINES] if crashes else lines[-_SHOWN_LINES:]
    return " | ".join(shown)
