# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make benchmark``: what the collection costs, as ratios of figures taken in one run, against the targets."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Sequence

from tests.support.fleet import FleetError, api, locks
from tests.support.fleet.progress import say, step

from . import backups, downtime, flow, memory, page, size, traffic
from .figures import GIGABYTES, GROUPS, MEMORY_SIZE, ROUNDS, ROUNDS_WITHOUT_TARGET, SIZES, verdict
from .runs import FLOW, Controller

_LONGEST_PROBE = 180.0  # seconds


class Plan(NamedTuple):
    """How much is measured."""

    groups: Sequence[str]
    rounds: int
    sizes: Sequence[int]
    memory_size: int
    forks: int
    gigabytes: float


def main() -> int:
    """Measure, print, and write the page where asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.benchmark", description=__doc__)
    names = [group.key for group in GROUPS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="GROUP", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="alternating runs (default: %(default)s)")
    parser.add_argument("--forks", type=int, default=10, help="of runs over more hosts than four")
    parser.add_argument("--gigabytes", type=float, default=GIGABYTES, help="of attachments in the group backups")
    parser.add_argument("--quick", action="store_true", help="one round with few hosts and little data")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds needs one or more")
    whole = options.only == names and options.rounds >= ROUNDS and options.gigabytes == GIGABYTES
    if options.write and (options.quick or not whole):
        parser.error(f"--write needs all groups, {ROUNDS} rounds or more, and {GIGABYTES} GiB of attachments")
    small = options.quick
    sizes, memory_size = ((4, 8, 12), 20) if small else (SIZES, MEMORY_SIZE)
    gigabytes = min(options.gigabytes, 0.1) if small else options.gigabytes
    plan = Plan(options.only, 1 if small else options.rounds, sizes, memory_size, options.forks, gigabytes)
    try:
        with locks.using(say):
            subprocess.run([sys.executable, "-m", "tests.support.fleet", "up"], check=True)
            missed = _measure(plan, write=options.write)
    except FleetError as error:
        sys.exit(f"benchmark: {error}")
    say(f"{missed} of the targets missed" if missed else "all targets met")
    return 0


def _wait_until_probed() -> None:
    """Wait until the engines know of all services how they are, as they do where nobody has restarted a server lately.

    Until then module server asks the services itself, so a run costs more than an unchanged one.
    """
    deadline = time.monotonic() + _LONGEST_PROBE
    for host in api.hosts():
        while "health: starting" in host.docker("ps", "--format", "{{.Status}}"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{host.name}: services that Docker has not probed after {_LONGEST_PROBE:.0f} s")
            time.sleep(1)


def _measure(plan: Plan, write: bool) -> int:
    """Measure all groups; return how many targets were missed."""
    figures: Dict[str, List[float]] = {}
    shares: page.Shares = []
    with tempfile.TemporaryDirectory(prefix="bwb-") as folder:
        controller, many = (Controller(Path(folder) / name, forks) for name, forks in (("a", 5), ("b", plan.forks)))
        measurements: Dict[str, Callable[[], Dict[str, List[float]]]] = {
            "flow": lambda: flow.measure(controller, plan.rounds),
            "size": lambda: size.measure(many, plan.rounds, plan.sizes),
            "traffic": lambda: traffic.measure(many, plan.rounds),
            "memory": lambda: memory.measure(many, plan.rounds, plan.memory_size),
            "first": lambda: flow.first_run(controller, min(plan.rounds, ROUNDS_WITHOUT_TARGET)),
            "downtime": lambda: downtime.measure(controller, plan.rounds),
            "backups": lambda: backups.measure(controller, plan.gigabytes),
        }
        controller.write_inventory({host.name: host.variables for host in api.hosts()})
        if set(plan.groups) - {"downtime", "backups"}:
            with step("taking the fleet to the state that an unchanged run finds"):
                controller.run(FLOW)
                _wait_until_probed()
        for group in GROUPS:
            if group.key in plan.groups:
                with step(group.title):
                    figures.update(measurements[group.key]())
                page.show(group, figures)
        if "flow" in plan.groups:
            shares = controller.shares(FLOW)
            page.show_shares(shares)
    if write:
        page.PAGE.write_text(page.page(figures, shares), encoding="utf-8")
    rows = [row for group in GROUPS for row in group.rows if row.key in figures]
    return sum(verdict(row, figures[row.key]) == "missed" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
