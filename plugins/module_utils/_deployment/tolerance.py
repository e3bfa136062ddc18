# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which services do not decide over a run: those whose trouble is older than it, and that use nothing it changes."""

from __future__ import annotations

from typing import Callable, Dict, FrozenSet, List, Optional

from .._docker.containers import NOT_ASKED, Container
from .drift import BITWARDEN, Stack
from .health_wait import in_use

# A container that was restarted and has run for less than this may be about to end again.
_RECENT = 60.0


def troubled(
    stack: Stack, now: float, ask: Optional[Callable[[List[Container]], Dict[str, bool]]] = None
) -> FrozenSet[str]:
    """Return the services that are missing or unhealthy now; ``ask`` runs the health checks of those that just started.

    Of a stopped server it is not known how its own services were.
    """
    starting = [
        one
        for one in stack.containers
        if one.state == "running" and one.health == "starting" and one.service not in NOT_ASKED
    ]
    answers = ask(starting) if starting and ask else {}
    ill = {one.service for one in in_use(stack.containers) if not _is_well(one, now, answers)}
    well = {one.service for one in stack.containers} - ill
    return frozenset(name for name in stack.services if name not in well and not (stack.stopped and name in BITWARDEN))


def foreign(stack: Stack) -> FrozenSet[str]:
    """Return the services that are not Bitwarden's own."""
    return frozenset(stack.services) - BITWARDEN


def tolerated(stack: Stack, troubled_before: FrozenSet[str], writes: bool) -> FrozenSet[str]:
    """Return the services whose trouble is a warning: they were ``troubled_before`` and use no file that has changed.

    ``writes``: this run writes the planned file. Without that Bitwarden's own services are not tolerated: their health
    is all that the run is about.
    """
    stale = stack.stale()
    return frozenset(
        name
        for name in troubled_before
        if name not in stale
        and not (writes and stack.services[name].reads_file)
        and (writes or name not in BITWARDEN)
    )


def _is_well(container: Container, now: float, answers: Dict[str, bool]) -> bool:
    if container.state != "running":
        return container.completed
    if container.service not in NOT_ASKED and container.health in ("healthy", "unhealthy"):
        return container.health == "healthy"
    if container.id in answers:
        return answers[container.id]
    return container.restarts == 0 or now - container.started > _RECENT
