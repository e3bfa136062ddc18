# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring the deployment to a state: plan from wanted settings, files and stack; carry it out, prove it, roll back."""

from __future__ import annotations

import contextlib
import os
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Set, Tuple

from .._common.diff import Difference
from .._common.errors import BitwardenError
from .._common.masking import mask_text
from .._env_files.document import EnvFile, EnvFileError
from .._settings.override_file import FILES, FilePlan, OverrideFile
from .._settings.resolve import SettingsRequest, is_secret
from .._settings.types import guid_text
from .compose import ComposeError, PlannedFile
from .deployment import Deployment, DeploymentError
from .docker import EngineError
from .drift import Stack
from .health_wait import Clock, HealthWait, NotWell
from .runner import CommandError, Result
from .shadowed import find_hidden

STARTED = "started"
RESTARTED = "restarted"
STOPPED = "stopped"

# Images are at hand: what takes time is stopping mssql (a minute) and starting the rest.
_UP_TIMEOUT = 600.0


class Options(NamedTuple):
    """What the user asked for beside settings; ``wait_timeout`` in seconds."""

    state: str = STARTED
    wait: bool = True
    wait_timeout: float = 600.0
    rollback: bool = True
    pull: bool = True
    backup: bool = False


class StateError(BitwardenError):
    """The server is not in the wanted state; the message (masked) says why and what this run left behind.

    ``keys`` are the documented ones of the failed result.
    """

    keys: Mapping[str, Any] = {}

    def result(self) -> Dict[str, Any]:
        """Return the message and what is known of the run."""
        return {**super().result(), **self.keys}


class Plan(NamedTuple):
    """What a run would do. ``stack`` is the look at the containers against the files as they are to be.

    ``action`` is ``""``, ``up`` (bring up anew), ``follow`` (restart nginx alone) or ``down``.
    """

    path: str
    file: Optional[FilePlan]
    stack: Stack
    action: str
    state: Difference

    @property
    def writes(self) -> bool:
        """Whether the env file changes."""
        return self.file is not None and bool(self.file.difference)

    @property
    def changed(self) -> bool:
        """Whether anything changes."""
        return self.writes or bool(self.state)

    @property
    def restarted(self) -> bool:
        """Whether containers are started or restarted."""
        return self.action in ("up", "follow")

    def diff(self) -> List[Dict[str, str]]:
        """Ansible's diffs: the settings file's and the stack's, each where it changes."""
        settings = [self.file.difference.diff(self.path)] if self.writes and self.file else []
        return settings + ([self.state.diff("containers")] if self.state else [])


