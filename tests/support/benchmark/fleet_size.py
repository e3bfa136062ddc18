# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook by the size of the fleet. Steps only pretend: what remains is the role's own work, and Ansible's."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List

import yaml

from tests.playbook import pretend

from .figures import Figure

#: As many tasks as a host goes through in an unchanged run, each of which does nothing.
_TASKS = 12
_NOTHING = [{"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.debug": {"msg": "-"}}] * _TASKS}]
_ORGANIZATIONS = 10  # hosts that share a token


def by_fleet_size(sizes: List[int], forks: int) -> List[Figure]:
    """What one more host costs where there is nothing to do: from each size to the next, so without the start."""
    pairs = list(zip(sizes, sizes[1:]))
    with tempfile.TemporaryDirectory(prefix="bitwarden-benchmark-") as folder:
        home = Path(folder)
        collections = pretend.make_collection(home / "collections")
        nothing = home / "nothing.yml"
        nothing.write_text(yaml.safe_dump(_NOTHING))
        runs = [
            (str(nothing), f"{_TASKS} tasks that do nothing", pairs[-1:]),
            (pretend.PLAYBOOK, "unchanged run", pairs),
        ]
        figures = []
        for what, name, steps in runs:
            sizes_needed = sorted({size for pair in steps for size in pair})
            seconds = {size: _run(home, collections, size, forks, what) for size in sizes_needed}
            figures += [
                Figure(f"{name}, {small} to {large} hosts", (seconds[large] - seconds[small]) / (large - small), "host")
                for small, large in steps
            ]
    return figures


def _run(home: Path, collections: Path, size: int, forks: int, what: str) -> float:
    """How long a run takes (seconds). One that fails ends the benchmark: its time would mean nothing."""
    inventory = home / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"bitwarden": {"hosts": {f"vault{one}": _host(one) for one in range(size)}}}))
    (home / "ansible.cfg").touch()
    (home / "calls").write_text("")
    command = str(pretend.ROOT / ".work" / pretend.ENVIRONMENTS["newest"] / "bin" / "ansible-playbook")
    started = time.perf_counter()
    done = subprocess.run(
        [command, "-i", str(inventory), "-f", str(forks), what], env=pretend.environment(collections, home),
        capture_output=True, text=True, errors="replace", timeout=3600, check=False, cwd=home,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"benchmark: {what} ended with status {done.returncode}:\n{(done.stdout + done.stderr)[-4000:]}")
    return time.perf_counter() - started


def _host(number: int) -> Dict[str, Any]:
    token = {"changed": False, "billing_sync_token": "token-from-the-cloud"}
    return {
        "bitwarden_url": f"https://vault{number}.example.com",
        "bitwarden_cloud_client_id": "user.1",
        "bitwarden_cloud_organization": f"organization {number // _ORGANIZATIONS}",
        "fake": {**pretend.STEADY, "billing_sync_token": token},
    }
