# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: shared code of this collection. It can change without notice.

"""Look at everything between a server and the cloud, on the settings that it is meant to have. Changes nothing."""

from __future__ import annotations

import contextlib
import os
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional

from ..deployment import Deployment
from ..engine import Container
from ..health import Clock
from ..override_file import OverrideFile
from ..server_state import Options as StateOptions
from ..server_state import Plan, ServerState
from ..settings import CLOUD_COMMUNICATION, SettingsRequest
from .consistency import check_settings
from .endpoints import Wanted, target_of, wanted_endpoints
from .image_programs import ask_within
from .installation import Asked, check_installation
from .layers import Outcome
from .places import CONTAINER, HOST, InContainer, NotEntered, host_place
from .report import Check, Installation, Report, compare
from .surroundings import belongs_to
from .trust import host_context

_SERVICE = "api"
_QUICK = 30.0
_AS_ROOT = "Run the task as root (become: true) to look from the container's network."


class Options(NamedTuple):
    """``timeout`` in seconds for each question; ``login``: log in once; ``unless_current``: see ``is_current``."""

    timeout: float
    login: bool
    unless_current: bool


class _Inside(NamedTuple):
    """What the container's network said; ``place`` is there while more can be asked, ``reason`` if it said nothing."""

    outcomes: Dict[str, Outcome]
    place: Optional[InContainer]
    reason: str
    advice: str = ""


class Survey:
    """One look. ``environ`` is this process's environment: its proxies are the host's."""

    def __init__(
        self,
        deployment: Deployment,
        override: Optional[OverrideFile],
        request: Optional[SettingsRequest],
        environ: Mapping[str, str],
    ) -> None:
        """``override`` and ``request`` as for ``ServerState``."""
        self.deployment = deployment
        # Planning alone: it never pulls, so it needs no bitwarden.sh.
        self.state = ServerState(deployment, StateOptions(pull=False), override, request, Clock())
        self.environ = environ

    def report(self, options: Options) -> Report:
        """Look. Raises what planning raises: ``StateError``, ``SettingsError``, ``DeploymentError`` and their kin."""
        plan = self.state.plan()
        wanted = wanted_endpoints(plan.stack.setting)
        installation = Installation(wanted.installation_id or None)
        if options.unless_current and is_current(plan):
            return Report([], installation, wanted.region, current=True)
        with self._container(plan, wanted, options.timeout) as entered:
            here = host_place(wanted, self.environ, host_context(self.deployment.bwdata), options.timeout)
            host = Asked(here, here.outcomes())
            inside = self._inside(plan, wanted, entered, options.timeout)
            places = [host] + ([Asked(inside.place, inside.outcomes)] if inside.place else [])
            asked, installation = check_installation(wanted, places, options.login)
        ways = _ways(wanted, host.outcomes, inside)
        return Report([*ways, *asked, *check_settings(wanted, plan.stack.setting)], installation, wanted.region)

    @contextlib.contextmanager
    def _container(self, plan: Plan, wanted: Wanted, timeout: float) -> Iterator[Optional[InContainer]]:
        """Our process in the container's network, asking already; ``None`` where there can be none."""
        container = _running(plan)
        init = self._first_process(container) if container and _is_root() else 0
        if not init:
            yield None
            return
        entered = InContainer(init, _changes(plan), wanted, timeout)
        try:
            yield entered
        finally:
            entered.close()

    def _first_process(self, container: Container) -> int:
        command = [self.deployment.engine.docker, "inspect", "--format", "{{.State.Pid}}", container.id]
        answer = self.deployment.commands.run(command, _QUICK).stdout.strip()
        return int(answer) if answer.isdigit() and belongs_to(int(answer), container.id) else 0

    def _inside(self, plan: Plan, wanted: Wanted, entered: Optional[InContainer], timeout: float) -> _Inside:
        container = _running(plan)
        if container is None:
            down = "the stack is down" if plan.stack.stopped else f"the {_SERVICE} container does not run"
            return _Inside({}, None, f"not tried: {down}")
        if entered is not None:
            with contextlib.suppress(NotEntered):
                return _Inside(entered.outcomes(), entered, "")
        environment = plan.stack.services[_SERVICE].environment
        commands, docker = self.deployment.commands, self.deployment.engine.docker
        outcomes = ask_within(commands, docker, container.id, wanted.endpoints, environment, timeout)
        return _Inside(outcomes, None, "not tried: the image has no program to try it with", _AS_ROOT)


def is_current(plan: Plan) -> bool:
    """Whether the server already runs on the wanted settings, with cloud communication on.

    One that has not been let out to the cloud yet has not proved anything.
    """
    switched_on = (plan.stack.setting(CLOUD_COMMUNICATION) or "").strip().lower() == "true"
    return switched_on and not plan.writes and not plan.stack.missing() and not plan.stack.stale()


def _is_root() -> bool:
    return os.geteuid() == 0


def _running(plan: Plan) -> Optional[Container]:
    if _SERVICE not in plan.stack.services:
        return None
    return next((one for one in plan.stack.of(_SERVICE) if one.state == "running"), None)


def _changes(plan: Plan) -> Dict[str, Optional[str]]:
    """What the service's environment will have otherwise than now."""
    changes: Dict[str, Optional[str]] = dict(plan.stack.services[_SERVICE].environment)
    if plan.file is not None:
        changes.update({name: None for name, value in plan.file.wanted.values.items() if value is None})
    return changes


def _ways(wanted: Wanted, here: Dict[str, Outcome], inside: _Inside) -> List[Check]:
    """The checks of all endpoints, each from the host and from the container."""
    checks = []
    for endpoint in wanted.endpoints:
        name, target = endpoint.name, target_of(endpoint)
        if endpoint.unusable:
            reason = "push is off" if endpoint.unusable == "off" else f"not tried: {endpoint.unusable}"
            checks += [Check.skip(name, where, target, reason) for where in (HOST, CONTAINER)]
            continue
        own, theirs = Check.of(name, HOST, target, here[name]), inside.outcomes.get(name)
        if theirs is None:
            checks += [own, Check.skip(name, CONTAINER, target, inside.reason, inside.advice)]
            continue
        if theirs.ok and not own.ok:
            advice = "Nothing to do for the server: its containers get through. " + own.advice
            own = own._replace(advice=advice, counts=False)
        checks += [own, Check.of(name, CONTAINER, target, compare(theirs, here[name]))]
    return checks
