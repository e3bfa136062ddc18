# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The services that write are stopped for a copy, and started again in every case."""

from __future__ import annotations

import contextlib
import json
import os
import time
from contextlib import contextmanager
from typing import Iterator, List, Optional, Set

from .._common import atomic_file
from .._common.begun import Begun
from .._common.errors import BitwardenError
from .._common.files import read_json
from .._common.masking import mask_text
from .._deployment.deployment import Deployment
from .._deployment.drift import Stack
from .._deployment.health_wait import Clock, HealthWait

WRITERS = ("admin", "api", "attachments", "events", "identity", "key-connector", "notifications", "scim", "sso")
_NGINX = "nginx"
# Names the services while they are stopped, for the run after one that was killed.
_MARK = ".bitwarden-backup-stopped"


class WritersError(BitwardenError):
    """The services that write could not be stopped or started. The message says which, and what to do."""


class Downtime:
    """How long the services were down, in seconds; None where they were not stopped."""

    def __init__(self) -> None:
        self.seconds: Optional[float] = None


@contextmanager
def writers_stopped(deployment: Deployment, stack: Stack, wait_timeout: float, downtime: Downtime) -> Iterator[None]:
    """Stop the services that write; start those that were running again, whatever happens, and wait for them.

    Raises ``WritersError``, ``UnhealthyError``.
    """
    services = sorted({one.service for one in deployment.containers() if one.is_up and one.service in WRITERS})
    secrets = deployment.secrets(stack)
    began, clock = time.monotonic(), Clock()
    owner = (deployment.account.uid, deployment.account.gid)
    atomic_file.put(_mark(deployment), json.dumps(services).encode(), owner=owner)

    def end() -> None:
        try:
            start_again(deployment, services, secrets)
        finally:
            downtime.seconds = round(time.monotonic() - began, 1)

    with Begun() as begun:
        begun.add(end)
        _stop(deployment, services, secrets)
        yield
    unhealthy = frozenset(one.service for one in stack.containers if one.health == "unhealthy")
    wait = HealthWait(deployment.engine, deployment.containers, lambda text: mask_text(text, secrets), clock)
    wait.wait(services, wait_timeout, clock.now(), unhealthy)
    downtime.seconds = round(time.monotonic() - began, 1)


def left_stopped(deployment: Deployment, stack: Stack) -> List[str]:
    """Return the services that a killed run stopped for its copy, and that nothing has started since."""
    try:
        services = read_json(_mark(deployment)) or []
    except (OSError, ValueError):
        return []
    return sorted(one.service for one in stack.containers if one.service in services and one.state == "exited")


def start_again(deployment: Deployment, services: List[str], secrets: Set[str]) -> None:
    """Start services that were stopped for a copy. Raises ``WritersError``; the next run then tries it again."""
    _start(deployment, services, secrets)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_mark(deployment))


def _mark(deployment: Deployment) -> str:
    return os.path.join(deployment.bwdata, _MARK)


def _stop(deployment: Deployment, services: List[str], secrets: Set[str]) -> None:
    result = deployment.project.stop(services)
    left = [one.service for one in deployment.containers() if one.is_up and one.service in services]
    if left:
        told = mask_text(result.told("docker compose stop"), secrets)
        raise WritersError(f"Could not be stopped: {', '.join(left)}. {told}")


def _start(deployment: Deployment, services: List[str], secrets: Set[str]) -> None:
    result = deployment.project.start(services)
    containers = deployment.containers()
    up = {one.service for one in containers if one.is_up}
    left = [one for one in services if one not in up]
    if left:
        told = mask_text(result.told("docker compose start"), secrets)
        raise WritersError(
            f"Not running again after they were stopped for the copy: {', '.join(left)}. "
            f"{told} Start the server (module server, or bitwarden.sh start)."
        )
    # nginx resolves the addresses of the other services once, at its start, and they may have others now.
    for one in containers:
        if one.service == _NGINX and one.state == "running":
            deployment.engine.restart(one)
