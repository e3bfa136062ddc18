# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a request, the files and the containers to a plan. Changes nothing."""

from __future__ import annotations

import os
import time
from typing import Callable, Dict, FrozenSet, List, NamedTuple, Optional, Sequence, Tuple

from .._common.diff import Difference
from .._common.errors import RunError
from .._common.masking import mask_text
from .._common.problem import Problem
from .._compose.planned_file import PlannedFile
from .._env_files.document import EnvFile
from .._settings.override_file import BACKUP_COUNT, FILES, FilePlan, OverrideFile
from .._settings.resolve import SettingsRequest
from .._settings.secrecy import is_secret
from .bitwarden_sh import Script
from .deployment import Deployment
from .drift import Stack
from .shadowed import find_shadowed
from .tolerance import foreign, tolerated, troubled

STARTED = "started"
RESTARTED = "restarted"
STOPPED = "stopped"

UP = "up"
DOWN = "down"
RESTART_NGINX = "restart_nginx"

_CURRENT = "running on the settings in the files"


class SettingsChange(NamedTuple):
    """Settings to write: the file, and what is asked of it."""

    file: OverrideFile
    request: SettingsRequest

    @classmethod
    def requested(cls, request: SettingsRequest, bwdata: str) -> Optional[SettingsChange]:
        """Return the change that a request leads to, None where it asks for nothing."""
        return None if request.empty else cls(OverrideFile(bwdata, request.file), request)


class Request(NamedTuple):
    """What the user asks for; ``wait_timeout`` in seconds."""

    state: str = STARTED
    settings: Optional[SettingsChange] = None
    wait: bool = True
    wait_timeout: float = 600.0
    rollback: bool = True
    pull: bool = True
    backup: bool = False
    backup_count: int = BACKUP_COUNT


class StateError(RunError):
    """The server is not in the requested state; the message (masked) says why and what this run left behind."""


class FileChange(NamedTuple):
    """What becomes of an env file: its path below bwdata, the file itself, and its planned content."""

    path: str
    file: OverrideFile
    plan: FilePlan


class Plan(NamedTuple):
    """What a run would do. ``stack`` compares the containers with the files as they are planned.

    ``action`` is empty, ``UP``, ``RESTART_NGINX`` or ``DOWN``; ``difference`` shows it.
    """

    deployment: Deployment
    request: Request
    stack: Stack
    action: str
    difference: Difference
    file: Optional[FileChange]
    secrets: FrozenSet[str]
    warnings: Tuple[str, ...]

    @property
    def writes(self) -> bool:
        """Whether the env file changes."""
        return self.file is not None and bool(self.file.plan.difference)

    @property
    def changed(self) -> bool:
        """Whether anything changes."""
        return self.writes or bool(self.difference)

    @property
    def restarted(self) -> bool:
        """Whether containers are started or restarted."""
        return self.action in (UP, RESTART_NGINX)

    @property
    def by_script(self) -> bool:
        """Whether the server is restarted or stopped by bitwarden.sh, not by Compose."""
        return uses_script(self.stack, self.request)

    @property
    def removed(self) -> List[str]:
        """The names of the settings that are to be absent."""
        desired = self.file.plan.desired.values if self.file else {}
        return [name for name, value in desired.items() if value is None]

    def changes(self) -> List[Dict[str, str]]:
        """Return what changes in the env file, without values."""
        return self.file.plan.difference.summary() if self.file else []

    def diff(self) -> List[Dict[str, str]]:
        """Return Ansible's diffs: the env file's and the containers', each where it changes."""
        settings = [self.file.plan.difference.diff(self.file.path)] if self.file and self.writes else []
        return settings + ([self.difference.diff("containers")] if self.difference else [])

    def mask(self, text: str) -> str:
        """Hide every secret of the deployment in ``text``."""
        return mask_text(text, self.secrets)


def plan(deployment: Deployment, request: Request, others: Sequence[Problem] = (), restarts: bool = False) -> Plan:
    """Decide what to do. Raises ``StateError`` for a setting that would not take effect.

    ``others`` are problems of what the run is to do as well, to be told together with those found here; ``restarts``:
    the server restarts because of that.
    Also raises ``SettingsError``, ``EnvFileError``, ``DeploymentError``, ``EngineError``.
    """
    file = _plan_file(deployment, request.settings) if request.settings else None
    stack = deployment.inspect(PlannedFile(file.path, file.plan.before, file.plan.after) if file else None)
    secrets = deployment.secrets(stack)
    warnings = _warnings_of_left_over(stack)
    problems = [*others, *_abandoned(deployment, stack)]
    if file is not None:
        desired = file.plan.desired
        secrets.update(value for key, value in desired.values.items() if value and is_secret(key, desired.secret_keys))
        warnings += desired.warnings
        problems += _without_effect(deployment, stack, file)
    action, difference = decide(stack, request.state, uses_script(stack, request))
    problems += _script_problems(deployment.script, request, action, lambda text: mask_text(text, secrets))
    if action in (UP, DOWN) or restarts:
        writes = file is not None and bool(file.plan.difference)
        spared = tolerated(stack, troubled(stack, time.time()), writes) & foreign(stack)
        takes_down = not stack.stopped and (action == DOWN or restarts or uses_script(stack, request))
        conflicts = deployment.conflicts(stack, action != DOWN, request.pull, spared, takes_down)
        problems += conflicts.problems
        warnings += [mask_text(str(other), secrets) for other in conflicts.warnings]
        if request.state == STARTED and stack.lacks_only_foreign() and set(stack.missing()) <= conflicts.blocked:
            action, difference = "", Difference()
    elif request.state == STOPPED:
        problems += deployment.left_behind()
    if problems:
        raise StateError(mask_text(" ".join([*map(str, problems), "Nothing was changed."]), secrets))
    return Plan(deployment, request, stack, action, difference, file, frozenset(secrets), tuple(warnings))


