# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sync the license of a server from the cloud where the last sync is too long ago (module license_sync)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional

from .._api.argspec import API_OPTIONS, duration_option
from .._api.connections import Connection, read_connection
from .._api.errors import ApiError
from .._api.organizations import Organization, cloud_communication, find_organization, require_version
from .._api.session import ASSUME_READY, connected, server_is_down
from .._api.subscription import License, read_license
from .._common.dates import format_date
from .._common.diff import Difference
from .._sync_log.license_diagnosis import Diagnose
from .._sync_log.license_failure import (
    COMMUNICATION_OFF,
    CONNECTION_DISABLED,
    NO_CONNECTION,
    NO_TOKEN,
    SyncFailure,
)
from .sync_attempts import LicenseSync, Times

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

NEVER, FORCED, AGE, FUTURE = "never", "forced", "age", "future"
_AHEAD = timedelta(minutes=5)  # clocks may differ by that; a timestamp further in the future never gets old


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
        return SyncFailure.lacking(COMMUNICATION_OFF)
    if connection is None:
        return SyncFailure.lacking(NO_CONNECTION)
    if not connection.token_set:
        return SyncFailure.lacking(NO_TOKEN)
    return None if connection.enabled else SyncFailure.lacking(CONNECTION_DISABLED)


def future_warning(synced: Optional[str]) -> str:
    """Return the warning about a last sync that lies in the future."""
    return f"The last license sync lies in the future ({synced}); a clock is or was wrong."


def _result(found: _Before, connection: Optional[Connection], license_after: Optional[License]) -> Dict[str, Any]:
    """Return the result; ``connection`` and ``license_after`` are ``None`` where a sync is only predicted."""
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
    """Predict for a server that is not running yet, but would be by now in a real run."""
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