class ServerState:
    """One run for one deployment. Filled while it goes; ``outcome`` can be asked at any time, also after a failure."""

    def __init__(
        self,
        deployment: Deployment,
        options: Options,
        override: Optional[OverrideFile] = None,
        request: Optional[SettingsRequest] = None,
        clock: Optional[Clock] = None,
    ) -> None:
        """``override`` and ``request`` are given together, when settings are to be written first."""
        self.deployment = deployment
        self.options = options
        self.override = override
        self.request = request
        self.clock = clock or Clock()
        self.warnings: List[str] = []
        self.backup_file: Optional[str] = None
        self.rolled_back = False
        self.command: Optional[Result] = None
        self._answered: Tuple[str, ...] = ()
        self._secrets: Set[str] = set()

    # Planning

    def plan(self) -> Plan:
        """Decide what to do; touches nothing. Raises ``StateError`` for a setting that would not take effect.

        Also raises ``SettingsError``, ``EnvFileError``, ``DeploymentError``, ``EngineError``.
        """
        file, planned = None, None
        if self.override is not None and self.request is not None:
            file = self.override.plan(self.request)
            planned = PlannedFile(os.path.join(self.deployment.bwdata, "env", FILES[self.request.file]), file.after)
        stack = self.deployment.look(planned)
        self._secrets = self.deployment.secrets(stack)
        if file is not None and planned is not None:
            wanted = file.wanted
            self._secrets.update(
                value for key, value in wanted.values.items() if value and is_secret(key, wanted.secret_keys)
            )
            self.warnings += wanted.warnings
            self._refuse_hidden(stack, file, planned.path)
        if self.options.state != STOPPED and not self.deployment.script.exists() and self.options.pull:
            raise StateError(f"{self.deployment.script.path} does not exist: name bitwarden.sh's place with script.")
        action, state = decide(stack, self.options.state)
        return Plan(planned.path if planned else "", file, stack, action, state)

    def _refuse_hidden(self, stack: Stack, file: FilePlan, path: str) -> None:
        readers = [service for service in stack.services.values() if service.reads_file]
        if file.wanted.values and not readers:
            self.warnings.append(f"No service of this deployment reads {path}.")
        others = {name: content for name, content in self.deployment.env_files().items() if name != path}
        planned = EnvFile.parse(file.after, path)
        hidden = find_hidden(stack.services, file.wanted.values, planned, others, self.deployment.compose_override())
        if hidden:
            raise StateError(
                "Wanted settings would not take effect, because another source has its own value: "
                + "; ".join(str(setting) for setting in hidden)
                + ". Remove them there. Nothing was changed."
            )

    # Carrying out

    def apply(self, plan: Plan) -> None:
        """Carry the plan out. Raises ``StateError`` when the server is not well in the end."""
        if plan.writes and plan.file is not None and self.override is not None:
            self.backup_file = self.override.write(plan.file, self.options.backup)
        try:
            self._bring_about(plan)
        except (NotWell, DeploymentError, EngineError, ComposeError, CommandError, EnvFileError) as error:
            reason = self.mask(str(error))
            if plan.writes and self.options.rollback and self.options.state != STOPPED:
                raise StateError(self._roll_back(plan, reason)) from error
            raise StateError(reason + self._what_differs(plan)) from error

    def _bring_about(self, plan: Plan) -> None:
        begun = self.clock.now()
        if plan.action == "down":
            self._take_down()
        elif plan.action == "up":
            self._bring_up(plan.stack)
            self._prove()
        elif plan.action == "follow":
            self._let_web_server_follow(plan.stack)
        if self.options.state != STOPPED and self.options.wait:
            self._wait(plan.stack, begun if plan.action else float("inf"))

    def _bring_up(self, before: Stack) -> None:
        everything = self.options.state == RESTARTED
        if not self.options.pull:
            self.command = self.deployment.project.up(_UP_TIMEOUT, everything)
            return
        self.command = self.deployment.script.run("restart")
        after = self.deployment.look()
        left_alone = everything and after.untouched_since(before)
        if after.missing() or left_alone or (self.command.rc != 0 and after.stale()):
            lost = after.missing()
            self.warnings.append(
                f"bitwarden.sh restart ended with status {self.command.rc} and left "
                + (f"{len(lost)} of {len(after.services)} services down" if lost else "services as they were")
                + (" (a pull failed)" if lost and self.command.rc else "")
                + ". The images at hand were started instead, on the wanted settings; newer ones were not fetched. "
                + f"Its last words: {self.mask(self.command.last_words)}"
            )
            self._at_hand(everything and bool(left_alone))

    def _at_hand(self, everything: bool = False) -> None:
        """Compose with the images at hand; its own words tell only where it failed."""
        result = self.deployment.project.up(_UP_TIMEOUT, everything)
        missing = self.deployment.look().missing()
        if missing:
            raise NotWell(f"Compose could not start {', '.join(missing)}: {result.last_words}")

    def _prove(self) -> None:
        """After a restart the containers themselves must show that it worked."""
        after = self.deployment.look()
        self._let_web_server_follow(after)
        missing, stale = after.missing(), after.stale()
        words = f" Last words of the restart: {self.command.last_words}" if self.command else ""
        if missing:
            raise NotWell(f"Not running after the restart: {', '.join(missing)}.{words}")
        if stale:
            raise NotWell(f"Still not on the settings in the files after the restart: {describe(stale)}.{words}")

    def _let_web_server_follow(self, stack: Stack) -> None:
        web_server = stack.web_server_to_follow()
        if web_server is not None:
            self.deployment.engine.restart(web_server)

    def _take_down(self) -> None:
        if self.deployment.script.exists():
            self.command = self.deployment.script.run("stop")
        # The script leaves a single running container alone; and it may be gone.
        if not self.deployment.look().stopped:
            self.command = self.deployment.project.down(_UP_TIMEOUT)
        left = [container.service for container in self.deployment.containers() if container.lives]
        if left:
            raise NotWell(f"Still running after the stop: {', '.join(left)}.")

    def _wait(self, stack: Stack, begun: float) -> None:
        waiting = HealthWait(self.deployment.engine, self.deployment.containers, self.mask, self.clock)
        self._answered = waiting.wait(list(stack.services), self.options.wait_timeout, begun)

    # When it went wrong

    def _roll_back(self, plan: Plan, reason: str) -> str:
        """Old file back, server up on it, and what to say about it."""
        if plan.file is None or self.override is None:
            raise AssertionError("apply() wrote no file, so there is none to put back")
        try:
            self.override.restore(plan.file)
            self.rolled_back = True
            begun = self.clock.now()
            self._at_hand()
            self._let_web_server_follow(self.deployment.look())
            self._wait(plan.stack, begun)
        except (NotWell, DeploymentError, EngineError, ComposeError, CommandError, EnvFileError) as error:
            done = "were taken back" if self.rolled_back else "could not be taken back"
            return f"{reason} The settings that this run wrote {done}, but then: {self.mask(str(error))}"
        return f"{reason} The settings that this run wrote were taken back; the server is up on the old ones."

    def _what_differs(self, plan: Plan) -> str:
        if plan.writes:
            return " The settings that this run wrote were left in place (rollback=false)."
        stale = plan.stack.stale()
        if not stale:
            return ""
        return f" This run wrote no settings. Against what the server last ran with, these differ: {describe(stale)}."

    # Telling

    def mask(self, text: str) -> str:
        """Hide every secret of the deployment in ``text``."""
        return mask_text(text, self._secrets)

    def outcome(self, plan: Optional[Plan], done: bool) -> Dict[str, Any]:
        """The module's return values. ``done``: look at the containers again, as something may have happened."""
        if plan is None:
            return {"changed": False, "restarted": False, "rolled_back": False, "changes": []}
        containers = plan.stack.containers
        if done:
            with contextlib.suppress(EngineError):
                containers = self.deployment.containers()
        stack = Stack(plan.stack.services, containers, {})
        return {
            "changed": plan.changed,
            "restarted": plan.restarted,
            "changes": plan.file.difference.summary() if plan.file else [],
            "backup_file": self.backup_file,
            "stale_services": plan.stack.stale(),
            "services": [report._asdict() for report in stack.report(self._answered)],
            "version": stack.version(),
            "installation_id": guid_text(stack.setting("globalSettings__installation__id")),
            "rolled_back": self.rolled_back,
            "rc": self.command.rc if self.command else None,
            "stdout": self.mask(self.command.stdout) if self.command else "",
            "stderr": self.mask(self.command.stderr) if self.command else "",
        }


def decide(stack: Stack, state: str) -> Tuple[str, Difference]:
    """From a look at the stack to the action and the difference that shows it.

    Sick but current is not restarted; a container that Docker restarts again and again counts as running.
    """
    difference = Difference()
    missing, stale = stack.missing(), stack.stale()
    if stack.stopped:
        now = "stopped"
    elif missing:
        now = f"without {', '.join(missing)}"
    elif stale:
        now = f"on other settings ({', '.join(stale)})"
    elif stack.web_server_to_follow():
        now = "nginx older than its neighbours"
    else:
        now = "running on the settings in the files"
    if state == STOPPED:
        difference.compare("stack", now, "stopped")
        return ("down" if difference else "", difference)
    then = "running on the settings in the files"
    difference.compare("stack", now, then + (" (restarted)" if state == RESTARTED else ""))
    if not difference:
        return "", difference
    following = not (missing or stale or stack.stopped or state == RESTARTED)
    return ("follow" if following else "up"), difference


def describe(stale: Dict[str, List[str]]) -> str:
    """``api (globalSettings__a, globalSettings__b), identity (…)``: names alone."""
    return ", ".join(f"{service} ({', '.join(names)})" for service, names in stale.items())
