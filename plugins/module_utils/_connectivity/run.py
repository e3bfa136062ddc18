# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run of the connectivity checks, on a stack that is planned already. Changes nothing."""

from __future__ import annotations

import os
from functools import partial
from typing import Collection, Dict, Mapping, Optional, Tuple

from .._common.threads import start
from .._deployment.deployment import Deployment
from .._deployment.drift import Stack
from .._docker.containers import Container
from .._docker.running import running_container
from .checks import check_settings, compare
from .cloud import Vantage, check_installation, probe
from .container import ContainerNamespace, NamespaceError, belongs_to
from .endpoints import DesiredCloud
from .failures import skipped
from .http import Network
from .image import Image
from .report import CONTAINER, HOST, Report
from .tls import context_of, given_certificates

_SERVICE = "api"


def check_connectivity(
    deployment: Deployment, stack: Stack, removed: Collection[str] = (), *,
    environ: Mapping[str, str], timeout: float = 10.0, login: bool = True,
) -> Report:  # fmt: skip
    """Check the connections from host and container to the cloud, on the settings of the planned ``stack``.

    ``removed`` names the settings that the plan takes away, ``timeout`` is in seconds. Raises ``CommandError``.
    """
    cloud = DesiredCloud.of(stack.setting)
    usable = [one for one in cloud.endpoints if not one.unusable]
    running = running_container(stack.containers, _SERVICE) if _SERVICE in stack.services else None
    environment = _environment(stack, running, removed)
    namespace, problem = _enter(deployment, running, environment, timeout)
    if namespace:
        from_container = partial(namespace.call, probe, usable, timeout)
    elif running:
        image = Image(deployment.commands, deployment.engine.docker, running.id, environment, problem)
        from_container = partial(image.probe, usable, timeout)
    else:
        down = "the stack is down" if stack.stopped else f"the {_SERVICE} container is not running"
        from_container = partial(dict.fromkeys, (one.name for one in usable), skipped(f"not tried: {down}"))
    try:
        # After the fork: threads do not go with it.
        asking = start(from_container)
        network = Network(environ, context_of(given_certificates(deployment.bwdata), defaults=True))
        host = Vantage(HOST, network.call, network.call(probe, usable, timeout))
        try:
            inside = asking.result()
            vantages = [host, Vantage(CONTAINER, namespace.call, inside)] if namespace else [host]
            found, installation = check_installation(cloud, vantages, timeout, login)
        except NamespaceError as error:
            inside = dict.fromkeys(host.outcomes, skipped(f"not tried: {error}", "Run the task again."))
            found, installation = check_installation(cloud, [host], timeout, login)
    finally:
        if namespace:
            namespace.close()
    compared = compare(cloud.endpoints, host.outcomes, inside, {HOST: environ, CONTAINER: environment})
    return Report([*compared, *found, *check_settings(cloud, stack.setting)], installation, cloud.region)


def _environment(stack: Stack, running: Optional[Container], removed: Collection[str]) -> Dict[str, str]:
    """Return what the service's environment will be: what it has now (Docker may add a proxy), and the changes."""
    service = stack.services.get(_SERVICE)
    kept = {name: value for name, value in (running.environment if running else {}).items() if name not in removed}
    return {**kept, **(service.environment if service else {})}


def _enter(
    deployment: Deployment, running: Optional[Container], environment: Mapping[str, str], timeout: float
) -> Tuple[Optional[ContainerNamespace], str]:
    """Return the container's network, or why root cannot enter it."""
    if running is None or os.geteuid() != 0:
        return None, ""
    if not running.pid or not belongs_to(running.pid, running.id):
        return None, "its processes are not on this machine"
    try:
        return ContainerNamespace(running.pid, environment, given_certificates(deployment.bwdata), timeout), ""
    except NamespaceError as error:
        return None, str(error)
