# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bytes that go to a host over SSH: each connection passes through `count_bytes`."""

from __future__ import annotations

import itertools
import shlex
import shutil
import sys
from typing import Dict, List

from tests.support.fleet import api

from .figures import ratios
from .runs import FLOW, FOLDER, PING, Controller

_NUMBERS = itertools.count()


def measure(controller: Controller, rounds: int) -> Dict[str, List[float]]:
    """Return the figures of the group ``traffic``. The set-up of the connection counts, too."""
    figures: Dict[str, List[float]] = {}
    for name, pipelining in (("bytes_pipelined", "true"), ("bytes", "false")):
        flow: List[float] = []
        ping: List[float] = []
        for _round in range(rounds):
            flow.append(_sent(controller, FLOW, pipelining))
            ping.append(_sent(controller, PING, pipelining))
        figures[name] = ratios(flow, ping)
    return figures


def _sent(controller: Controller, playbook: str, pipelining: str) -> int:
    """Return how many bytes a run sends to all hosts, over connections of its own."""
    counts = controller.home / f"sent{next(_NUMBERS)}"
    counts.mkdir()
    proxy = shlex.join([sys.executable, str(FOLDER / "count_bytes.py"), str(counts), "%h", "%p"])
    option = shlex.quote(f"ProxyCommand={proxy}")
    hosts = {host.name: host.variables for host in api.hosts()}
    controller.write_inventory(
        {
            name: {**one, "ansible_ssh_common_args": f"{one['ansible_ssh_common_args']} -o {option}"}
            for name, one in hosts.items()
        }
    )
    sockets = controller.home / "s"
    controller.run(playbook, ANSIBLE_PIPELINING=pipelining, ANSIBLE_SSH_CONTROL_PATH_DIR=str(sockets))
    # Its connections stay open for a minute; without their sockets no later run uses them.
    shutil.rmtree(sockets)
    return sum(int(count.read_text()) for count in counts.iterdir())
