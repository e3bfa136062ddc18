# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attempts at a license sync, repeated while the cause of failure is transient."""

from __future__ import annotations

import random
import time
from typing import Callable, NamedTuple, Optional

from .._api.auth import Account
from .._api.connections import Connection, read_connection
from .._api.errors import SERVER, ApiError
from .._api.organizations import Organization
from .._api.session import server_is_down
from .._common.waiting import pause
from .._sync_log.license_diagnosis import Diagnose, Found
from .._sync_log.license_failure import SyncFailure, explain

_LONGEST_RESPONSE = 130.0  # seconds; the server itself gives the cloud up to 100
_PATIENCE = 100.0  # seconds in which a sync whose response was lost may still end
_LOOK = 3.0  # seconds between two reads of the timestamp
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 60.0  # seconds between two attempts


class Times(NamedTuple):
    """Time as this module uses it, so that tests need not wait."""

    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    spread: Callable[[float, float], float] = random.uniform


class LicenseSync:
    """Asks for the sync until the timestamp moved, the cause of failure is one that stays, or time is up.

    ``diagnose`` reads the server's log (``None``: it may not be read); ``wait_turn`` is called before each attempt.
    """

    def __init__(
        self,
        account: Account,
        organization: Organization,
        connection: Optional[Connection],
        diagnose: Optional[Diagnose],
        times: Optional[Times] = None,
        wait_turn: Callable[[], object] = lambda: None,
    ) -> None:
        self.account = account
        self.organization = organization
        self.before = connection.synced_at if connection is not None else None
        self.diagnose = diagnose
        self.times = times or Times()
        self.wait_turn = wait_turn
        self.attempts = 0
        self._deadline = 0.0

    def run(self, retry_timeout: float) -> Connection:
        """Return the connection after a sync that worked. Raises ``SyncFailure``."""
        self._deadline = self.times.monotonic() + retry_timeout
        wait = _FIRST_WAIT
        while True:
            self._wait_turn()
            try:
                return self._attempt()
            except SyncFailure as failure:
                rest = self._deadline - self.times.monotonic()
                if not failure.transient or rest <= 0:
                    raise self._final(failure, retry_timeout) from None
                reason = f"Waiting to sync the license again: {failure.message}"
            # Spread, so that the hosts of a fleet that met the same limit do not meet it again together.
            pause(min(rest, self.times.spread(wait / 2, wait)), reason, self.times.sleep)
            wait = min(wait * 2, _LONGEST_WAIT)
            moved = self._moved_if_up()
            if moved is not None:  # another client's sync, or one of ours that was thought lost
                return moved

    def _wait_turn(self) -> None:
        """Wait for a turn. That is not time in which anything failed, so it does not count."""
        began = self.times.monotonic()
        self.wait_turn()
        self._deadline += self.times.monotonic() - began

    def _attempt(self) -> Connection:
        """Ask once; return the connection after a sync that worked. Raises ``SyncFailure``."""
        self.attempts += 1
        started = self.times.monotonic()
        path = f"/organizations/licenses/self-hosted/{self.organization.id}/sync"
        timeout = max(self.account.client.options.timeout, _LONGEST_RESPONSE)
        try:
            self.account.call("POST", path, "sync the license", timeout=timeout)
        except ApiError as error:
            if error.unknown_outcome:
                moved = self._await_move(started)
                if moved is not None:
                    return moved
            raise explain(error, self._diagnosis(started)) from None
        try:
            moved = self._moved_after_success(started)
        except ApiError as error:
            error.details["changed"] = True
            raise
        if moved is not None:
            return moved
        raise SyncFailure(
            SERVER,
            "The server says that the license was synced, but its date of the last sync has not moved.",
            advice="Read the log of the server's api container.",
            cause="not_moved",
        )

    def _diagnosis(self, started: float) -> Optional[Callable[[], Found]]:
        """Return what reads the log since this attempt."""
        if self.diagnose is None:
            return None
        diagnose = self.diagnose

        def read() -> Found:
            found = diagnose(self.organization.id, self.times.monotonic() - started)
            if found is None:
                self.times.sleep(1.0)  # the log reaches the engine's file a little later
                found = diagnose(self.organization.id, self.times.monotonic() - started)
            return found

        return read

    def _moved(self) -> Optional[Connection]:
        """Return the connection, if its timestamp is another than before."""
        connection = read_connection(self.account, self.organization)
        if connection is None or connection.synced_at is None or connection.synced_at == self.before:
            return None
        return connection

    def _moved_after_success(self, started: float) -> Optional[Connection]:
        """Return the same after a sync that worked; a server that does not answer at the moment is waited for."""
        try:
            return self._moved()
        except ApiError as error:
            if not server_is_down(error):
                raise
            return self._await_move(started)

    def _moved_if_up(self) -> Optional[Connection]:
        """Return the same; a server that does not answer at the moment has not moved it."""
        try:
            return self._moved()
        except ApiError as error:
            if not server_is_down(error):
                raise
            return None

    def _await_move(self, started: float) -> Optional[Connection]:
        """Wait for a sync whose response was lost to end. It is not started again meanwhile."""
        end = min(self._deadline, started + _PATIENCE)
        while True:
            moved = self._moved_if_up()
            if moved is not None or self.times.monotonic() >= end:
                return moved
            pause(_LOOK, "Waiting for a license sync to end, whose response was lost", self.times.sleep)

    def _final(self, failure: SyncFailure, retry_timeout: float) -> SyncFailure:
        failure.attempts = self.attempts
        if failure.transient and self.attempts > 1:
            failure.message = f"{failure.message} It was tried {self.attempts} times within {retry_timeout:g} seconds."
        return failure
