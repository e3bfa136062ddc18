# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at everything between a server and the cloud, on the settings that it is meant to have. Changes nothing."""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Collection, Dict, Iterator, Mapping, NamedTuple, Optional

from .._deployment.deployment import Deployment
from .._deployment.docker import Container
from .._deployment.drift import Stack
from .._deployment.health_wait import Clock
from .._deployment.server_state import Options as StateOptions
from .._deployment.server_state import Plan, ServerState
from .._settings.override_file import OverrideFile
from .._settings.resolve import CLOUD_COMMUNICATION, SettingsRequest
from .consistency import check_settings
from .endpoints import Wanted, wanted_endpoints
from .image_programs import Image, ask_within
from .installation import Asked, check_installation
from .places import InContainer, NotEntered, host_place
from .report import Installation, Report
from .surroundings import belongs_to
from .trust import host_context
from .ways import Environments, Inside, check_ways

_SERVICE = "api"
_QUICK = 30.0
_AS_ROOT = "Run the task as root (become: true) to look from the container's network."
_AS_OTHER_ROOT = (
    "Run the task on the machine of the engine, as its root: an engine on another machine, a rootless one, or one in "
    "an unprivileged container (LXC) keeps the network of its containers to itself."
)


class Options(NamedTuple):
    """``timeout`` in seconds for each question; ``login``: log in once; ``unless_current``: see ``is_current``."""

    timeout: float
    login: bool
    unless_current: bool


class Planned(NamedTuple):
    """What a plan says of the server: its stack, and the settings that it takes away."""

    stack: Stack
    removed: Collection[str] = ()

    @classmethod
    def of(cls, plan: Plan) -> Planned:
        """From the plan of ``server``."""
        desired = plan.file.wanted.values if plan.file else {}
        return cls(plan.stack, [name for name, value in desired.items() if value is None])


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
        if options.unless_current and is_current(plan):
            wanted = wanted_endpoints(plan.stack.setting)
            return Report([], Installation(wanted.installation_id or None), wanted.region, current=True)
        return Run(self.deployment, self.environ).report(Planned.of(plan), options.timeout, options.login)


class Run:
    """One look on what is planned already."""

    def __init__(self, deployment: Deployment, environ: Mapping[str, str]) -> None:
        self.deployment = deployment
        self.environ = environ

    def report(self, plan: Planned, timeout: float, login: bool) -> Report:
        """Look from the host and from the container. Raises ``CommandError``."""
        wanted = wanted_endpoints(plan.stack.setting)
        environments = Environments(_environment(plan), self.environ)
        with self._inside(plan, wanted, timeout) as asked_inside:
            here = host_place(wanted, self.environ, host_context(self.deployment.bwdata), timeout)
            host = Asked(here, here.outcomes())
            inside = asked_inside()
            places = [host] + ([Asked(inside.place, inside.outcomes)] if inside.place else [])
            asked, installation = check_installation(wanted, places, login)
        ways = check_ways(wanted, host.outcomes, inside, environments)
        return Report([*ways, *asked, *check_settings(wanted, plan.stack.setting)], installation, wanted.region)

    @contextlib.contextmanager
    def _inside(self, plan: Planned, wanted: Wanted, timeout: float) -> Iterator[Callable[[], Inside]]:
        """Have the container's network asked, side by side with what the caller does; the function waits for it."""
        container = _running(plan)
        if container is None:
            down = "the stack is down" if plan.stack.stopped else f"the {_SERVICE} container does not run"
            yield lambda: Inside({}, None, f"not tried: {down}")
            return
        try:
            entered = self._enter(plan, container, wanted, timeout)
        except NotEntered as error:
            with ThreadPoolExecutor(1) as pool:
                asking = pool.submit(self._ask_image, plan, container, wanted, str(error), timeout)
                yield asking.result
            return
        try:
            yield lambda: _said(entered)
        finally:
            entered.close()

    def _enter(self, plan: Planned, container: Container, wanted: Wanted, timeout: float) -> InContainer:
        """Our process in the container's network, asking already. Raises ``NotEntered``, empty where not tried."""
        if not _is_root():
            raise NotEntered("")
        init = self._first_process(container)
        if not init:
            raise NotEntered("its processes are not on this machine")
        entered = InContainer(init, _changes(plan), wanted, timeout)
        try:
            entered.ensure_entered()
        except NotEntered:
            entered.close()
            raise
        return entered

    def _first_process(self, container: Container) -> int:
        command = [self.deployment.engine.docker, "inspect", "--format", "{{.State.Pid}}", container.id]
        answer = self.deployment.commands.run(command, _QUICK).stdout.strip()
        return int(answer) if answer.isdecimal() and belongs_to(int(answer), container.id) else 0

    def _ask_image(self, plan: Planned, container: Container, wanted: Wanted, refusal: str, timeout: float) -> Inside:
        """By the programs of the image. ``refusal``: why root could not enter the network, empty without root."""
        reason, more = "the image has no program to try it with", _AS_ROOT
        if refusal:
            reason, more = f"the container's network could not be entered: {refusal}; and {reason}", _AS_OTHER_ROOT
        asking = Image(self.deployment.engine.docker, container.id, _environment(plan), _changes(plan), more)
        outcomes = ask_within(self.deployment.commands, asking, wanted.endpoints, timeout)
        return Inside(outcomes, None, f"not tried: {reason}", more)


def is_current(plan: Plan) -> bool:
    """Whether the server already runs on the wanted settings, with cloud communication on.

    One that has not been let out to the cloud yet has not proved anything.
    """
    switched_on = (plan.stack.setting(CLOUD_COMMUNICATION) or "").strip().lower() == "true"
    return switched_on and not plan.writes and not plan.stack.missing() and not plan.stack.stale()


def _is_root() -> bool:
    return os.geteuid() == 0


def _running(plan: Planned) -> Optional[Container]:
    if _SERVICE not in plan.stack.services:
        return None
    return next((one for one in plan.stack.of(_SERVICE) if one.state == "running"), None)


def _said(entered: InContainer) -> Inside:
    try:
        return Inside(entered.outcomes(), entered, "")
    except NotEntered as error:
        return Inside({}, None, f"not tried: {error}", "Run the task again.")


def _changes(plan: Planned) -> Dict[str, Optional[str]]:
    """What the service's environment will have otherwise than now."""
    service = plan.stack.services.get(_SERVICE)
    changes: Dict[str, Optional[str]] = dict(service.environment) if service else {}
    changes.update(dict.fromkeys(plan.removed))
    return changes


def _environment(plan: Planned) -> Dict[str, str]:
    """What the service's environment will be: what it has now (Docker's own settings may add a proxy), and changes."""
    container = _running(plan)
    found: Dict[str, Optional[str]] = {**(container.environment if container else {}), **_changes(plan)}
    return {name: value for name, value in found.items() if value is not None}
