# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Have the server fetch its license from the cloud when the last time is too long ago (module license_sync)."""

from __future__ import annotations

import random
import time
from datetime import datetime, timedelta
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional

from .._api.argspec import API_OPTIONS, duration_option
from .._api.auth import Account
from .._api.connections import Connection, read_connection
from .._api.errors import REQUEST, SERVER, ApiError
from .._api.organizations import Organization, cloud_communication, find_organization, require_version
from .._api.session import ASSUME_READY, connected, server_is_down
from .._api.subscription import License, read_license
from .._common.dates import format_date
from .._common.diff import Difference
from .._sync_log.diagnosis import Diagnose
from .._sync_log.explanation import SyncFailure, explain

OPTIONS: Dict[str, Any] = {
    **API_OPTIONS,
    **ASSUME_READY,
    "max_age": {"type": "str", "default": "7d"},
    "force": {"type": "bool", "default": False},
    "retry_timeout": {"type": "str", "default": "300s"},
    "diagnose": {"type": "bool", "default": True},
    "bwdata": {"type": "path", "default": "/opt/bitwarden/bwdata"},
    "egress": {"type": "str", "default": ""},
    "syncs_per_minute": {"type": "int", "default": 0},
}

_LONGEST_ANSWER = 130.0  # seconds; the server itself gives the cloud up to 100
_PATIENCE = 100.0  # seconds in which a sync whose answer was lost may still end
_LOOK = 3.0  # seconds between two looks at the timestamp
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 60.0  # seconds between two attempts
NEVER, FORCED, AGE, FUTURE = "never", "forced", "age", "future"
_AHEAD = timedelta(minutes=5)  # clocks may differ by that; a timestamp further in the future never gets old


class Times(NamedTuple):
    """Time as this module uses it, so that tests need not wait."""

    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    spread: Callable[[float, float], float] = random.uniform


class _Before(NamedTuple):
    """What the server has before the sync, and why a sync is due (``None``: it is not)."""

    organization: Organization
    connection: Optional[Connection]
    license: License
    due: Optional[str]


def perform(
    params: Mapping[str, Any],
    check_mode: bool,
    diagnose: Optional[Diagnose] = None,
    times: Optional[Times] = None,
    wait_turn: Callable[[], object] = lambda: None,
) -> Dict[str, Any]:
    """Sync if due, and see that the timestamp moved. Raises ``ApiError``.

    ``diagnose`` reads the server's log; ``wait_turn`` is called before each attempt, to keep to a pace.
    """
    max_age, retry = duration_option(params, "max_age"), duration_option(params, "retry_timeout")
    try:
        with connected(params) as account:
            require_version(account)
            organization = find_organization(account, params["organization"])
            connection = read_connection(account, organization)
            due = reason_due(connection, account.client.server_time(), max_age, bool(params["force"]))
            before = _Before(organization, connection, read_license(account, organization), due)
            if due is None:
                return _result(before, connection, before.license)
            missing = missing_precondition(cloud_communication(account), connection)
            if missing is not None and not (check_mode and params["assume_ready"]):
                raise missing
            if check_mode:
                return _result(before, None, None)
            sync = LicenseSync(
                account, organization, connection, diagnose if params["diagnose"] else None, times, wait_turn
            )
            after = sync.run(retry)
            return {**_result(before, after, read_license(account, organization)), "attempts": sync.attempts}
    except ApiError as error:
        if check_mode and params["assume_ready"] and server_is_down(error):
            return _predict_blindly(error)
        raise


def reason_due(connection: Optional[Connection], now: datetime, max_age: float, force: bool) -> Optional[str]:
    """Return why a sync is due: ``never``, ``forced``, ``age``, ``future``; ``None`` if it is not."""
    synced = connection.synced_at if connection is not None else None
    if synced is None:
        return NEVER
    if force:
        return FORCED
    if synced > now + _AHEAD:
        return FUTURE
    return AGE if (now - synced).total_seconds() >= max_age else None


def missing_precondition(communication: bool, connection: Optional[Connection]) -> Optional[SyncFailure]:
    """Return the precondition of a sync that is not met, ``None`` if all are."""
    if not communication:
        return SyncFailure(
            REQUEST,
            "Cloud communication is off in the running server.",
            advice="Set globalSettings__enableCloudCommunication=true and restart the server "
            "(selfhosted.bitwarden.server with cloud_communication).",
            cause="cloud_communication_off",
        )
    advice = "Apply the token first (selfhosted.bitwarden.billing_sync)."
    if connection is None:
        message = "The organization has no connection to the cloud, thus no billing sync token."
        return SyncFailure(REQUEST, message, advice=advice, cause="no_connection")
    if not connection.token_set:
        message = "The organization's connection holds no billing sync token."
        return SyncFailure(REQUEST, message, advice=advice, cause="no_connection")
    if not connection.enabled:
        message = "The organization's connection to the cloud is disabled."
        return SyncFailure(REQUEST, message, advice=advice, cause="connection_disabled")
    return None


