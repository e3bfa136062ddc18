# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An unchanged run over the fleet against ``ping`` and against a playbook of builtins; what it asks the servers."""

from __future__ import annotations

from typing import Dict, List, cast

from tests.support.fleet import api

from . import turns
from .figures import ratios
from .runs import BY_HAND, FLOW, PING, ROLE, Controller


def measure(controller: Controller, rounds: int) -> Dict[str, List[float]]:
    """Return the figures of the group ``flow``."""
    hosts = api.hosts()
    first = ("--limit", hosts[0].name)
    walls = turns.walls(
        rounds,
        {
            "flow": lambda: controller.run(FLOW),
            "ping": lambda: controller.run(PING),
            "by_hand": lambda: controller.run(BY_HAND),
            "one": lambda: controller.run(FLOW, *first),
        },
    )
    figures = {
        "flow_ping": ratios(walls["flow"], walls["ping"]),
        "flow_by_hand": ratios(walls["flow"], walls["by_hand"]),
        "four_hosts": ratios(walls["flow"], walls["one"]),
        "logins": [],
        "reads": [],
    }
    for host in hosts:
        host.control("requests", method="DELETE")
    recap = controller.run(ROLE).recap()
    figures["tasks"] = [counts["ok"] + counts["skipped"] for counts in recap.values()]
    for host in hosts:
        asked = cast(List[Dict[str, str]], host.control("requests"))
        logins = sum(request["path"] == "/connect/token" for request in asked)
        figures["logins"].append(logins)
        figures["reads"].append(len(asked) - logins)
    return figures


def first_run(controller: Controller, rounds: int) -> Dict[str, List[float]]:
    """Return the figures of the group ``first``. It leaves the fleet as an unchanged run finds it."""

    def reset() -> None:
        for host in api.hosts():
            host.reset()

    walls: Dict[str, List[float]] = {"predicted": [], "first": [], "flow": []}
    for _round in range(rounds):
        reset()
        walls["predicted"].append(controller.run(FLOW, "--check").wall)
        walls["first"].append(controller.run(FLOW).wall)
        walls["flow"].append(controller.run(FLOW).wall)
    return {name: ratios(walls[name], walls["flow"]) for name in ("first", "predicted")}
