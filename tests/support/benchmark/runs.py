# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ``ansible-playbook`` and measure what the run cost the controller."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple

from tests.support.fleet import FleetError

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path(__file__).resolve().parent
PLAYBOOKS = FOLDER / "playbooks"
FLOW = "selfhosted.bitwarden.families_sync"
PING, EMPTY, BY_HAND, ROLE, UPDATE, BACKUP = (
    str(PLAYBOOKS / f"{name}.yml") for name in ("ping", "empty", "by_hand", "role", "update", "backup")
)


class Run(NamedTuple):
    """One finished run: seconds of wall clock and of CPU, bytes of the largest process, and what was printed."""

    wall: float
    cpu: float
    memory: int
    output: str

    def recap(self) -> Dict[str, Dict[str, int]]:
        """Return the recap: host -> ok, changed, skipped and so on."""
        lines = self.output.rpartition("PLAY RECAP")[2].splitlines()
        found = {line.partition(":")[0].strip(): re.findall(r"(\w+)=(\d+)", line) for line in lines}
        return {host: {name: int(count) for name, count in counts} for host, counts in found.items() if counts}


class Controller:
    """Runs playbooks over an inventory, with a configuration and a home of its own in ``home``."""

    def __init__(self, home: Path, forks: int = 5) -> None:
        self.home = home
        self.forks = forks
        self.inventory = home / "hosts.yml"
        self.sockets = tempfile.TemporaryDirectory(prefix="bw-", ignore_cleanup_errors=True)
        home.mkdir(exist_ok=True)
        (home / "ansible.cfg").touch()

    def write_inventory(self, hosts: Mapping[str, Mapping[str, Any]]) -> None:
        """Write an inventory of one group, ``bitwarden``. It holds secrets."""
        self.inventory.touch(mode=0o600)
        self.inventory.write_text(json.dumps({"bitwarden": {"hosts": hosts}}))

    def run(self, playbook: str, *options: str, **environment: str) -> Run:
        """Run a playbook, and measure. One that fails ends the benchmark: its time would mean nothing."""
        log = self.home / "log"
        command = [str(ROOT / ".work" / "venv" / "bin" / "ansible-playbook"), "-i", str(self.inventory)]
        command += ["-f", str(self.forks), playbook, *options]
        with log.open("wb") as output:
            started = time.perf_counter()
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=self.home,
                env={**self._environment(), **environment},
            )  # fmt: skip
            # Of this process and all that it waited for: its workers, their modules on the controller, and ssh.
            _process, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            wall = time.perf_counter() - started
        text = log.read_text(encoding="utf-8", errors="replace")
        if process.returncode:
            raise FleetError(f"{playbook} ended with status {process.returncode}:\n{text[-4000:]}")
        return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, text)

    def shares(self, playbook: str, *options: str) -> List[tuple[str, float]]:
        """Return the tasks of a run with the share of its wall clock that each took, and Ansible's own start first."""
        times = self.home / "times"
        times.write_text("")
        extra = {
            "ANSIBLE_CALLBACK_PLUGINS": str(FOLDER / "callbacks"),
            "ANSIBLE_CALLBACKS_ENABLED": "task_times",
            "TASK_TIMES": str(times),
        }
        wall = self.run(playbook, *options, **extra).wall
        marks = [json.loads(line) for line in times.read_text().splitlines()]
        tasks = [(name, (end - start) / wall) for (name, start), (_next, end) in zip(marks, marks[1:])]
        return [("(Ansible's start and end)", 1 - sum(share for _name, share in tasks)), *tasks]

    def _environment(self) -> Dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".work" / "collections"),
            "ANSIBLE_CONFIG": str(self.home / "ansible.cfg"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_RETRY_FILES_ENABLED": "false",
            # A socket's path may have 107 characters.
            "ANSIBLE_SSH_CONTROL_PATH_DIR": self.sockets.name,
        }
