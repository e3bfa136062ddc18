# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kill updates of a host of the fleet at random times, and see where the next run ends.

``python -m tests.support.tools.killed_updates --times 50 --seed 1``. Each time module update goes over one step of the
versions, in a third of them with a migration that fails, so that it goes back; it gets SIGKILL at a random moment, by
itself or with all that it has started. What clients can still reach they write to. Some of the runs that settle it are
killed as well. The run after that must end at a version, healthy, with all that clients have written, and no leftovers.
"""

from __future__ import annotations

import sys
from typing import Any, Dict, List

from tests.support.fleet.shell import FleetError
from tests.support.tools.killed_runs import Runs, Trial, main

STEPS = (("2026.6.0", "2026.7.0"), ("2026.7.0", "2026.9.0"), ("2026.6.0", "2026.9.0"))


class Updates(Runs):
    """The updates of one host, over the versions and back to the first one."""

    MODULE = "update"
    JOURNAL = ".bitwarden-update/journal.json"
    PHASES = ("replacing", "database", "serving", "taken_back")
    VERSION = STEPS[0][0]

    def trial(self) -> Trial:
        """Kill an update, settle it, and see what there is."""
        steps = [one for one in STEPS if one[0] == self.version]
        if not steps:
            self.begin_again()
            steps = [one for one in STEPS if one[0] == self.VERSION]
        before, after = self.chance.choice(steps)
        fails = self.chance.random() < 1 / 3
        seen = self.client.sees()
        self.host.control("migration", {"fails": after if fails else None})
        kind, arguments = f"{after} {fails}", {"version": after}
        killed = [self.kill(arguments, kind)]
        if self.chance.random() < 1 / 3:
            killed.append(self.kill(arguments, kind))
        result = self.settle(arguments, kind)
        problems = _problems(result, fails) + self.problems_now((before, after) if fails else (after,), seen)
        try:
            self.host.control("migration", {"fails": None})
        except (OSError, FleetError):
            self.version = ""  # told of above; the next one begins again
        step = f"{before} to {after}{', failing' if fails else ''}"
        return Trial(step, " + ".join(killed), self.version, tuple(problems))


def _problems(result: Dict[str, Any], fails: bool) -> List[str]:
    """Return what is wrong with the run that settles it."""
    well = not result.get("failed") or (fails and result.get("rolled_back"))
    return [] if well else [f"the run failed: {result.get('msg')}"]


if __name__ == "__main__":
    sys.exit(main(Updates, __doc__))
