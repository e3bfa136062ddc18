# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The start of only the server's database."""

from __future__ import annotations

from typing import List, Optional

from .._common.errors import BitwardenError
from .._common.masking import mask_text
from .._compose.composition import Composition
from .._database.connection_string import SERVICE
from .._deployment.deployment import Deployment
from .._deployment.drift import Stack
from .._deployment.health_wait import Clock, HealthWait
from .._docker.containers import Container

# The server is down while its database starts.
_PAUSE = 0.2


class ServerError(BitwardenError):
    """The server did not do what is needed. The message is masked."""


class DatabaseStart:
    """Starts the database of ``deployment``; ``timeout`` in seconds is for each step."""

    def __init__(
        self, deployment: Deployment, composition: Optional[Composition], timeout: float, clock: Clock
    ) -> None:
        """Raise ``ServerError`` where ``composition``, or Compose itself, has no database."""
        self.deployment = deployment
        #: What Compose would create.
        self.services = composition.services if composition else deployment.inspect().services
        deployment.composition = composition or deployment.composition
        if SERVICE not in self.services:
            raise ServerError(f"The Compose files have no service {SERVICE}, so there is no built-in database here.")
        self._timeout = timeout
        self._clock = clock
        self._begun = clock.now()
        self._container = ""

    def start(self) -> None:
        """Start it. Raises ``ServerError``."""
        self._begun = self._clock.now()
        self.deployment.require_own_scope()
        failed = self.deployment.pull_missing({SERVICE: self.services[SERVICE]})
        if failed:
            raise ServerError(f"The image of {SERVICE} is not local and was not pulled: {self._mask(failed)}")
        result = self.deployment.project.up(only=[SERVICE], no_deps=True)
        found = [one.id for one in self.deployment.containers() if one.service == SERVICE and one.is_up]
        if not found:
            raise ServerError(self._mask(f"{SERVICE} was not started. {result.told('docker compose up')}"))
        self._container = found[-1]

    def wait(self) -> Stack:
        """Wait until it is healthy; return the stack with only its container. Raises ``UnhealthyError``."""
        waiting = HealthWait(self.deployment.engine, self._inspect, self._mask, self._clock, _PAUSE)
        return Stack(self.services, waiting.wait([SERVICE], self._timeout, self._begun).containers, {})

    def _inspect(self) -> List[Container]:
        """Return only its container: one that is being started is not described until that is done."""
        found = self.deployment.engine.container(self._container)
        return [found] if found else []

    def _mask(self, text: str) -> str:
        return mask_text(text, self.deployment.secrets(Stack(self.services, [], {})))
