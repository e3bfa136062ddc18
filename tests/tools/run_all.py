# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every test in one pytest run, cheap ones first, while the fleet is being set up beside them (``make test``)."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from tests.tools.commands import ROOT, WORK

IN_ORDER = [
    "tests/checks/test_lint.py",
    "tests/unit",
    "tests/checks/test_artifact.py",
    "tests/checks/test_docs.py",
    "tests/checks/test_example_inventory.py",
    "tests/replay",
    "tests/playbook",
    "tests/checks/test_sanity.py",
    "tests/integration",
    "tests/molecule",
]
NEEDS_FLEET = tuple(str(ROOT / folder) + "/" for folder in ("tests/integration", "tests/molecule"))
LIMIT = 900  # seconds


class Fleet:
    """Starts the set-up at once and lets the first test that needs the fleet wait for its end."""

    def __init__(self) -> None:
        self.log = WORK / "logs" / "fleet.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.fleet", "up"],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        self.started = time.monotonic()

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if str(item.path).startswith(NEEDS_FLEET):
            status = self.process.wait(timeout=max(1.0, LIMIT - (time.monotonic() - self.started)))
            if status:
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
                pytest.fail(f"the fleet could not be set up:\n{tail}\nThe whole log: {self.log}", pytrace=False)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)


def main() -> int:
    fleet = Fleet()
    try:
        return int(pytest.main([*IN_ORDER, "--durations=15", "--durations-min=5", *sys.argv[1:]], plugins=[fleet]))
    finally:
        fleet.stop()


if __name__ == "__main__":
    sys.exit(main())
