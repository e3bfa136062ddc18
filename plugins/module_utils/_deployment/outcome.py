# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run did, also after a failure: the return values of module server."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from .._commands.runner import Result
from .._docker.containers import Container
from .drift import Stack, setting_in
from .plan import DOWN, Plan
from .stack_facts import stack_facts


class Outcome:
    """One run so far. ``containers`` are those that were inspected last; ``command`` is the last one that was run."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.containers: List[Container] = plan.stack.containers
        self.answered: Tuple[str, ...] = ()
        self.warnings: List[str] = list(plan.warnings)
        self.backup_file: Optional[str] = None
        self.rolled_back = False
        #: What changed in the settings file.
        self.changes: List[Dict[str, str]] = plan.changes()
        self.command: Optional[Result] = None
        #: Whether the run failed, so that not all that was planned was done.
        self.failed = False
        #: Whether what changed is seen in ``containers``, as it may be that nothing could be started.
        self.is_seen = False
        #: Whether the settings files are other ones than before this run.
        self.settings_changed = plan.writes

    def nothing_was_done(self) -> None:
        """Record that the run ended before it changed anything."""
        self.failed, self.settings_changed, self.changes = True, False, []

    def result(self) -> Dict[str, Any]:
        """Return the module's return values, and ``warnings``."""
        plan, command = self.plan, self.command
        stack = Stack(plan.stack.services, self.containers, {})
        touched = self._touched() if self.failed or self.is_seen else None
        return {
            "changed": plan.changed if touched is None else self.settings_changed or touched,
            "restarted": plan.restarted if touched is None else plan.action != DOWN and touched,
            "changes": self.changes,
            "backup_file": self.backup_file,
            "stale_services": plan.stack.stale(),
            **stack_facts(stack, lambda key: self._setting(stack, key), self.answered),
            "rolled_back": self.rolled_back,
            "rc": command.rc if command else None,
            "stdout": plan.mask(command.stdout) if command else "",
            "stderr": plan.mask(command.stderr) if command else "",
            "warnings": self.warnings,
        }

    def _setting(self, stack: Stack, key: str) -> Optional[str]:
        """Return a setting's value: after a failure that of the container, if there is one, else that of the files."""
        value = stack.setting(key)
        for api in stack.of("api") if self.failed else ():
            value = setting_in(api.environment, key)
        return value

    def _touched(self) -> bool:
        """Tell whether this run created, removed, started or stopped containers."""
        if not self.plan.action and not self.rolled_back:
            return False
        before = {one.id: one for one in self.plan.stack.containers}
        if {one.id for one in self.containers} != set(before):
            return True
        pairs = [(before[one.id], one) for one in self.containers]
        return any(
            new.is_up != old.is_up or (new.started != old.started and new.restarts <= old.restarts)
            for old, new in pairs
        )
