# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait until every service answers when asked itself, and tell at once which one keeps dying, with its last words."""

from __future__ import annotations

import time
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from .._common.durations import format_duration
from .._common.errors import BitwardenError
from .docker import Container, Engine

# The health check of icons fetches a page from the Internet: it says nothing about this server.
_NOT_ASKED = {"icons"}

# Without a health check a service counts as well when it has run this long: one with a bad setting dies sooner.
_SETTLED = 5.0

# So many restarts mean that a service keeps dying. As long as the database does not answer, more are forgiven.
_DYING = 3
_DYING_BEFORE_DATABASE = 6
_DATABASE = "mssql"

_ONE_QUESTION = 15.0
_PAUSE = 1.0
_LOG_LINES = 60
_SHOWN_LINES = 3
_CRASH = "Unhandled exception"


class NotWell(BitwardenError):
    """The server is not well: which services, how, and their last words (masked)."""


class Clock(NamedTuple):
    """Time as the wait sees it; tests bring their own."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


class HealthWait:
    """Waits for the services of one deployment."""

    def __init__(
        self,
        engine: Engine,
        look: Callable[[], List[Container]],
        mask: Callable[[str], str],
        clock: Optional[Clock] = None,
    ) -> None:
        """``look`` lists the deployment's containers anew; ``mask`` hides the secrets in a text."""
        self.engine = engine
        self.look = look
        self.mask = mask
        self.clock = clock or Clock()
        self._answered: Set[Tuple[str, float]] = set()
        # Container → its count of restarts from which on deaths are counted.
        self._restarts: Dict[str, int] = {}
        self._died_before: Set[str] = set()
        self._forgiven: Set[str] = set()

    def wait(self, services: Sequence[str], timeout: float, begun: float) -> Tuple[str, ...]:
        """Return the services that answered, as soon as all are well; raise ``NotWell`` on a dying one or at the end.

        ``begun``: when the containers were last touched (seconds since 1970). Those made since then start at zero.
        """
        deadline = self.clock.now() + timeout
        while True:
            containers = self.look()
            waiting = self._waiting(services, containers, begun, deadline)
            if not waiting:
                return tuple(c.service for c in containers if (c.id, c.started) in self._answered)
            if self.clock.now() >= deadline:
                raise NotWell(self._too_late(waiting, containers, timeout))
            self.clock.sleep(_PAUSE)

    def _waiting(
        self, services: Sequence[str], containers: Sequence[Container], begun: float, deadline: float
    ) -> Dict[str, str]:
        """The services that are not well yet, with the reason. Raises ``NotWell`` when one never will be."""
        wanted = [container for container in containers if container.service in services]
        waiting = {name: "has no container" for name in services if name not in {c.service for c in wanted}}
        waiting.update(self._ask(wanted, deadline))
        dying = []
        for container in wanted:
            if self._keeps_dying(container, begun, patient=_DATABASE in waiting):
                waiting[container.service] = f"keeps dying ({container.restarts} restarts)"
                dying.append(container)
            elif container.state in ("exited", "dead") and self.clock.now() - container.finished > _SETTLED:
                waiting[container.service] = "has ended"
                dying.append(container)
        if dying:
            raise NotWell(" ".join(self._obituary(container, waiting[container.service]) for container in dying))
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
        # The last question is still put when the time is up.
        patience = min(_ONE_QUESTION, max(5.0, deadline - self.clock.now()))
        answers = self.engine.ask(asked, patience) if asked else {}
        for container in asked:
            if answers[container.id]:
                self._answered.add((container.id, container.started))
            else:
                waiting[container.service] = "does not answer its health check"
        return waiting

    def _keeps_dying(self, container: Container, begun: float, patient: bool) -> bool:
        if (container.id, container.started) in self._answered:
            return False
        if container.id not in self._restarts:
            made_now = container.created >= begun
            self._restarts[container.id] = 0 if made_now else container.restarts
            if not made_now and container.restarts >= _DYING:
                self._died_before.add(container.id)
        if patient and container.service != _DATABASE:
            self._forgiven.add(container.id)
            return container.restarts - self._restarts[container.id] >= _DYING_BEFORE_DATABASE
        if container.id in self._forgiven:
            # The database has come: from here on it counts.
            self._forgiven.remove(container.id)
            self._restarts[container.id] = container.restarts
        deaths = container.restarts - self._restarts[container.id]
        if container.id in self._died_before:
            # The pauses between restarts grow to a minute; three more would take too long.
            return deaths > 0 or container.state == "restarting"
        return deaths >= _DYING

    def _too_late(self, waiting: Dict[str, str], containers: Sequence[Container], timeout: float) -> str:
        reasons = []
        for name, reason in waiting.items():
            found = [container for container in containers if container.service == name]
            reasons.append(self._obituary(found[0], reason) if found else f"{name} {reason}.")
        return f"Not well after {format_duration(timeout)}: " + " ".join(reasons)

    def _obituary(self, container: Container, reason: str) -> str:
        # Masked before it is cut: half a secret would not be recognised.
        words = last_words(self.mask(self.engine.last_lines(container, _LOG_LINES)))
        return f"{container.service} {reason}" + (f". Its last words: {words}" if words else ".")


def last_words(log: str) -> str:
    """The telling lines at the end of a log: from the last crash on, or else the last ones."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    crashes = [number for number, line in enumerate(lines) if line.startswith(_CRASH)]
    shown = lines[crashes[-1] :][:_SHOWN_LINES] if crashes else lines[-_SHOWN_LINES:]
    return " | ".join(shown)
