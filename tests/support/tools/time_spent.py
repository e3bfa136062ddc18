# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the time of a run of tests goes: by file, and how much of the machine's processors it took."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Dict, List, NamedTuple


class Use(NamedTuple):
    """Seconds: of the clock, and of all processors together that were not idle."""

    clock: float
    busy: float


def now(stat: Path = Path("/proc/stat")) -> Use:
    """Return both, counted from any moment."""
    counted = [int(word) for word in stat.read_text().split("\n", 1)[0].split()[1:9]]
    # The fourth is idle, the fifth waits for a disk.
    return Use(time.monotonic(), (sum(counted) - counted[3] - counted[4]) / os.sysconf("SC_CLK_TCK"))


class TimeSpent:
    """Collects the phases of tests."""

    def __init__(self) -> None:
        self.begun = now()
        self._files: Dict[str, float] = {}
        self._tests: Dict[str, int] = {}

    def add(self, test: str, seconds: float, ends: bool) -> None:
        """Add a phase of a test, by its id; ``ends`` with its last one."""
        file = test.partition("::")[0]
        self._files[file] = self._files.get(file, 0) + seconds
        self._tests[file] = self._tests.get(file, 0) + ends

    def lines(self, ended: Use, most: int = 25) -> List[str]:
        """Return the table: files that take longest first, and the rest in one line."""
        files = sorted(self._files, key=lambda file: -self._files[file])
        shown = [self._line(file, [file]) for file in files[:most]]
        if files[most:]:
            shown.append(self._line(f"{len(files[most:])} other files", files[most:]))
        clock, busy = ended.clock - self.begun.clock, ended.busy - self.begun.busy
        share = 100 * busy / max(clock * (os.cpu_count() or 1), 0.01)
        return [*shown, f"{sum(self._files.values()):8.0f}s in all, in {clock:.0f}s; processors were busy {share:.0f}%"]

    def _line(self, name: str, files: List[str]) -> str:
        return f"{sum(self._files[one] for one in files):8.0f}s {sum(self._tests[one] for one in files):5} {name}"
