# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring an organization of a self-hosted server to its desired state in one session (module organization)."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from .._api.argspec import API_OPTIONS, duration_option
from .._api.auth import Account
from .._api.connections import read_connection
from .._api.errors import ApiError
from .._api.known_servers import KnownServers
from .._api.organizations import find_organization
from .._api.session import ASSUME_READY, connected, server_is_down, wait_for_answer
from .._api.sponsorships import read_sponsorships_briefly
from .._api.subscription import read_license
from .organization_info import NO_FACTS, OrganizationState, nothing_known, read_wait, tolerate
from .organization_steps import READ, STEPS, SYNC, TOKEN, Limits, OrganizationRun, Tools
from .sponsorships_info import MAX_AGE
from .sync_due import EXPIRY_OPTION, expiry_warning

_LICENSE_OPTIONS: Dict[str, Any] = {
    "type": "dict",
    "options": {"src": {"type": "path"}, "content": {"type": "raw", "no_log": True}},
    "mutually_exclusive": [("src", "content")],
    "required_one_of": [("src", "content")],
}
OPTIONS: Dict[str, Any] = {
    **API_OPTIONS,
    **ASSUME_READY,
    **EXPIRY_OPTION,
    "license": _LICENSE_OPTIONS,
    "billing_sync_token": {"type": "str", "no_log": True},
    "enabled": {"type": "bool", "default": True},
    "keep_last_sync": {"type": "bool", "default": True},
    "license_max_age": {"type": "str"},
    "force": {"type": "bool", "default": False},
    "sponsorships_max_age": MAX_AGE,
    "wait_timeout": {"type": "str", "default": "0s"},
    "retry_timeout": {"type": "str", "default": "300s"},
    "egress": {"type": "str", "default": ""},
    "syncs_per_minute": {"type": "int", "default": 0},
    "steps": {"type": "list", "elements": "str", "choices": STEPS, "default": STEPS},
    "defer_without_license": {"type": "bool", "default": False},
    "bwdata": {"type": "path", "default": "/opt/bitwarden/bwdata"},
}


def perform(params: Mapping[str, Any], check_mode: bool, tools: Tools) -> Dict[str, Any]:
    """Read everything once, then change what differs: license, token, sync.

    Raises ``ApiError``, whose ``details`` hold the step that failed and, once the organization was read, the facts and
    what was changed.
    """
    limits = Limits(
        read_wait(params, check_mode),
        duration_option(params, "retry_timeout"),
        duration_option(params, "sponsorships_max_age"),
        duration_option(params, "license_max_age") if params["license_max_age"] else None,
        expiry_warning(params),
    )
    warnings: List[str] = []
    try:
        known = KnownServers() if params["run_on"] == "controller" else None
        with connected(params, probe=False, known=known) as account:
            # The first attempt does without a probe; when it comes to waiting, the API must answer before a login.
            state = wait_for_answer(
                lambda: _read(account, params, limits, warnings),
                limits.wait,
                params["wait_timeout"],
                before_retry=account.client.probe,
            )
            return OrganizationRun(account, state, params, limits, check_mode, tools, warnings).perform()
    except ApiError as error:
        if error.details or not (check_mode and params["assume_ready"] and server_is_down(error)):
            error.details = error.details or {"step": READ}
            raise
        return _predict_blindly(params, limits, error)


def _read(account: Account, params: Mapping[str, Any], limits: Limits, warnings: List[str]) -> OrganizationState:
    """Read the state in four requests where nothing is doubtful. The version is read when needed."""
    warnings.clear()  # of an earlier attempt
    organization = find_organization(account, params["organization"])
    connection = read_connection(account, organization)
    license_ = read_license(account, organization, limits.expiry_warning)
    sponsorships = tolerate(lambda: read_sponsorships_briefly(account, organization, limits.sponsorships_age), warnings)
    communication = sponsorships.cloud_communication if sponsorships else None
    now = account.client.server_time()
    return OrganizationState(now, organization, connection, license_, sponsorships, None, communication)


def _predict_blindly(params: Mapping[str, Any], limits: Limits, error: ApiError) -> Dict[str, Any]:
    """Predict for a server that is not running yet, but would be by now in a real run."""
    steps = params["steps"]
    changes = TOKEN in steps and params["billing_sync_token"] is not None
    syncs = SYNC in steps and limits.license_age is not None
    text = " Token and license sync are predicted to change." if changes or syncs else ""
    return {
        **NO_FACTS,
        "changed": changes or syncs,
        "changes": [],
        "license_required": False,
        "license_upload": None,
        "license_sync": None,
        "warnings": [nothing_known(error) + text],
    }
