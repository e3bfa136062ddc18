# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry a plan out, prove that it worked, and roll back what did not."""

from __future__ import annotations

import contextlib
from typing import Dict, FrozenSet, List, Optional, Tuple

from .._commands.runner import Result
from .._common.errors import EXPECTED, Terminated, message_of
from .drift import Stack
from .health_wait import Clock, HealthWait, UnhealthyError
from .journal import Journal
from .outcome import Outcome
from .plan import DOWN, RESTARTED, STOPPED, UP, FileChange, Plan, StateError
from .tolerance import foreign, tolerated, troubled

# How long the health checks may take that tell how services were before a change.
_ASK_TIMEOUT = 5.0


def apply(
    plan: Plan, clock: Optional[Clock] = None, journal: Optional[Journal] = None, changed_at: Optional[float] = None
) -> Outcome:
    """Carry ``plan`` out. Raises ``StateError``, with the outcome, when the server is not healthy in the end.

    ``journal`` is the server's, read before the plan was made. Where the file cannot be written, nothing is changed.
    ``changed_at`` is when containers were changed before the plan was made, by the same module run.
    """
    run = _Run(plan, clock or Clock(), journal or Journal(plan.deployment.bwdata), changed_at)
    try:
        return _apply(run)
    except Terminated as signal:
        signal.keys = run.outcome.result()
        raise


def _apply(run: _Run) -> Outcome:
    plan, outcome = run.plan, run.outcome
    try:
        if plan.file is not None and plan.writes:
            run.write(plan.file)
    except EXPECTED as error:
        outcome.nothing_was_done()
        raise StateError(plan.mask(message_of(error)), outcome.result()) from error
    try:
        run.change()
    except EXPECTED as error:
        outcome.failed = True
        reason = plan.mask(message_of(error))
        message = run.roll_back(reason) if run.reversible and run.journal.unproven else reason + _differing(plan)
        with contextlib.suppress(*EXPECTED):
            outcome.containers = plan.deployment.containers()
        raise StateError(message, outcome.result()) from error
    run.end()
    return outcome


