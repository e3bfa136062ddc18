# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many hosts on a fleet of four: names that share the fleet's addresses, and modules that answer without running.

All that the controller does is real: role, module archives, SSH, the API. Only the modules on the hosts do not run
again: a program in place of Python answers what the module answered there the first time.
"""

from __future__ import annotations

import contextlib
import itertools
from typing import Any, Dict, Iterator, List, Sequence, cast

from tests.support.fleet import api, names

from .figures import ratios
from .runs import FLOW, PING, Controller

_FOLDER = "/var/tmp/bitwarden-benchmark"
_PYTHON = f"{_FOLDER}/python"
_PROGRAM = r"""#!/bin/sh
# Answers for a module what it answered the first time, and runs it only then.
module=${1##*/}
case $module in AnsiballZ_*) ;; *) exec /usr/bin/python3 "$@" ;; esac
answer=${0%/*}/$module.json
[ -s "$answer" ] || { /usr/bin/python3 "$@" >"$answer.$$" && mv "$answer.$$" "$answer"; } || exit
exec cat "$answer"
"""


@contextlib.contextmanager
def answering_hosts() -> Iterator[None]:
    """Lay the answering program on each host of the fleet, and take it away again."""
    for host in api.hosts():
        host.execute("install", "-d", "-m", "0700", "-o", "bitwarden", _FOLDER)
        host.execute("sh", "-c", f"cat > {_PYTHON} && chmod 0755 {_PYTHON}", stdin=_PROGRAM.encode())
    try:
        yield
    finally:
        for host in api.hosts():
            host.execute("rm", "-rf", _FOLDER)


def inventory(size: int) -> Dict[str, Dict[str, Any]]:
    """Return so many names with the variables of the fleet's hosts in turn."""
    variables = [{**host.variables, "ansible_python_interpreter": _PYTHON} for host in api.hosts()]
    return {f"vault{number}": one for number, one in zip(range(size), itertools.cycle(variables))}


def measure(controller: Controller, rounds: int, sizes: Sequence[int]) -> Dict[str, List[float]]:
    """Return the figures of the group ``size``, for three sizes."""
    small, middle, large = sizes
    cpu: Dict[tuple[str, int], List[float]] = {(play, size): [] for play in (FLOW, PING) for size in sizes}
    asked: Dict[int, List[float]] = {size: [] for size in sizes}
    with answering_hosts():
        controller.write_inventory(inventory(len(names.HOSTS)))
        for play in (FLOW, PING):
            controller.run(play)
        for _round in range(rounds):
            for size in sizes:
                controller.write_inventory(inventory(size))
                forget_cloud_requests()
                cpu[FLOW, size].append(controller.run(FLOW).cpu)
                asked[size].append(cloud_requests())
                cpu[PING, size].append(controller.run(PING).cpu)

    def one_more(play: str, fewer: int, more: int) -> List[float]:
        return [(one - other) / (more - fewer) for one, other in zip(cpu[play, more], cpu[play, fewer])]

    flow_small, flow_large = one_more(FLOW, small, middle), one_more(FLOW, middle, large)
    return {
        "cpu_small": ratios(flow_small, one_more(PING, small, middle)),
        "cpu_large": ratios(flow_large, one_more(PING, middle, large)),
        "cpu_growth": ratios(flow_large, flow_small),
        # Without a request at the smaller size, none at the larger one is the same number.
        "cloud": [more / fewer if fewer else 1 + more for fewer, more in zip(asked[small], asked[large])],
    }


def forget_cloud_requests() -> None:
    """Let all clouds begin to count again."""
    for region in names.CLOUDS:
        api.cloud(region).control("requests", method="DELETE")


def cloud_requests() -> int:
    """Return how many requests the clouds have answered since."""
    return sum(len(cast(List[object], api.cloud(region).control("requests"))) for region in names.CLOUDS)