def future_warning(synced: Optional[str]) -> str:
    """Return the warning about a last sync that lies in the future."""
    return f"The last license sync lies in the future ({synced}); a clock is or was wrong."


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
                if not failure.passes or rest <= 0:
                    raise self._final(failure, retry_timeout) from None
            # Spread, so that the hosts of a fleet that met the same limit do not meet it again together.
            self.times.sleep(min(rest, self.times.spread(wait / 2, wait)))
            wait = min(wait * 2, _LONGEST_WAIT)
            moved = self._moved_if_up()
            if moved is not None:  # another client's sync, or one of ours that was thought lost
                return moved

    def _wait_turn(self) -> None:
        """Wait for a turn. That is not time in which anything failed, so it counts for nothing."""
        began = self.times.monotonic()
        self.wait_turn()
        self._deadline += self.times.monotonic() - began

    def _attempt(self) -> Connection:
        """Ask once; return the connection after a sync that worked. Raises ``SyncFailure``."""
        self.attempts += 1
        started = self.times.monotonic()
        path = f"/organizations/licenses/self-hosted/{self.organization.id}/sync"
        timeout = max(self.account.client.options.timeout, _LONGEST_ANSWER)
        try:
            self.account.call("POST", path, "sync the license", timeout=timeout)
        except ApiError as error:
            if error.unknown_outcome:
                moved = self._await_move(started)
                if moved is not None:
                    return moved
            raise explain(error, self.organization, self._diagnosis(started)) from None
        moved = self._moved()
        if moved is not None:
            return moved
        raise SyncFailure(
            SERVER,
            "The server says that the license was synced, but its date of the last sync has not moved.",
            advice="Read the log of the server's api container.",
            cause="not_moved",
        )

    def _diagnosis(self, started: float) -> Optional[Callable[[], Any]]:
        """Reads the log since this attempt, when asked to."""
        if self.diagnose is None:
            return None
        diagnose = self.diagnose

        def read() -> Any:
            found = diagnose(self.organization.id, self.times.monotonic() - started)
            if found is None:
                self.times.sleep(1.0)  # the log reaches the engine's file a little later
                found = diagnose(self.organization.id, self.times.monotonic() - started)
            return found

        return read

    def _moved(self) -> Optional[Connection]:
        """The connection, if its timestamp is another than before."""
        connection = read_connection(self.account, self.organization)
        if connection is None or connection.synced_at is None or connection.synced_at == self.before:
            return None
        return connection

    def _moved_if_up(self) -> Optional[Connection]:
        """The same, where a server that does not answer at the moment has not moved it."""
        try:
            return self._moved()
        except ApiError as error:
            if not server_is_down(error):
                raise
            return None

    def _await_move(self, started: float) -> Optional[Connection]:
        """Look whether a sync whose answer was lost arrives at its end. It is not asked for again meanwhile."""
        end = min(self._deadline, started + _PATIENCE)
        while True:
            moved = self._moved_if_up()
            if moved is not None or self.times.monotonic() >= end:
                return moved
            self.times.sleep(_LOOK)

    def _final(self, failure: SyncFailure, retry_timeout: float) -> SyncFailure:
        failure.attempts = self.attempts
        if failure.passes and self.attempts > 1:
            failure.message = f"{failure.message} It was tried {self.attempts} times within {retry_timeout:g} seconds."
        return failure


def _result(found: _Before, connection: Optional[Connection], license_after: Optional[License]) -> Dict[str, Any]:
    """The result; ``connection`` and ``license_after`` are ``None`` where a sync is only predicted."""
    before = format_date(found.connection.synced_at) if found.connection else None
    after = format_date(connection.synced_at) if connection else None
    expires = found.license.facts()["expires"]
    expires_after = license_after.facts()["expires"] if license_after else None
    changes = Difference()
    if found.due is not None:
        changes.compare("last_license_sync", before or "never", after or "now")
        if license_after is not None:
            changes.compare("license_expires", expires, expires_after)
    warnings: List[str] = []
    if found.due == FUTURE:
        warnings.append(future_warning(before))
    return {
        "changed": found.due is not None,
        "due": found.due,
        "attempts": 0,
        "organization": found.organization.named(),
        "last_license_sync": {"before": before, "after": after},
        "license_expires": {"before": expires, "after": expires_after},
        "license_state": license_after.state if license_after else found.license.state,
        "diff": changes.diff(f"license of {found.organization.name}"),
        "warnings": warnings,
    }


def _predict_blindly(error: ApiError) -> Dict[str, Any]:
    """The server does not run, but would by now in a real run. What it has cannot be known."""
    nothing = {"before": None, "after": None}
    return {
        "changed": True,
        "due": None,
        "attempts": 0,
        "organization": None,
        "last_license_sync": nothing,
        "license_expires": dict(nothing),
        "license_state": None,
        "warnings": [f"The date of the last sync could not be read, so that a sync is predicted: {error}"],
    }