class _Run:
    """One plan being carried out; ``outcome`` is filled meanwhile."""

    def __init__(self, plan: Plan, clock: Clock, journal: Journal, changed_at: Optional[float]) -> None:
        self.plan = plan
        self.changed_at = changed_at
        self.journal = journal
        #: Whether an earlier run was cut off on settings that nobody has found the server healthy on since.
        self.continued = bool(journal.unproven)
        self.deployment = plan.deployment
        self.request = plan.request
        self.clock = clock
        self.outcome = Outcome(plan)
        self.services = plan.stack.services
        self.troubled: FrozenSet[str] = frozenset()
        self.tolerated: FrozenSet[str] = frozenset()

    @property
    def reversible(self) -> bool:
        """Whether settings are rolled back where the server does not become healthy on them."""
        return self.request.rollback and self.request.state != STOPPED

    def write(self, change: FileChange) -> None:
        """Write the file; its old content is kept in the journal first."""
        file, plan = change.file, change.plan
        continued = file.name in self.journal.unproven
        file.require_writable(plan)
        try:
            if self.reversible or continued:
                self.journal.begin(file, plan.before, plan.after)
            self.outcome.backup_file = file.write(plan, self.request.backup, self.request.backup_count)
        except EXPECTED:
            if not continued:
                self.journal.forget(file.name)
            raise
        except Terminated:
            self.outcome.failed = True  # no container was touched yet
            if not file.holds(plan.after):
                self.outcome.nothing_was_done()
            raise

    def end(self) -> None:
        """Forget the old content, unless it is kept for a server that nobody has found healthy since."""
        proven = self.request.wait and self.request.state != STOPPED
        if proven or not self.continued:
            self.journal.close()

    def change(self) -> None:
        """Bring the containers to the requested state, and wait until they are healthy."""
        begun = self.clock.now()
        if self.plan.writes:
            # What Compose makes of the file counts from here on, not what was computed for the plan.
            self.services = self.deployment.project.read().services
        if self.plan.action == DOWN:
            self._take_down()
            return
        self._note_trouble(begun)
        if self.plan.action == UP:
            self._prove(self._bring_up())
        elif self.plan.action:
            self._restart_nginx(self.plan.stack)
        if self.request.state != STOPPED and self.request.wait:
            self._wait(self.changed_at or (begun if self.plan.action else None))

    def _note_trouble(self, now: float) -> None:
        """Note which services are in trouble before this run changes a container: those do not decide over it."""
        stack = self.plan.stack
        if self.plan.action:
            self.troubled = troubled(stack, now, lambda asked: self.deployment.engine.ask(asked, _ASK_TIMEOUT))
        else:
            self.troubled = troubled(stack, now) | foreign(stack)
        self.tolerated = tolerated(stack, self.troubled, self.plan.writes)
        if self.continued:
            # What was in trouble before this run may be so by what the earlier run wrote.
            self.tolerated &= foreign(stack)

    def roll_back(self, reason: str) -> str:
        """Restore the files, bring the server up on them, and return what to say about it."""
        earlier = "an earlier run, which was cut off," if self.continued else ""
        by = " and ".join(filter(None, ["this run" if self.plan.writes else "", earlier]))
        settings = f"{reason} The settings that {by} wrote"
        try:
            changes = self.journal.roll_back()
            self.outcome.rolled_back = True
            self.outcome.settings_changed = self.continued
            self.outcome.changes = self.outcome.changes or changes
            # What an earlier run broke is to be healthy again on the old settings.
            self.tolerated = self.troubled & foreign(self.plan.stack) if self.continued else self.troubled
            begun = self.clock.now()
            self._restart_nginx(self._up_with_local_images())
            self._wait(begun)
        except EXPECTED as error:
            done = "were rolled back" if self.outcome.rolled_back else "could not be rolled back"
            settings = f"{settings} {done}, but then: {self.plan.mask(message_of(error))}"
        else:
            settings += " were rolled back; the server is running on the old ones."
        if self.outcome.rolled_back:
            self.journal.close()
        return settings

    def _bring_up(self) -> Stack:
        recreate_all = self.request.state == RESTARTED
        if not self.plan.by_script:
            failed = self.deployment.pull_missing(self.plan.stack.services) if self.request.pull else ""
            if failed:
                self.outcome.warnings.append(f"Images are not local and were not pulled: {failed}")
            self.outcome.is_seen = True
            self.outcome.command, after = self._start(recreate_all)
            return after
        self.deployment.require_own_scope()
        # bitwarden.sh would take the server down before it finds out.
        needed = {name: one for name, one in self.plan.stack.services.items() if name not in self.tolerated}
        failed = self.deployment.pull_missing(needed)
        if failed:
            raise UnhealthyError(f"Nothing was restarted, because images are not local and were not pulled: {failed}")
        command = self.outcome.command = self.deployment.script.run("restart")
        after = self._inspect()
        missing = self._missing(after)
        untouched = recreate_all and after.untouched_since(self.plan.stack)
        if not missing and not untouched and (command.rc == 0 or not after.stale()):
            return after
        left = f"{len(missing)} of {len(after.services)} services down" if missing else "services as they were"
        last = self.plan.mask(command.last_words)
        seen = f"bitwarden.sh restart {command.ending} and left {left}; {last}"
        if command.interrupted:
            # What a killed docker command has asked of the engine goes on there. This waits for it.
            self.deployment.require_own_scope()
            self.deployment.project.down()
        after = self._up_with_local_images(bool(untouched), f"{seen} Then: ")
        self.outcome.warnings.append(f"{seen} The server was started from local images instead.")
        return after

    def _up_with_local_images(self, recreate_all: bool = False, before: str = "") -> Stack:
        """Start with Compose; its output is told only where it failed, after what happened ``before``."""
        result, after = self._start(recreate_all)
        missing = self._missing(after)
        if missing:
            told = result.told("docker compose up")
            raise UnhealthyError(f"{before}Compose could not start {', '.join(missing)}. {told}")
        return after

    def _start(self, recreate_all: bool) -> Tuple[Result, Stack]:
        """Start with Compose, and where it gives up because of one service, the others nevertheless."""
        self.deployment.require_own_scope()
        services = self.plan.stack.services
        # One image that is missing makes Compose give up half-way; where that does not decide, it is not tried.
        hopeless = self.deployment.without_image({name: services[name] for name in self.tolerated})
        result = self.deployment.project.up(recreate_all, sorted(set(services) - hopeless) if hopeless else ())
        after = self._inspect()
        left = sorted((set(services) if recreate_all else {*after.missing(), *after.stale()}) - hopeless)
        if result.rc != 0 and not result.timed_out and left:
            for service in left:
                one = self.deployment.project.up(recreate_all, [service], no_deps=True)
                if one.rc != 0 and service in self.tolerated:
                    self.outcome.warnings.append(self.plan.mask(one.told(f"docker compose up {service}")))
            after = self._inspect()
        return result, after

    def _missing(self, after: Stack) -> List[str]:
        return [name for name in after.missing() if name not in self.tolerated]

    def _prove(self, after: Stack) -> None:
        """Have the containers themselves show that a restart worked."""
        self._restart_nginx(after)
        missing, stale = self._missing(after), after.stale()
        command = self.outcome.command
        last = f" {command.told('The restart')}" if command else ""
        if missing:
            raise UnhealthyError(f"Not running after the restart: {', '.join(missing)}.{last}")
        if stale:
            raise UnhealthyError(f"Still not on the settings in the files after the restart: {describe(stale)}.{last}")
        left = after.missing()
        if left and not self.request.wait:
            self.outcome.warnings.append(f"{', '.join(left)}: no container is running, as before this run.{last}")

    def _take_down(self) -> None:
        self.deployment.require_own_scope()
        for container in self.plan.stack.renamed:
            self.deployment.engine.remove(container, self.request.wait_timeout)
        if self.request.pull and self.deployment.script.exists():
            self.outcome.command = self.deployment.script.run("stop")
        # The script leaves a single running container as it is; and it may be missing.
        if self._running():
            command = self.outcome.command = self.deployment.project.down()
            left = self._running()
            if left:
                told = command.told("docker compose down")
                raise UnhealthyError(f"Still running after the stop: {', '.join(left)}. {told}")

    def _running(self) -> List[str]:
        return self._inspect().running()

    def _inspect(self) -> Stack:
        """Compare what is running with what Compose would create."""
        stack = self.deployment.compare(self.services, self.plan.stack.image_environments)
        self.outcome.containers = stack.containers
        return stack

    def _restart_nginx(self, stack: Stack) -> None:
        nginx = stack.outdated_nginx()
        if nginx is not None:
            self.deployment.engine.restart(nginx, self.request.wait_timeout)

    def _wait(self, changed_at: Optional[float]) -> None:
        """Wait until all services are healthy. ``changed_at`` is None where this run changed no container."""
        waiting = HealthWait(self.deployment.engine, self.deployment.containers, self.plan.mask, self.clock)
        services, timeout = list(self.plan.stack.services), self.request.wait_timeout
        if changed_at is None:
            healthy = waiting.wait_unchanged(services, timeout, self.outcome.containers, self.tolerated)
        else:
            healthy = waiting.wait(services, timeout, changed_at, self.tolerated)
        self.outcome.answered, self.outcome.containers, unhealthy = healthy
        self.outcome.warnings += [f"{trouble} It was not healthy before this run either." for trouble in unhealthy]


def _differing(plan: Plan) -> str:
    if plan.writes:
        return " The settings that this run wrote were left in place (rollback=false)."
    stale = plan.stack.stale()
    if not stale:
        return ""
    return f" This run wrote no settings. Since the server last started, these have changed: {describe(stale)}."


def describe(stale: Dict[str, List[str]]) -> str:
    """Return ``api (globalSettings__a, globalSettings__b), identity (…)``: only names."""
    return ", ".join(f"{service} ({', '.join(names)})" for service, names in stale.items())
