# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""On the fleet: a task on the controller against one on the host, a first run against one that changes nothing."""

from __future__ import annotations

import statistics
import time
from typing import Any, Dict, List

from tests.integration.ansible_run import playbook
from tests.support.fleet import api, keys

from .figures import Figure

_PLAYBOOK = "selfhosted.bitwarden.families_sync"
_REPEATS = 10
_TAKES = 3
_CA_ON_HOST = "/var/tmp/ca-of-the-benchmark.pem"
_API = {
    "url": "{{ bitwarden_url }}",
    "client_id": "{{ bitwarden_client_id }}",
    "client_secret": "{{ bitwarden_client_secret }}",
    "organization": "{{ bitwarden_organization }}",
    "ca_path": "{{ bitwarden_ca_path }}",
}
_TASKS: Dict[str, Dict[str, Any]] = {
    "a task that does nothing": {"ansible.builtin.debug": {"msg": "-"}},
    "organization_info on the controller": {"selfhosted.bitwarden.organization_info": _API},
    "organization_info on the host": {
        "selfhosted.bitwarden.organization_info": {
            **_API,
            "run_on": "host",
            "ca_path": _CA_ON_HOST,
        }
    },
    "server_info on the host": {"selfhosted.bitwarden.server_info": {}},
    "server on the host, unchanged": {"selfhosted.bitwarden.server": {"state": "started"}},
}


def by_place(host: str) -> List[Figure]:
    """What one more task costs on one host: the difference of runs with one and with more, so without the start."""
    api.host(host).write(_CA_ON_HOST, keys.CA.read_bytes())
    api.host(host).execute("chmod", "a+r", _CA_ON_HOST)
    figures = [Figure(name, _one_more(host, task), "task") for name, task in _TASKS.items()]
    api.host(host).execute("rm", _CA_ON_HOST)
    return figures


def by_need(hosts: List[str]) -> List[Figure]:
    """The playbook over the whole fleet: nothing to do, predicted, and from the state after set-up."""
    for host in hosts:
        api.host(host).reset()
    limit = ["--limit", ",".join(hosts)]
    predicted = _timed(_PLAYBOOK, *limit, "--check")
    first = _timed(_PLAYBOOK, *limit)
    unchanged = statistics.median([_timed(_PLAYBOOK, *limit) for _take in range(_TAKES)])
    alone = statistics.median([_timed(_PLAYBOOK, "--limit", hosts[0]) for _take in range(_TAKES)])
    return [
        Figure(f"unchanged run, {len(hosts)} hosts", unchanged, "run"),
        Figure("unchanged run, 1 host", alone, "run"),
        Figure(f"check mode before the first run, {len(hosts)} hosts", predicted, "run"),
        Figure(f"first run (settings, restart, token, license), {len(hosts)} hosts", first, "run"),
    ]


def _one_more(host: str, task: Dict[str, Any]) -> float:
    one, more = (
        statistics.median(
            [_timed([{"hosts": host, "gather_facts": False, "tasks": [task] * count}]) for _take in range(_TAKES)]
        )
        for count in (1, 1 + _REPEATS)
    )
    return max(0.0, more - one) / _REPEATS


def _timed(what: str | List[Dict[str, Any]], *options: str) -> float:
    """How long a playbook takes (seconds). One that fails ends the benchmark."""
    started = time.perf_counter()
    playbook(what, *options).ok()
    return time.perf_counter() - started
