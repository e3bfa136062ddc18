# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backup has done, as its result and its diff."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional

from .._common.diff import Difference
from .plan import BackupPlan
from .sets import ARCHIVES, BackupSet, set_name
from .writers import Downtime, left_stopped


class Outcome:
    """What a run has done so far."""

    def __init__(self, plan: BackupPlan) -> None:
        self.plan = plan
        self.made: Optional[BackupSet] = None
        self.removed: List[str] = []
        self.downtime = Downtime()
        self.warnings = list(plan.warnings)
        self.check_mode = False
        #: The services that a killed run has left stopped, which are started.
        self.started = left_stopped(plan.deployment, plan.stack)
        self.are_started = False
        if self.started:
            self.warnings.append(
                f"Stopped by an earlier run, which was killed, and started again: {', '.join(self.started)}."
            )

    @property
    def makes(self) -> bool:
        """Whether a set is made."""
        return self.plan.current is None

    def _changes(self) -> bool:
        if self.check_mode:
            return bool(self.makes or self.removed or self.started)
        return bool(self.made or self.removed or self.are_started)

    def result(self) -> Dict[str, Any]:
        """Return the keys of the result."""
        shown = self.made or self.plan.current
        return {
            "changed": self._changes(),
            "path": shown.path if shown else None,
            "manifest": shown.manifest.report() if shown else None,
            "installation_id": self.plan.installation_id,
            "made": self.makes if self.check_mode else self.made is not None,
            "removed": self.removed,
            "downtime": self.downtime.seconds,
            "warnings": self.warnings,
        }

    def diff(self) -> Dict[str, str]:
        """Return Ansible's diff: the set that is made and those that are removed."""
        difference, plan = Difference(), self.plan
        for service in self.started:
            difference.compare(service, "stopped", "running")
        if self.makes:
            kind = ARCHIVES[plan.encryption.name if plan.encryption else None] if plan.request.archive else ""
            name = self.made.name if self.made else f"{set_name(plan.installation_id, plan.now)}{kind}"
            difference.compare(name, None, f"{plan.kind}, verified by {plan.request.verify}")
        for path in self.removed:
            difference.compare(os.path.basename(path), "backup set", None)
        return difference.diff(plan.request.dest)
