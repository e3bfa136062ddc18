# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kill updates of a host of the fleet at random times, and see where the next run ends.

``python -m tests.support.tools.killed_updates --times 50 --seed 1``. Each time module update goes over one step of the
versions, in a third of them with a migration that fails, so that it goes back; it gets SIGKILL at a random moment, by
itself or with all that it has started. What clients can still reach they write to. Some of the runs that settle it are
killed as well, and between two runs the host may be switched off and on, or the server be started with its script. The
run that settles it must end at a version, healthy, with all that clients have written, and no leftovers; it may fail
where what they have written since the kill is kept beside the server, and says where.
"""

from __future__ import annotations

import sys
from typing import Any, Dict, List

from tests.support.fleet.shell import FleetError
from tests.support.tools.killed_runs import Runs, Trial, main

_STARTED = 1 / 5  # how likely
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
        self.ended = []
        written, killed = [self.client.written], [self.kill(arguments, kind)]
        if self.chance.random() < 1 / 3:
            written.append(self.client.written)
            killed.append(self.kill(arguments, kind))
        result = self.settle(arguments, kind)
        if any(map(self._is_kept, [*self.ended, result])):
            killed.append("kept beside")
            self.client.written = next((one for one in written if one == self.client.stored()), self.client.written)
        if self._is_kept(result):
            result, fails = {}, True
        problems = _problems(result, fails) + self.problems_now((before, after) if fails else (after,), seen)
        try:
            self.host.control("migration", {"fails": None})
        except (OSError, FleetError):
            self.version = ""  # told of above; the next one begins again
        step = f"{before} to {after}{', failing' if fails else ''}"
        return Trial(step, " + ".join(killed), self.version, tuple(problems))

    def meanwhile(self) -> str:
        """Start the server with its script, as an admin may who finds it down."""
        if self.chance.random() > _STARTED:
            return super().meanwhile()
        self.host.script("start")
        self.wait_briefly()
        return "started"

    def _is_kept(self, result: Dict[str, Any]) -> bool:
        """Tell whether a run has failed as it kept what clients have written, and has."""
        kept = result.get("kept") or []
        is_told = result.get("failed") and "What was written to it since is only in" in result["msg"]
        return bool(is_told and kept and self.host.execute("ls", kept[0]))


def _problems(result: Dict[str, Any], fails: bool) -> List[str]:
    """Return what is wrong with the run that settles it."""
    well = not result.get("failed") or (fails and result.get("rolled_back"))
    return [] if well else [f"the run failed: {result.get('msg')}"]


if __name__ == "__main__":
    sys.exit(main(Updates, __doc__))
