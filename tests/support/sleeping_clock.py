# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A clock for tests of what waits."""

from __future__ import annotations

import threading
import time

# Before a test puts a clock in its place.
_sleep = time.sleep


class SleepingClock:
    """A clock that moves only when its thread sleeps: others, of another test, sleep really.

    ``now``: its seconds, which begin at ``start``.
    """

    def __init__(self, start: float = 0.0) -> None:
        self.now = start
        self._thread = threading.get_ident()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        if threading.get_ident() == self._thread:
            self.now += seconds
        else:
            _sleep(seconds)
