# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turns for what may be started only so often in a minute, shared by all processes of a user on the controller."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import REQUEST, ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.user_folder import (
    hashed_name,
    user_folder,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.waiting import pause

# A minute, and what the way from a turn to the cloud may take longer for one than for another.
WINDOW = 65.0  # seconds
# The cloud refuses the fifth request of an address within a second, whatever it allows in a minute.
SPACING = 0.5  # seconds


class PacerError(BitwardenError):
    """The place where turns are kept cannot be used; the message says why."""


def next_turn(taken: list[float], now: float, per_minute: int) -> float:
    """Return when the next one may start. ``taken``: turns of the last minute and those to come, sorted."""
    turn = max(now, taken[-1] + SPACING if taken else now)
    if len(taken) >= per_minute:
        turn = max(turn, taken[-per_minute] + WINDOW)
    return turn


class Pacer:
    """Gives out turns for one ``egress``: at most ``per_minute`` in any minute.

    Turns are kept in a file of times, so that forks, batches and other runs on this controller share them. They are
    given out under a lock, and waited for outside of it.
    """

    def __init__(
        self,
        egress: str,
        per_minute: int,
        folder: Path | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._per_minute = per_minute
        self._folder = folder or user_folder()
        self._file = self._folder / hashed_name(egress)
        self._clock = clock
        self._sleep = sleep

    def wait(self) -> float:
        """Wait for a turn; return how long (seconds). Raises ``PacerError``."""
        try:
            now, turn = self._reserve()
        except OSError as error:
            raise PacerError(f"{self._file} cannot be used: {error.strerror or error}.") from error
        if turn > now:
            reason = f"Waiting for a turn: syncs_per_minute allows {self._per_minute} license syncs from one address"
            pause(turn - now, reason, self._sleep)
        return max(0.0, turn - now)

    def _reserve(self) -> tuple[float, float]:
        self._own_folder()
        handle = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "r+", encoding="utf-8") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            now = self._clock()
            taken = self._taken(stream.read(), now)
            turn = next_turn(taken, now, self._per_minute)
            stream.seek(0)
            stream.truncate()
            json.dump([*taken, turn], stream)
        return now, turn

    def _own_folder(self) -> None:
        """Make the folder of this user; others must not be able to put a link or another file there."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        status = self._folder.lstat()
        if not self._folder.is_dir() or self._folder.is_symlink() or status.st_uid != os.getuid():
            raise PacerError(f"{self._folder} belongs to another user. Remove it, or set TMPDIR.")
        if status.st_mode & 0o077:
            self._folder.chmod(0o700)

    def _taken(self, text: str, now: float) -> list[float]:
        """Return the turns that still count; impossible ones, of a changed clock or a damaged file, are dropped."""
        try:
            known = json.loads(text or "[]")
        except ValueError:
            return []
        if not isinstance(known, list):
            return []
        times = sorted(one for one in known if isinstance(one, (int, float)) and not isinstance(one, bool))
        counted = [one for one in times if one > now - WINDOW]
        # A queue reaches as far as its turns need; a time beyond that is of a clock that ran ahead.
        furthest = now + WINDOW * (1 + len(counted) / max(1, self._per_minute)) + SPACING * len(counted)
        return [one for one in counted if one <= furthest]


def wait_turn(params: Mapping[str, Any]) -> None:
    """Wait for the turn that the options ``egress`` and ``syncs_per_minute`` ask for. Raises ``ApiError``."""
    if params["syncs_per_minute"] <= 0:
        return
    try:
        Pacer(params["egress"], params["syncs_per_minute"]).wait()
    except PacerError as error:
        raise ApiError(REQUEST, f"The pace of syncs cannot be kept: {error}") from error
