# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kill backups of a host of the fleet at random times, and see what counts as a set, and what the next run leaves.

``python -m tests.support.tools.killed_backups --times 20``. Format, proof, and whether writers are stopped are random.
They are killed as updates are (see ``killed_updates``). What has the name of a set must be one that can be restored,
also before the next run; after that there must be no leftovers, and the server as it was.
"""

from __future__ import annotations

import sys
from typing import Any, Dict, List

from tests.support.fleet import names
from tests.support.tools.killed_runs import BACKUPS, Runs, Trial, main

_DATA = f"{names.BWDATA}/mssql/data"


class Backups(Runs):
    """Backups of one host."""

    MODULE = "backup"

    def prepare(self) -> None:
        """Start the server."""
        super().prepare()
        self.begin_again()

    def trial(self) -> Trial:
        """Kill a backup, make one, and see what there is."""
        self.host.execute("sh", "-c", f"rm -rf {BACKUPS}")
        seen, files = self.client.sees(), self.host.execute("ls", _DATA)
        arguments: Dict[str, Any] = {
            "format": self.chance.choice(("directory", "tar")),
            "verify": self.chance.choice(("checksum", "restore")),
            "consistent": self.chance.choice(("online", "stopped")),
            "keep": 1,
        }
        kind = ", ".join(str(one) for one in arguments.values())
        killed = [self.kill(arguments, "")]
        problems = self._broken("before the next run")
        if self.chance.random() < 1 / 3:
            killed.append(self.kill(arguments, ""))
            problems += self._broken("before the next run")
        result = self.settle(arguments, "")
        if result.get("failed"):
            problems.append(f"the run failed: {result.get('msg')}")
        problems += self._broken("afterwards") + self.problems_now((self.VERSION,), seen)
        if self.host.execute("ls", _DATA) != files:
            problems.append(f"left among the files of SQL Server: {self.host.execute('ls', _DATA)}")
        expected = 2 if arguments["format"] == "tar" else 1
        kept = self.host.execute("ls", "-A", BACKUPS).split()
        if len(kept) != expected:
            problems.append(f"in {BACKUPS}: {' '.join(kept)}")
        return Trial(kind, " + ".join(killed), "made", tuple(problems))

    def _broken(self, when: str) -> List[str]:
        """Return what has the name of a set and cannot be restored."""
        found = []
        for name in self.host.execute("sh", "-c", f"ls {BACKUPS} 2>/dev/null", check=False).split():
            if name.endswith(".json"):
                continue
            arguments = {"set": f"{BACKUPS}/{name}", "confirm": self.host.data.installation["id"]}
            result = self.run({**arguments, "_ansible_check_mode": True}, module="restore").result or {}
            if result.get("failed") is not False and "failed" in result:
                found.append(f"{when} {name} cannot be restored: {result['msg']}")
        return found


if __name__ == "__main__":
    sys.exit(main(Backups, __doc__))
