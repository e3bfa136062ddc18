# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make benchmark``: ratios, which mean the same on a slow and on a fast machine; times are only of this one."""

from __future__ import annotations

import argparse
import subprocess
import sys

from tests.support.fleet import FleetError, api, locks
from tests.support.fleet.progress import say

from . import fleet, fleet_size
from .figures import show


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.benchmark", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 40, 160], metavar="HOSTS")
    parser.add_argument("--forks", type=int, default=10)
    parser.add_argument("--without-fleet", action="store_true", help="leave out what needs the fleet")
    options = parser.parse_args()
    if len(options.sizes) < 2 or options.sizes != sorted(set(options.sizes)):
        parser.error("--sizes needs two sizes or more, the smaller ones first")
    show("The playbook's own work, steps pretended", fleet_size.by_fleet_size(options.sizes, options.forks))
    if not options.without_fleet:
        try:
            _on_the_fleet()
        except FleetError as error:
            sys.exit(f"benchmark: {error}")
    return 0


def _on_the_fleet() -> None:
    with locks.using(say):
        subprocess.run([sys.executable, "-m", "tests.support.fleet", "up"], check=True)
        hosts = [host.name for host in api.hosts()]
        show("The playbook on the fleet", fleet.by_need(hosts))
        show(f"One more task on {hosts[0]}", fleet.by_place(hosts[0]))


if __name__ == "__main__":
    sys.exit(main())
