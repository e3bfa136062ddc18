# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run of the connectivity checks, on a stack that is planned already. Changes nothing."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Callable, Collection, Dict, List, Mapping, Optional, Tuple, TypeVar

from .._deployment.deployment import Deployment
from .._deployment.docker import Container
from .._deployment.drift import Stack
from .checks import check_settings, compare
from .cloud import Vantage, check_installation, probe
from .concurrency import start
from .container import ContainerNamespace, NamespaceError, belongs_to
from .endpoints import DesiredCloud, Endpoint
from .failures import Outcome, skipped
from .http import Network
from .image import ask_image
from .report import CONTAINER, HOST, Report
from .tls import given_certificates, host_context

T = TypeVar("T")

_SERVICE = "api"
_AS_ROOT = "Run the task as root (become: true) to check from the container's network."
_AS_OTHER_ROOT = (
    "Run the task on the machine of the engine, as its root: an engine on another machine, a rootless one, or one in "
    "an unprivileged container (LXC) keeps the network of its containers to itself."
)


def check_connectivity(
    deployment: Deployment,
    stack: Stack,
    removed: Collection[str] = (),
    *,
    environ: Mapping[str, str],
    timeout: float = 10.0,
    login: bool = True,
) -> Report:
    """Check the connections from host and container to the cloud, on the settings of the planned ``stack``.

    ``removed`` names the settings that the plan takes away, ``environ`` is this process's environment, ``timeout`` is
    in seconds for each address. Raises ``CommandError``.
    """
    cloud = DesiredCloud.of(stack.setting)
    usable = [one for one in cloud.endpoints if not one.unusable]
    running = next((one for one in stack.of(_SERVICE) if one.state == "running" and _SERVICE in stack.services), None)
    environment = _environment(stack, running, removed)
    namespace, problem = _enter(deployment, running, environment, timeout)

    def from_container() -> Dict[str, Outcome]:
        if namespace:
            return namespace.call(probe, usable, timeout)
        return _by_image(deployment, running, environment, usable, timeout, problem) if running else {}

    try:
        # After the fork: threads do not go with it.
        asking = start(from_container)
        call = partial(_call, Network(environ, host_context(deployment.bwdata)))
        host = Vantage(HOST, call, call(probe, usable, timeout))
        down = "the stack is down" if stack.stopped else f"the {_SERVICE} container is not running"
        inside = dict.fromkeys((one.name for one in usable), skipped(f"not tried: {down}"))
        try:
            inside.update(asking.result())
            vantages = [host, Vantage(CONTAINER, namespace.call, inside)] if namespace else [host]
            found, installation = check_installation(cloud, vantages, timeout, login)
        except NamespaceError as error:
            inside = dict.fromkeys(inside, skipped(f"not tried: {error}", "Run the task again."))
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
    if running is None or not _is_root():
        return None, ""
    if not running.pid or not belongs_to(running.pid, running.id):
        return None, "its processes are not on this machine"
    try:
        return ContainerNamespace(running.pid, environment, given_certificates(deployment.bwdata), timeout), ""
    except NamespaceError as error:
        return None, str(error)


def _by_image(
    deployment: Deployment, running: Container, environment: Mapping[str, str], endpoints: List[Endpoint],
    timeout: float, problem: str,
) -> Dict[str, Outcome]:  # fmt: skip
    """Request by the image's program; ``problem`` is why root could not enter the network, empty without root."""
    reason, more = "the image has no program to try it with", _AS_ROOT
    if problem:
        reason, more = f"the container's network could not be entered: {problem}; and {reason}", _AS_OTHER_ROOT
    command = [deployment.engine.docker, "exec", "--interactive", running.id]
    untried = dict.fromkeys((one.name for one in endpoints), skipped(f"not tried: {reason}", more))
    return {**untried, **ask_image(deployment.commands, command, environment, endpoints, timeout, more)}


def _call(network: Network, function: Callable[..., T], *arguments: Any) -> T:
    return function(network, *arguments)


def _is_root() -> bool:
    return os.geteuid() == 0
