# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gather the Families sponsorships of an organization (module sponsorships_info)."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from .._api.argspec import API_OPTIONS, duration_option
from .._api.connections import read_connection
from .._api.errors import ApiError
from .._api.organizations import cloud_communication, find_organization, require_version
from .._api.session import ASSUME_READY, connected, server_is_down
from .._api.sponsorships import STATES, read_sponsorships
from .._common.dates import format_date

MAX_AGE = {"type": "str", "default": "26h"}
OPTIONS: Dict[str, Any] = {**API_OPTIONS, **ASSUME_READY, "max_age": MAX_AGE}


def perform(params: Mapping[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Read everything (module sponsorships_info). Raises ``ApiError``."""
    max_age = duration_option(params, "max_age")
    try:
        return _read_all(params, max_age)
    except ApiError as error:
        if check_mode and params["assume_ready"] and server_is_down(error):
            return {**_NOTHING, "warnings": [f"Nothing is known about the sponsorships: {error}"]}
        raise


_NOTHING: Dict[str, Any] = {
    "changed": False,
    "organization": None,
    "sponsorships": [],
    "counts": dict.fromkeys(STATES, 0),
    "last_sync": None,
    "last_sync_age": None,
    "overdue": False,
    "obstacles": [],
    "note": "",
    "server_time": None,
}


def _read_all(params: Mapping[str, Any], max_age: float) -> Dict[str, Any]:
    with connected(params) as account:
        require_version(account)
        organization = find_organization(account, params["organization"])
        communication, connection = cloud_communication(account), read_connection(account, organization)
        found = read_sponsorships(account, organization, communication)
        found = found.with_obstacles(organization, connection, communication)
        now = account.client.server_time()
        age = int((now - found.last_sync).total_seconds()) if found.last_sync else None
        summary = found.summary(now, max_age)
        del summary["visible"]
        return {
            "changed": False,
            "organization": organization.named(),
            "sponsorships": [one.facts(now) for one in found.visible],
            "last_sync_age": age,
            "server_time": format_date(now),
            **summary,
        }
