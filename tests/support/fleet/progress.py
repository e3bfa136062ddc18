# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell what is going on, with the time that it took: steps are long enough to be wondered about."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import Iterator

START = time.monotonic()
_PRINT = threading.Lock()


def say(text: str) -> None:
    """Print one line at once; safe from several threads."""
    with _PRINT:
        print(f"[{time.monotonic() - START:6.1f}s] {text}", flush=True)


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Announce ``what``, and at its end how long it took; in a long one a sign of life every 15 s."""
    begun = time.monotonic()
    say(f"{what} ...")
    ended = threading.Event()

    def live() -> None:
        while not ended.wait(15):
            say(f"{what} ... {time.monotonic() - begun:.0f} s")

    threading.Thread(target=live, daemon=True).start()
    try:
        yield
    except BaseException:
        print(f"failed: {what}", file=sys.stderr, flush=True)
        raise
    finally:
        ended.set()
    say(f"{what}: {time.monotonic() - begun:.1f} s")
