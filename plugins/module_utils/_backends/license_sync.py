# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sync the license of a server from the cloud where that is due (module license_sync)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Sequence

from .._api.argspec import API_OPTIONS, duration_option
from .._api.connections import Connection, read_connection
from .._api.errors import ApiError
from .._api.organizations import Organization, cloud_communication, find_organization, require_version
from .._api.session import ASSUME_READY, connected, server_is_down
from .._api.subscription import License, read_license
from .._common.dates import format_date
from .._common.diff import Difference
from .._sync_log.license_diagnosis import Diagnose
from .host_reading import Inspect, decided_on_host, no_inspection
from .sync_attempts import LicenseSync, Times
from .sync_due import (
    EXPIRY_OPTION,
    FUTURE,
    Limits,
    expiry_warning,
    expiry_warnings,
    future_warning,
    missing_precondition,
    organization_problems,
    reason_due,
    sync_difference,
    sync_problem,
)

OPTIONS: Dict[str, Any] = {
    **API_OPTIONS,
    **ASSUME_READY,
    **EXPIRY_OPTION,
    "max_age": {"type": "str", "default": "7d"},
    "force": {"type": "bool", "default": False},
    "retry_timeout": {"type": "str", "default": "300s"},
    "diagnose": {"type": "bool", "default": True},
    "bwdata": {"type": "path", "default": "/opt/bitwarden/bwdata"},
    "egress": {"type": "str", "default": ""},
    "syncs_per_minute": {"type": "int", "default": 0},
}


class State(NamedTuple):
    """What the server has: the organization, its connection to the cloud and its license."""

    organization: Organization
    connection: Optional[Connection]
    license: License

    @property
    def last_license_sync(self) -> Optional[datetime]:
        """When the license was last synced, ``None`` for never."""
        return self.connection.synced_at if self.connection else None


def perform(
    params: Mapping[str, Any],
    check_mode: bool,
    diagnose: Optional[Diagnose] = None,
    times: Optional[Times] = None,
    wait_turn: Callable[[], object] = lambda: None,
    inspect: Inspect = no_inspection,
) -> Dict[str, Any]:
    """Sync if due, and see that the timestamp moved. Raises ``ApiError``.

    ``diagnose`` reads the server's log, ``inspect`` the license file on its host; ``wait_turn`` is called before each
    attempt, to keep to a pace.
    """
    known: Dict[str, Any] = {}
    limits = Limits(duration_option(params, "max_age"), bool(params["force"]))
    retry, warning = duration_option(params, "retry_timeout"), expiry_warning(params)

    def read(organization: Organization, connection: Optional[Connection]) -> State:
        license_ = read_license(account, organization, warning)
        now = account.client.server_time()
        return State(organization, connection, decided_on_host(license_, inspect, organization.id, now, warning))

    try:
        with connected(params) as account:
            require_version(account)
            organization = find_organization(account, params["organization"])
            connection = read_connection(account, organization)
            before = read(organization, connection)
            due = reason_due(*before, account.client.server_time(), limits)
            known = {"due": due, "problems": organization_problems(before.organization, before.license)}
            if due is None:
                assumed = check_mode and params["assume_ready"]
                problem = None if assumed else sync_problem(cloud_communication(account), connection)
                return _result(before, before, due, [problem] if problem else [])
            missing = missing_precondition(cloud_communication(account), connection)
            if missing is not None and not (check_mode and params["assume_ready"]):
                raise missing
            if check_mode:
                return _result(before, None, due)
            diagnose = diagnose if params["diagnose"] else None
            sync = LicenseSync(account, organization, connection, diagnose, times, wait_turn)
            after = _synced(sync, retry, read)
            return {**_result(before, after, due), "attempts": sync.attempts}
    except ApiError as error:
        if check_mode and params["assume_ready"] and server_is_down(error):
            return _predict_blindly(error)
        error.details = {**known, **error.details}
        raise


def _synced(
    sync: LicenseSync, retry: float, read: Callable[[Organization, Optional[Connection]], State]
) -> State:
    """Sync, and return what the server has then. Raises ``ApiError``."""
    connection = sync.run(retry)
    try:
        return read(find_organization(sync.account, sync.organization.id), connection)
    except ApiError as error:
        error.details["changed"] = True
        raise


def _result(before: State, after: Optional[State], due: Optional[str], problems: Sequence[str] = ()) -> Dict[str, Any]:
    """Return the result; ``after`` is ``None`` where a sync is only predicted, which then counts as one that works."""
    now = after or before
    synced, expires = format_date(before.last_license_sync), format_date(before.license.expires)
    synced_after = format_date(after.last_license_sync) if after else None
    expires_after = format_date(after.license.expires) if after else None
    enabled = now.organization.enabled if after else True
    changes = sync_difference(before, after) if due is not None else Difference()
    problems = [*problems, *(organization_problems(after.organization, after.license) if after else [])]
    warnings = [*problems, *(expiry_warnings(after.license) if after else [])]
    if due == FUTURE:
        warnings.append(future_warning(before.last_license_sync))
    return {
        "changed": due is not None,
        "due": due,
        "attempts": 0,
        "organization": now.organization._replace(enabled=enabled).facts(),
        "last_license_sync": {"before": synced, "after": synced_after},
        "license_expires": {"before": expires, "after": expires_after},
        "license_state": now.license.state,
        "license": now.license.facts(),
        "problems": problems,
        "diff": changes.diff(f"license of {before.organization.name}"),
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
        "license": None,
        "problems": [],
        "warnings": [f"The date of the last sync could not be read, so that a sync is predicted: {error}"],
    }
