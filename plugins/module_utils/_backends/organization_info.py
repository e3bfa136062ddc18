# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server knows about one organization (module organization_info)."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Mapping, Optional

from .._api.argspec import API_OPTIONS, duration_option
from .._api.auth import Account
from .._api.connections import read_connection
from .._api.errors import ApiError
from .._api.organizations import Organization, cloud_communication, find_organization, require_version
from .._api.session import ASSUME_READY, connected, server_is_down
from .._api.subscription import read_license
from .._common.dates import format_date
from .sponsorships_info import MAX_AGE, Sponsorships, read_sponsorships

OPTIONS: Dict[str, Any] = {
    **API_OPTIONS,
    **ASSUME_READY,
    "wait_timeout": {"type": "str", "default": "0s"},
    "sponsorships_max_age": MAX_AGE,
}

_PAUSE = 2.0  # seconds between two looks at a server that is starting

_NOTHING: Dict[str, Any] = {
    "reachable": False,
    "organization": None,
    "version": None,
    "server_time": None,
    "cloud_communication": None,
    "connection": None,
    "last_license_sync": None,
    "last_license_sync_age": None,
    "last_sponsorship_sync": None,
    "sponsorships": None,
    "license": None,
}


def perform(params: Mapping[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Read everything, waiting up to ``wait_timeout`` for a server that does not answer yet. Raises ``ApiError``."""
    predicting = check_mode and bool(params["assume_ready"])
    # What earlier tasks would have started does not start in check mode: no use in waiting for it.
    wait = 0.0 if predicting else duration_option(params, "wait_timeout")
    deadline = time.monotonic() + wait
    while True:
        try:
            return _read(params)
        except ApiError as error:
            if not server_is_down(error):
                raise
            if predicting:
                return {**_NOTHING, "changed": False, "warnings": [f"Nothing is known about the organization: {error}"]}
            rest = deadline - time.monotonic()
            if rest <= 0:
                if wait:
                    error.message = f"The server did not answer within {params['wait_timeout']}. {error.message}"
                raise
        time.sleep(min(_PAUSE, rest))


def _read(params: Mapping[str, Any]) -> Dict[str, Any]:
    max_age = duration_option(params, "sponsorships_max_age")
    with connected(params) as account:
        version = require_version(account)
        organization = find_organization(account, params["organization"])
        connection = read_connection(account, organization)
        synced = connection.synced_at if connection else None
        now = account.client.server_time()
        communication = cloud_communication(account)
        warnings: List[str] = []
        sponsorships = _sponsorships(account, organization, communication, warnings)
        return {
            "changed": False,
            "reachable": True,
            "organization": organization.facts(),
            "version": version,
            "server_time": format_date(now),
            "cloud_communication": communication,
            "connection": connection.facts() if connection else None,
            "last_license_sync": format_date(synced),
            "last_license_sync_age": int((now - synced).total_seconds()) if synced else None,
            "last_sponsorship_sync": format_date(sponsorships.last_sync) if sponsorships else None,
            "sponsorships": sponsorships.summary(now, max_age) if sponsorships else None,
            "license": read_license(account, organization).facts(),
            "warnings": warnings,
        }


def _sponsorships(
    account: Account, organization: Organization, communication: bool, warnings: List[str]
) -> Optional[Sponsorships]:
    """The sponsorships; where only they cannot be read, the other facts are still worth having."""
    try:
        return read_sponsorships(account, organization, communication)
    except ApiError as error:
        if error.transient or error.status is None:
            raise
        warnings.append(str(error))
        return None
