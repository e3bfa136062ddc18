# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cloud's rate limits: fixed windows for each address, counted from the window's first request."""

from __future__ import annotations

import threading
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple


class Rule(NamedTuple):
    """At most ``limit`` requests in ``period`` seconds; ``method`` and ``path`` empty: any."""

    limit: int
    period: int
    method: str = ""
    path: str = ""


class Refusal(NamedTuple):
    """How long to wait: in seconds, and as the message says it."""

    retry_after: int
    period: str


# As shipped. Of five requests a second the fifth was refused when it was measured, hence four.
IDENTITY_RULES = [Rule(4, 1), Rule(10, 60, "POST", "/connect/token"), Rule(60, 60)]
API_RULES = [
    *(Rule(4, 1, method) for method in ("POST", "PUT", "DELETE")),
    *(Rule(60, 60, method) for method in ("POST", "PUT", "DELETE")),
    Rule(5, 60, "GET", "/alive"),
    Rule(200, 60, "GET"),
    Rule(2, 120, "POST", "/installations"),
]
_MINUTE = 60


class Limiter:
    """Counts in memory, as each service of the real cloud would for itself."""

    def __init__(self, rules: List[Rule], now: Callable[[], float], scale: float = 1.0, on: bool = True) -> None:
        self._rules = sorted(rules, key=lambda rule: rule.period)
        self._now = now
        self._lock = threading.Lock()
        self._windows: Dict[Tuple[str, Rule], Tuple[float, int]] = {}
        self.scale = scale
        self.on = on

    def forget(self) -> None:
        """Empty all counters."""
        with self._lock:
            self._windows.clear()

    def refuse(self, address: str, method: str, path: str) -> Optional[Refusal]:
        """Count the request; a Refusal if it is one too many. A refused one does not count for longer periods."""
        if not self.on:
            return None
        with self._lock:
            now = self._now()
            for rule in self._rules:
                if (rule.method and rule.method != method) or (rule.path and rule.path != path):
                    continue
                period = rule.period * self.scale
                start, count = self._windows.get((address, rule), (now, 0))
                if start + period <= now:
                    start, count = now, 0
                self._windows[(address, rule)] = (start, count + 1)
                if count + 1 > rule.limit:
                    return Refusal(max(1, round(start + period - now)), _period(rule.period))
        return None


def _period(seconds: int) -> str:
    return f"{seconds // _MINUTE}m" if seconds >= _MINUTE else f"{seconds}s"
