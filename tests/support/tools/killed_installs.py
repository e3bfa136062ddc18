# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kill installations on a host of the fleet at random times, and see where the next run ends.

``python -m tests.support.tools.killed_installs --times 10``. They are killed as updates are (see ``killed_updates``).
The run after that must end with a server that is healthy and answers, and nothing of the killed ones be left; one more
must be unchanged.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Dict, List

from tests.support.fleet import names
from tests.support.fleet.shell import FleetError
from tests.support.tools.killed_runs import Runs, Trial, main


class Installs(Runs):
    """Installations on one host."""

    MODULE = "install"

    def trial(self) -> Trial:
        """Kill an installation, make one, and see what there is."""
        self.empty()
        installation = self.host.data.installation
        arguments: Dict[str, Any] = {
            "domain": f"{self.host.name}.fleet.test",
            "installation_id": installation["id"],
            "installation_key": installation["key"],
            "region": self.host.region.upper(),
            "owner": "bitwarden",
        }
        config = self.chance.random() < 1 / 2
        if config:
            arguments["config"] = {"enable_scim": True}
        kind = "with config" if config else "plain"
        killed = [self.kill(arguments, kind, writes=False)]
        if self.chance.random() < 1 / 3:
            killed.append(self.kill(arguments, kind, writes=False))
        result, again = self.settle(arguments, kind), self.run(arguments).result or {}
        problems = [f"the run failed: {one.get('msg')}" for one in (result, again) if one.get("failed")]
        if again.get("changed"):
            problems.append("another run changes something")
        return Trial(kind, " + ".join(killed), "installed", tuple(problems + self._problems()))

    def _problems(self) -> List[str]:
        """Return what is wrong with the server."""
        missing = set(names.SERVICES) - set(self.host.containers())
        found = [*self.unwell(), *(f"missing: {one}" for one in sorted(missing))]
        try:
            answer = json.loads(self.host.execute("curl", "-sSkf", "https://localhost/api/config"))
        except FleetError as error:
            return [*found, f"a client is not answered: {error}"]
        return [*found, *([] if answer["version"] == names.VERSION else [f"on {answer['version']}"]), *self.left()]


if __name__ == "__main__":
    sys.exit(main(Installs, __doc__))
