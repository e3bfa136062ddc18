# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: shared code of this collection. It can change without notice.
"""One lock for everything that changes a server, so that two runs on a host take turns."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import Iterator

from .._common.durations import format_duration
from .._common.errors import BitwardenError

_PAUSE = 0.2


class LockError(BitwardenError):
    """The lock cannot be acquired. The message says why."""


class LockTimeout(LockError):
    """Another run held the lock for the whole time."""


@contextmanager
def server_lock(bwdata: str, timeout: float) -> Iterator[int]:
    """Hold the lock of the server whose data folder is ``bwdata``; wait for it up to ``timeout`` seconds.

    The lock is on the folder itself: there is no file to own or to leave behind, root and the folder's owner share it,
    and it ends with the process. Yields its descriptor: a child that inherits it holds the lock until it ends, too.
    Raises ``LockTimeout``, and ``LockError`` when the folder cannot be opened.
    """
    try:
        descriptor = os.open(bwdata, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        raise LockError(f"{bwdata} cannot be opened: permission denied. Run as its owner or as root.") from None
    except (FileNotFoundError, NotADirectoryError):
        raise LockError(f"{bwdata} does not exist. Set bwdata to the data folder of the server.") from None
    except OSError as error:
        raise LockError(f"{bwdata} cannot be opened: {error.strerror}.") from None
    try:
        _acquire(descriptor, bwdata, timeout)
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, bwdata: str, timeout: float) -> None:
    end = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= end:
                raise LockTimeout(
                    f"Another run has been working on {bwdata} for {format_duration(timeout)}. "
                    "Nothing was changed; try again when it is done."
                ) from None
            time.sleep(_PAUSE)
        except OSError as error:
            raise LockError(f"{bwdata} cannot be locked: {error.strerror}.") from None
