# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make demo``: a fleet of Bitwarden servers goes from "cloud communication off, never synced" to synced."""

from __future__ import annotations

import re
import subprocess
import sys
import time

from tests.support.fleet import FleetError, locks
from tests.support.fleet.progress import say
from tests.support.tools.commands import BIN, ROOT, WORK, environment

INVENTORY = WORK / "fleet" / "inventory" / "hosts.yml"
PLAYBOOK = "selfhosted.bitwarden.families_sync"


def announce(number: int, text: str) -> None:
    print(f"\n=== {number}/4  {text}\n", flush=True)


def run(*command: str) -> str:
    """Run a command, show its output as it comes, and return it; the demo ends when it fails."""
    print(f"$ {' '.join(command)}\n".replace(f"{ROOT}/", ""), flush=True)
    started, lines = time.monotonic(), []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode:
        sys.exit(f"demo: that ended with status {process.returncode}")
    print(f"(took {time.monotonic() - started:.0f} s)", flush=True)
    return "".join(lines)


def changes(output: str) -> list[int]:
    """Return the numbers of changes in a run's recap, one for each host."""
    return [int(number) for number in re.findall(r"\bchanged=(\d+)", output.rpartition("PLAY RECAP")[2])]


def main() -> int:
    print(
        "A fleet of self-hosted Bitwarden servers, one container each with an engine of its own, reached over SSH.\n"
        "What stands in for Bitwarden and its cloud answers as the real servers were recorded to.\n"
        "Nothing leaves this machine.",
        flush=True,
    )
    try:
        with locks.using(say):
            take_through()
    except FleetError as error:
        sys.exit(f"demo: {error}")
    print("\nThe fleet is still up. Its inventory: .work/fleet/inventory/hosts.yml. Remove it with: make demo-down")
    return 0


def take_through() -> None:
    """Take the four steps; the demo ends where one fails."""
    play = [str(BIN / "ansible-playbook"), "-i", str(INVENTORY), PLAYBOOK]
    announce(
        1,
        "Bring the fleet up (minutes the first time) and set it back: cloud communication off, no token, never synced",
    )
    run(sys.executable, "-m", "tests.support.fleet", "up")
    run(sys.executable, "-m", "tests.support.fleet", "reset", "all")
    announce(2, "The playbook in check mode: what would change, secrets masked")
    run(*play, "--check", "--diff")
    announce(3, "For real: settings, restart, token, license")
    run(*play)
    announce(4, "Again: nothing is left to change (changed=0 on all hosts)")
    again = changes(run(*play))
    if not again or any(again):
        sys.exit(f"demo: the second run should have changed nothing, but changed {again}")


if __name__ == "__main__":
    sys.exit(main())
