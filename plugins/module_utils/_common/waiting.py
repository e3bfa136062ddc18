# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting that is not silent: what a task waits for is told every half minute, where anyone listens."""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Callable, Iterator, Optional

INTERVAL = 30.0  # seconds


class _Listener:
    """Who is told, and when it was last."""

    def __init__(self, tell: Callable[[str], object], clock: Callable[[], float]) -> None:
        self.tell = tell
        self.clock = clock
        self.began = self.told = clock()

    def rest(self) -> float:
        """Return the seconds until something is to be told again."""
        return max(0.0, self.told + INTERVAL - self.clock())

    def hear(self, reason: str) -> None:
        """Tell what is waited for."""
        self.told = self.clock()
        self.tell(f"{reason.rstrip('.')} ({self.told - self.began:.0f} seconds so far).")


_LISTENER: ContextVar[Optional[_Listener]] = ContextVar("listener", default=None)


@contextmanager
def told_to(tell: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Have ``tell`` called with a text, first after half a minute, while anything within waits (``pause``)."""
    token = _LISTENER.set(_Listener(tell, clock))
    try:
        yield
    finally:
        _LISTENER.reset(token)


def pause(seconds: float, reason: str, sleep: Optional[Callable[[float], None]] = None) -> None:
    """Sleep. ``reason`` is a sentence that says what is waited for; it shows no secret but those of the options."""
    listener, sleep = _LISTENER.get(), sleep or time.sleep
    if listener is None:
        sleep(seconds)
        return
    while True:
        step = min(seconds, listener.rest())
        if step > 0:
            sleep(step)
            seconds -= step
        if listener.rest() <= 0:
            listener.hear(reason)
        if seconds <= 0:
            return