def uses_script(stack: Stack, request: Request) -> bool:
    """Tell whether bitwarden.sh restarts or stops the server; it would take all services down to start a new one."""
    return request.pull and not (request.state == STARTED and stack.lacks_only_foreign())


def _plan_file(deployment: Deployment, change: SettingsChange) -> FileChange:
    path = os.path.join(deployment.bwdata, "env", FILES[change.request.file])
    return FileChange(path, change.file, change.file.plan(change.request))


def _script_problems(script: Script, request: Request, action: str, mask: Callable[[str], str]) -> List[Problem]:
    """Return the problems of a script that the run would call and that cannot do its work."""
    if not request.pull:
        return []
    if request.state != STOPPED and not script.exists():
        return [Problem(f"{script.path} does not exist. Set script to the path of bitwarden.sh, or pull to false.")]
    problems = script.problems(mask) if action == UP or (action == DOWN and script.exists()) else []
    if not problems:
        return []
    return [Problem(f"This needs bitwarden.sh: {' '.join(problems)} To do without it this time, set pull to false.")]


def _abandoned(deployment: Deployment, stack: Stack) -> List[Problem]:
    """Return the problem of services that run although Compose does not know them: no settings reach them."""
    services = stack.abandoned()
    if not services:
        return []
    return [
        Problem(
            f"Services of Bitwarden are running that Compose would not start any more: {', '.join(services)}. Restore "
            f"them in {' or '.join(deployment.project.files())} (bitwarden.sh rebuild generates the first), or remove "
            "their containers (docker rm --force)."
        )
    ]


def _warnings_of_left_over(stack: Stack) -> List[str]:
    warnings: List[str] = []
    names = sorted({one.service for one in stack.left_over()} - set(stack.abandoned()))
    if names:
        warnings.append(
            f"Compose would not start these services, whose containers stay as they are: {', '.join(names)}."
        )
    return warnings


def _without_effect(deployment: Deployment, stack: Stack, file: FileChange) -> List[Problem]:
    """Return the problems of settings that would be written but would not reach a service."""
    values = file.plan.desired.values
    if any(values.values()) and not any(service.reads_file for service in stack.services.values()):
        return [
            Problem(
                f"No service of this deployment reads {file.path}: the settings would not take effect. "
                "To write them nevertheless, use override_env."
            )
        ]

    def others() -> Dict[str, EnvFile]:
        return {path: content for path, content in deployment.read_env_files().items() if path != file.path}

    planned = EnvFile.parse(file.plan.after, file.path)
    override, implied = deployment.compose_override(), file.plan.desired.implied
    shadowed = find_shadowed(stack.services, values, planned, others, override, implied)
    if not shadowed:
        return []
    sources = "; ".join(str(setting) for setting in shadowed)
    return [
        Problem(
            f"Settings would not take effect, because another source has its own value: {sources}. Remove them there."
        )
    ]


def decide(stack: Stack, state: str, pull: bool = True) -> Tuple[str, Difference]:
    """Return the action that leads to ``state``, and the difference that shows it.

    A service that is unhealthy on the current settings is not restarted; one that Docker keeps restarting is running.
    """
    difference = Difference()
    missing, stale = stack.missing(), stack.stale()
    if stack.stopped:
        now = "stopped"
    elif missing:
        now = f"without {', '.join(missing)}"
    elif stale:
        now = f"on other settings ({', '.join(stale)})"
    elif stack.surplus():
        now = f"with {', '.join(stack.surplus())}, which Compose no longer starts"
    elif stack.outdated_nginx():
        now = "nginx started before other services"
    else:
        now = _CURRENT
    if state == STOPPED:
        difference.compare("stack", now, "stopped")
        return (DOWN if difference else "", difference)
    if now == _CURRENT and state != RESTARTED:
        return "", difference
    only_nginx = not (missing or stale or stack.surplus() or stack.stopped or state == RESTARTED)
    interruption = "; nginx restarts" if only_nginx else _interruption(stack, state, pull)
    difference.compare("stack", now, _CURRENT + interruption)
    return (RESTART_NGINX if only_nginx else UP), difference


def _interruption(stack: Stack, state: str, pull: bool) -> str:
    """Return what a start means to those who use the server now: ``bitwarden.sh`` takes down all services."""
    if stack.stopped:
        return ""
    if pull or state == RESTARTED:
        return "; all services restart (about a minute of downtime)"
    missing = stack.missing()
    starts = {"start": missing, "restart": sorted(set(stack.stale()) - set(missing))}
    return "".join(f"; {', '.join(names)} {verb}{'' if names[1:] else 's'}" for verb, names in starts.items() if names)
