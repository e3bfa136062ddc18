# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait until every service is healthy; report at once which one crash-loops, with its last log lines."""

from __future__ import annotations

import time
from typing import Callable, Dict, FrozenSet, List, NamedTuple, Optional, Sequence, Set, Tuple

from .._common.durations import format_duration
from .._common.errors import BitwardenError
from .._docker.containers import NOT_ASKED, SETTLED, Container
from .._docker.engine import Engine

# So many restarts are a crash loop. As long as the database does not answer, more are accepted.
_CRASHES = 3
_CRASHES_BEFORE_DATABASE = 6
_DATABASE = "mssql"

# So long is waited for services that do not decide over the run.
_GRACE = 30.0

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
    """The end of a wait: the services whose health check passed, and the containers at that moment.

    ``unhealthy`` describes (masked) the tolerated services that are not healthy.
    """

    answered: Tuple[str, ...]
    containers: List[Container]
    unhealthy: Tuple[str, ...] = ()


class _Trouble(NamedTuple):
    """Why a service is not healthy yet; ``final``: it will not become healthy any more."""

    reason: str
    container: Optional[Container] = None
    final: bool = False

    @property
    def may_pass(self) -> bool:
        """Whether a short wait may be worth it."""
        one = self.container
        return not self.final and one is not None and one.is_up and one.health != "unhealthy"


class HealthWait:
    """Waits for the services of one deployment."""

    def __init__(
        self,
        engine: Engine,
        inspect: Callable[[], List[Container]],
        mask: Callable[[str], str],
        clock: Optional[Clock] = None,
        pause: float = _PAUSE,
    ) -> None:
        """``inspect`` returns the deployment's containers as they are; ``mask`` hides the secrets in a text.

        ``pause``: seconds between two inspections.
        """
        self.engine = engine
        self.inspect = inspect
        self.mask = mask
        self.clock = clock or Clock()
        self.pause = pause
        self._answered: Set[Tuple[str, float]] = set()
        # Container → its count of restarts from which on crashes are counted.
        self._restarts: Dict[str, int] = {}
        self._crashed_before: Set[str] = set()
        self._excused: Set[str] = set()

    def wait(
        self, services: Sequence[str], timeout: float, changed_at: float, tolerated: FrozenSet[str] = frozenset()
    ) -> Healthy:
        """Return as soon as all services are healthy; raise ``UnhealthyError`` on a crash loop or at the end.

        ``changed_at``: when this run began to change containers (seconds since 1970). The crashes of those created
        since then are counted from zero. ``tolerated`` services are described where they are not healthy, and do not
        fail the wait.
        """
        return self._wait(services, timeout, changed_at, self.inspect(), tolerated)

    def wait_unchanged(
        self,
        services: Sequence[str],
        timeout: float,
        containers: List[Container],
        tolerated: FrozenSet[str] = frozenset(),
    ) -> Healthy:
        """Do the same where this run changed nothing: Docker's own ``healthy`` is enough.

        ``containers`` are those that were just inspected.
        """
        self._answered.update((one.id, one.started) for one in containers if one.health == "healthy")
        return self._wait(services, timeout, float("inf"), containers, tolerated)

    def _wait(
        self,
        services: Sequence[str],
        timeout: float,
        changed_at: float,
        containers: List[Container],
        tolerated: FrozenSet[str],
    ) -> Healthy:
        begun = self.clock.now()
        deadline = begun + timeout
        while True:
            troubles = self._troubles(services, containers, changed_at, deadline)
            deciding = {name: trouble for name, trouble in troubles.items() if name not in tolerated}
            others = {name: trouble for name, trouble in troubles.items() if name in tolerated}
            failed = {name: trouble for name, trouble in deciding.items() if trouble.final}
            if failed:
                raise UnhealthyError(self._described(failed))
            now = self.clock.now()
            if now >= deadline and deciding:
                raise UnhealthyError(f"Not healthy after {format_duration(timeout)}: {self._described(deciding)}")
            in_grace = now < min(deadline, begun + _GRACE) and any(trouble.may_pass for trouble in others.values())
            if not deciding and not in_grace:
                answered = tuple(c.service for c in containers if (c.id, c.started) in self._answered)
                return Healthy(answered, containers, tuple(self._described({name: others[name]}) for name in others))
            self.clock.sleep(self.pause)
            containers = self.inspect()

    def _troubles(
        self, services: Sequence[str], containers: Sequence[Container], changed_at: float, deadline: float
    ) -> Dict[str, _Trouble]:
        """Return the services that are not healthy yet."""
        expected = [one for one in in_use(containers) if one.service in services and not one.completed]
        present = {one.service for one in containers}
        found = {name: _Trouble("has no container") for name in services if name not in present}
        found.update(self._ask(expected, deadline))
        patient = _DATABASE in found
        now = self.clock.now()
        for one in expected:
            if self._crash_loops(one, changed_at, patient):
                found[one.service] = _Trouble(f"crash-loops ({one.restarts} restarts)", one, final=True)
            elif one.state in ("exited", "dead") and now - one.finished > SETTLED:
                found[one.service] = _Trouble("has exited", one, final=True)
        return found

    def _ask(self, containers: Sequence[Container], deadline: float) -> Dict[str, _Trouble]:
        waiting = {}
        asked = []
        for container in containers:
            if container.state != "running":
                verb = "has" if container.state == "exited" else "is"
                waiting[container.service] = _Trouble(f"{verb} {container.state}", container)
            elif container.health_check and container.service not in NOT_ASKED:
                if (container.id, container.started) not in self._answered:
                    asked.append(container)
            elif self.clock.now() - container.started < SETTLED:
                waiting[container.service] = _Trouble("has only just started", container)
        # The last check is made even when the time is up.
        patience = min(_ASK_TIMEOUT, max(5.0, deadline - self.clock.now()))
        answers = self.engine.ask(asked, patience) if asked else {}
        for container in asked:
            if answers[container.id]:
                self._answered.add((container.id, container.started))
            else:
                waiting[container.service] = _Trouble("does not answer its health check", container)
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

    def _described(self, troubles: Dict[str, _Trouble]) -> str:
        return " ".join(self._describe(name, trouble) for name, trouble in troubles.items())

    def _describe(self, name: str, trouble: _Trouble) -> str:
        # Masked before it is cut: half a secret would not be recognised.
        log = self.engine.last_lines(trouble.container, _LOG_LINES) if trouble.container else ""
        lines = last_log_lines(self.mask(log))
        if not lines:
            return f"{name} {trouble.reason}."
        return f"{name} {trouble.reason}. Its last log lines: {lines}{'' if lines.endswith('.') else '.'}"


def in_use(containers: Sequence[Container]) -> List[Container]:
    """Leave out what was never started beside one that is up: Compose was stopped while it replaced a container."""
    up = {one.service for one in containers if one.is_up}
    return [one for one in containers if not (one.state == "created" and one.service in up)]


def last_log_lines(log: str) -> str:
    """Return the telling lines at the end of a log: from the last crash on, or else the last ones."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    crashes = [number for number, line in enumerate(lines) if line.startswith(_CRASH)]
    shown = lines[crashes[-1] :][:_SHOWN_LINES] if crashes else lines[-_SHOWN_LINES:]
    return " | ".join(shown)
