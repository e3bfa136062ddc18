# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One at a time: there is one fleet on a machine, whichever clone of the project it was set up from."""

from __future__ import annotations

import contextlib
import fcntl
from typing import Callable, ContextManager, Iterator

from . import names
from .shell import FleetError


def setting_up(tell: Callable[[str], object]) -> ContextManager[None]:
    """Hold the lock for set-up and taking down. ``tell`` is called where that must wait for another process."""
    return _held(f"{names.PREFIX}.lock", "waiting for another process that sets the fleet up or takes it down", tell)


def making_images(tell: Callable[[str], object]) -> ContextManager[None]:
    """Hold the lock for what all fleets of the machine share, while it is made."""
    return _held("bwfleet-images.lock", "waiting for another process that makes the images", tell)


def using(tell: Callable[[str], object]) -> ContextManager[None]:
    """Hold the lock of tests, demo and benchmark, for as long as they need hosts as they left them."""
    return _held(f"{names.PREFIX}-in-use.lock", "waiting for another run that uses the fleet", tell)


@contextlib.contextmanager
def _held(name: str, waiting: str, tell: Callable[[str], object]) -> Iterator[None]:
    path = names.CACHE.parent / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("w")
    except OSError as error:
        raise FleetError(f"{path} cannot be written ({error.strerror}); the fleet needs root") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell(waiting)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
