# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ``ansible-playbook`` without importing Ansible each time, which is a third of what a short run costs.

The second run with the same settings of Ansible and every later one are forked from a process that has it imported
(`ansible_server`). It is the same command with the same arguments, environment and folder, and ends as it would.
"""

from __future__ import annotations

import atexit
import collections
import json
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Dict, List, Mapping, Tuple

_SERVER = Path(__file__).with_name("ansible_server.py")
# What Ansible or Python read when they are imported: another process where it is another.
_READ_AT_IMPORT = ("ANSIBLE_", "PYTHON", "LC_", "LANG", "HOME", "PATH", "TMPDIR", "XDG_")
# Each has some 50 MiB.
_AT_MOST = 4
_Key = Tuple[str, ...]
_seen: collections.Counter[_Key] = collections.Counter()
_servers: Dict[_Key, _Server] = {}
_one_at_a_time = threading.Lock()


class _Server:
    """A process with Ansible imported."""

    def __init__(self, python: Path, environment: Mapping[str, str]) -> None:
        self.folder = tempfile.mkdtemp(prefix="bitwarden-ansible-")
        self.address = f"{self.folder}/socket"
        atexit.register(self.stop)
        self.process = subprocess.Popen(
            [str(python), str(_SERVER), self.address],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, cwd=self.folder,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n", "Ansible could not be imported"

    def run(self, wanted: Mapping[str, object], timeout: float) -> int:
        """Run one; its exit status (the negative number of a signal)."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.address)
            connection.sendall(json.dumps(wanted).encode() + b"\n")
            # Where it takes longer, closing the connection ends the run.
            connection.settimeout(timeout)
            with connection.makefile("r") as answer:
                return int(answer.readline())

    def stop(self) -> None:
        """Let it end; runs that are under way go on."""
        atexit.unregister(self.stop)
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            # Somebody else has its standard input, too.
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def run(
    command: Path,
    arguments: List[str],
    environment: Mapping[str, str],
    cwd: Path,
    *,
    apart: bool = False,
    cold: bool = False,
    timeout: float = 900,
) -> subprocess.CompletedProcess[str]:
    """Run ``command``, an ``ansible-playbook``.

    Its standard error is in ``stdout``, too, unless both are wanted ``apart``; ``cold`` is for tests that look at the
    process.
    """
    whole = [str(command), *arguments]
    stable = {name: value for name, value in environment.items() if name.startswith(_READ_AT_IMPORT)}
    key = (str(command), *(f"{name}={value}" for name, value in sorted(stable.items())))
    with _one_at_a_time:
        _seen[key] += not cold
        # The one that was used last is last.
        server = None if cold else _servers.pop(key, None)
        if _seen[key] > 1 and not (cold or server):
            while len(_servers) >= _AT_MOST:
                _servers.pop(next(iter(_servers))).stop()
            server = _Server(command.with_name("python"), stable)
        if server:
            _servers[key] = server
    if server is None:
        return subprocess.run(
            whole, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if apart else subprocess.STDOUT, encoding="utf-8", errors="replace",
            env=dict(environment), cwd=cwd, timeout=timeout, check=False,
        )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="bitwarden-output-") as folder:
        output, errors = (Path(folder) / name for name in ("output", "errors" if apart else "output"))
        output.touch()
        errors.touch()
        wanted = {"arguments": whole, "environment": dict(environment), "cwd": str(cwd)}
        status = server.run({**wanted, "output": str(output), "errors": str(errors)}, timeout)
        texts = [file.read_text(encoding="utf-8", errors="replace") for file in (output, errors)]
    return subprocess.CompletedProcess(whole, status, *texts)
