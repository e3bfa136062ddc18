# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""On a host: run a module, kill it after a while, and print what became of it.

Its one argument is JSON: ``folder`` has the modules, ``module`` is the name of this one, ``arguments`` are its options,
``after`` is the time in seconds (from the moment that it has come to ``phase``, if that is given), and ``all`` says
whether what it has started is killed, too. ``journal`` is where it keeps its phase, empty where it does not.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import List

_MODULES = "ansible_collections.selfhosted.bitwarden.plugins.modules"


def below(parent: int) -> List[int]:
    """Return all processes that one has started, and those that they have."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int((process / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found += [int(process.name), *below(int(process.name))]
    return found


def phase_in(journal: str) -> str:
    """Return the phase in the journal of a run, ``none`` where there is none."""
    with contextlib.suppress(OSError):
        return str(json.loads(Path(journal).read_text())["phase"])
    return "none"


def main() -> None:
    """Run it."""
    options = json.loads(sys.argv[1])
    command, begun = [sys.executable, "-m", f"{_MODULES}.{options['module']}"], time.monotonic()
    run = subprocess.Popen(
        command, cwd=options["folder"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert run.stdin is not None
    with run.stdin:
        run.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": options["arguments"]}))
    run.stdin = None
    while options["phase"] and run.poll() is None and phase_in(options["journal"]) != options["phase"]:
        time.sleep(0.02)
    try:
        output, _ = run.communicate(timeout=options["after"])
    except subprocess.TimeoutExpired:
        for process in [run.pid, *(below(run.pid) if options["all"] else [])]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        output = "null"
    found = {"took": time.monotonic() - begun, "phase": phase_in(options["journal"]), "result": json.loads(output)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
