# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The containers of the new version: created while the database is busy, and started once that is proven."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Dict, Iterable, Mapping, Optional

from .._commands.runner import Result
from .._database.connection_string import SERVICE
from .._deployment.deployment import Deployment
from .._deployment.drift import BITWARDEN
from .._docker.host import EngineError
from .._restore.server import Server

# These ask no database, and only nginx leads to them.
_INDEPENDENT = ("attachments", "icons", "web")
_HOOKS = ("post_start", "pre_stop")


class NewServer:
    """The containers of ``deployment``, which need not be started in an order if they ``start_together``.

    ``timeout`` in seconds is for each of them.
    """

    def __init__(self, server: Server, deployment: Deployment, start_together: bool, timeout: float) -> None:
        self._server = server
        self._deployment = deployment
        self._start_together = start_together
        self._timeout = timeout
        self._creating: Optional[Callable[[], Result]] = None
        self._starting: Optional[Callable[[], None]] = None
        #: When the containers were created, None where Compose has to start them.
        self.begun: Optional[float] = None

    def create(self, services: Iterable[str]) -> None:
        """Begin to create the containers of ``services`` but the database. Raises ``DeploymentError``."""
        self._deployment.require_own_scope()
        self.begun = self._server.clock.now()
        self._creating = self._deployment.project.create([one for one in services if one != SERVICE])

    def wait_until_created(self) -> None:
        """Wait for what was begun. What could not be created, the start tells."""
        if self._creating is not None and (self._creating().rc != 0 or not self._start_together):
            self.begun = None
        self._creating = None

    def start_independent(self) -> None:
        """Begin to start the services that need no database. What cannot be started, the start of all tells."""
        if self.begun is not None:
            with contextlib.suppress(EngineError):
                found = [one for one in self._deployment.containers() if one.service in _INDEPENDENT and not one.is_up]
                self._starting = self._deployment.engine.begin_start(found, self._timeout)

    def wait_until_started(self) -> None:
        """Wait for that."""
        with contextlib.suppress(EngineError):
            if self._starting is not None:
                self._starting()
        self._starting = None


def start_together(services: Mapping[str, Dict[str, Any]]) -> bool:
    """Tell whether the services of a project, as Compose describes them, need no order but nginx at the end.

    None of the user's own is among them, and none waits until another one is healthy (the database is by then) or has
    ended, or has commands for its start.
    """
    return bool(services) and not set(services) - BITWARDEN and not any(map(_is_ordered, services.values()))


def _is_ordered(service: Dict[str, Any]) -> bool:
    waits = service.get("depends_on") or {}
    conditions = (
        {one.get("condition", "service_started") for name, one in waits.items() if name != SERVICE}
        if isinstance(waits, dict)
        else set()
    )
    return bool(conditions - {"service_started"}) or any(service.get(hook) for hook in _HOOKS)
