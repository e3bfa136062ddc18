# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kill restores on a host of the fleet at random times, and see where the next run ends.

``python -m tests.support.tools.killed_restores --times 20``. Two thirds of them go over the server that the host has,
the others onto a host that has lost everything; in a third of each the manifest says something else than the dump, so
that they go back. They are killed as updates are (see ``killed_updates``). The run after that must end with the server
of the set, or with what was there before: a server with all that clients have written, or an empty host.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Dict, List

from tests.support.fleet import names
from tests.support.tools.killed_runs import FOLDER, Runs, Trial, main

_SETS = f"{FOLDER}/sets"
_LYING = f"{FOLDER}/lying"


class Restores(Runs):
    """Restores of one host, from a set that is made first."""

    MODULE = "restore"
    JOURNAL = ".bitwarden-restore/journal.json"
    PHASES = ("preparing", "replacing", "database")

    def prepare(self) -> None:
        """Make the set, and one with a manifest that is not of its dump."""
        super().prepare()
        self.begin_again()
        self._saved = self.client.written
        result = self.run({"dest": _SETS}, module="backup").result or {}
        self._set = str(result["path"])
        self.host.execute("cp", "-a", self._set, _LYING)
        manifest = json.loads(self.host.execute("cat", f"{_LYING}/manifest.json"))
        manifest["database"]["counts"]["User"] += 1
        manifest["database"]["counts_before"]["User"] += 1
        self.host.write(f"{_LYING}/manifest.json", json.dumps(manifest))

    def trial(self) -> Trial:
        """Kill a restore, settle it, and see what there is."""
        new, fails = self.chance.random() < 1 / 3, self.chance.random() < 1 / 3
        self.empty()
        self.begin_again()
        seen = self.client.sees()
        if new:
            self.empty()
        arguments = {"set": _LYING if fails else self._set, "confirm": self.host.data.installation["id"]}
        arguments["owner"] = "bitwarden"
        kind = f"{'new' if new else 'over'}{', failing' if fails else ''}"
        killed = [self.kill(arguments, kind, writes=False)]
        if self.chance.random() < 1 / 3:
            killed.append(self.kill(arguments, kind, writes=False))
        result = self.settle(arguments, kind)
        problems = _problems(result, new, fails)
        if new and fails:
            problems += self._traces()
        else:
            self.client.written = self.client.written if fails else self._saved
            problems += self.problems_now((self.VERSION,), seen)
        ended = "failed" if result.get("failed") else "restored"
        return Trial(kind, " + ".join(killed), ended, tuple(problems))

    def _traces(self) -> List[str]:
        """Return what is on a host that had nothing."""
        found = self.host.execute(
            "sh", "-c",
            f"find {names.BITWARDEN} -mindepth 1; docker ps --all --format '{{{{.Names}}}}'; docker volume ls --quiet; "
            f"docker network ls --quiet --filter type=custom",
            check=False,
        )  # fmt: skip
        return [f"left: {one}" for one in found.split()]


def _problems(result: Dict[str, Any], new: bool, fails: bool) -> List[str]:
    """Return what is wrong with the run that settles it."""
    back = "What the restore had put on this host was removed again." if new else "the server is running on it"
    well = (result.get("rolled_back") and back in result["msg"]) if fails else not result.get("failed")
    return [] if well else [f"the run has failed: {result.get('failed')}: {result.get('msg')}"]


if __name__ == "__main__":
    sys.exit(main(Restores, __doc__))
