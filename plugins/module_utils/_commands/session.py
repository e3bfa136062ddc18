# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes of a session: what a command has started goes on there, also after the command itself was killed."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import List

_PAUSE = 0.1
_ENDED = (b"Z", b"X")


def members(session: int) -> List[int]:
    """Return the processes of the session that have not ended."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat", "rb") as stream:
                # The name of the program is in brackets and can hold anything; state, parent, group, session follow.
                state, _parent, _group, own = stream.read().rpartition(b")")[2].split()[:4]
                if int(own) == session and state not in _ENDED:
                    found.append(int(name))
    return found


def wait(session: int, timeout: float) -> bool:
    """Wait up to ``timeout`` seconds until all processes of the session have ended; tell whether they have."""
    end = time.monotonic() + timeout
    while members(session):
        if time.monotonic() >= end:
            return False
        time.sleep(_PAUSE)
    return True


def kill(session: int) -> None:
    """Kill all processes of the session, those included that one of them starts meanwhile."""
    for _attempt in range(50):
        left = members(session)
        if not left:
            return
        for process in left:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        time.sleep(_PAUSE / 10)
