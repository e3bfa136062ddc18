# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gather what a server knows about one organization (module organization_info)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional

from .._api.argspec import API_OPTIONS, duration_option
from .._api.auth import Account
from .._api.connections import Connection, read_connection
from .._api.errors import ApiError
from .._api.organizations import Organization, cloud_communication, find_organization, require_version
from .._api.session import ASSUME_READY, connected, server_is_down, wait_for_answer
from .._api.sponsorships import Sponsorships, read_sponsorships
from .._api.subscription import License, read_license
from .._common.dates import format_date
from .sponsorships_info import MAX_AGE
from .sync_due import EXPIRY_OPTION, expiry_warning, expiry_warnings, organization_problems, sync_problem

OPTIONS: Dict[str, Any] = {
    **API_OPTIONS,
    **ASSUME_READY,
    **EXPIRY_OPTION,
    "wait_timeout": {"type": "str", "default": "0s"},
    "sponsorships_max_age": MAX_AGE,
}

#: The facts of a server that does not answer.
NO_FACTS: Dict[str, Any] = {
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
    "problems": [],
    "sync_problem": None,
}


class OrganizationState(NamedTuple):
    """An organization as a server has it at ``time``. ``None``: there is none, or it was not read."""

    time: datetime
    organization: Organization
    connection: Optional[Connection]
    license: License
    sponsorships: Optional[Sponsorships]
    version: Optional[str]
    cloud_communication: Optional[bool]

    @property
    def last_license_sync(self) -> Optional[datetime]:
        """When the license was last synced, ``None`` for never."""
        return self.connection.synced_at if self.connection else None

    @property
    def sync_problem(self) -> Optional[str]:
        """Why no license can be synced, as far as it is known, although the organization has a connection."""
        return sync_problem(self.cloud_communication is not False, self.connection)

    def facts(self, sponsorships_max_age: float) -> Dict[str, Any]:
        """Return the facts in the form of the results."""
        synced, sponsorships = self.last_license_sync, self.current_sponsorships()
        return {
            "reachable": True,
            "organization": self.organization.facts(),
            "version": self.version,
            "server_time": format_date(self.time),
            "cloud_communication": self.cloud_communication,
            "connection": self.connection.facts() if self.connection else None,
            "last_license_sync": format_date(synced),
            "last_license_sync_age": int((self.time - synced).total_seconds()) if synced else None,
            "last_sponsorship_sync": format_date(sponsorships.last_sync) if sponsorships else None,
            "sponsorships": sponsorships.summary(self.time, sponsorships_max_age) if sponsorships else None,
            "license": self.license.facts(),
            "problems": organization_problems(self.organization, self.license),
            "sync_problem": self.sync_problem,
        }

    def current_sponsorships(self) -> Optional[Sponsorships]:
        """Return the sponsorships with what keeps them from being synced, as things stand now."""
        if self.sponsorships is None:
            return None
        return self.sponsorships.with_obstacles(self.organization, self.connection, self.cloud_communication)

    def warnings(self) -> List[str]:
        """Return what to warn of: what is wrong with the organization, and a license that ends soon."""
        return [*organization_problems(self.organization, self.license), *expiry_warnings(self.license)]


def perform(params: Mapping[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Read everything, waiting up to ``wait_timeout`` for a server that does not answer yet. Raises ``ApiError``."""
    max_age, warning = duration_option(params, "sponsorships_max_age"), expiry_warning(params)
    warnings: List[str] = []
    try:
        with connected(params, probe=False) as account:

            def read() -> OrganizationState:
                account.client.probe()
                warnings.clear()  # of an earlier attempt
                return _read(account, params["organization"], warning, warnings)

            state = wait_for_answer(read, read_wait(params, check_mode), params["wait_timeout"])
            warnings += [*state.warnings(), *([state.sync_problem] if state.sync_problem else [])]
            return {"changed": False, **state.facts(max_age), "warnings": warnings}
    except ApiError as error:
        if check_mode and params["assume_ready"] and server_is_down(error):
            return {**NO_FACTS, "changed": False, "warnings": [nothing_known(error)]}
        raise


def read_wait(params: Mapping[str, Any], check_mode: bool) -> float:
    """Return how long to wait for the server (seconds): not at all for one that earlier tasks only pretend to start."""
    timeout = duration_option(params, "wait_timeout")
    return 0.0 if check_mode and params["assume_ready"] else timeout


def nothing_known(error: ApiError) -> str:
    """Return the warning of a check mode in which the server does not answer."""
    return f"Nothing is known about the organization: {error}"


def _read(account: Account, wanted: Optional[str], warning: float, warnings: List[str]) -> OrganizationState:
    version = require_version(account)
    organization = find_organization(account, wanted)
    connection = read_connection(account, organization)
    communication = cloud_communication(account)
    sponsorships = tolerate(lambda: read_sponsorships(account, organization, communication), warnings)
    license_ = read_license(account, organization, warning)
    now = account.client.server_time()
    return OrganizationState(now, organization, connection, license_, sponsorships, version, communication)


def tolerate(read: Callable[[], Sponsorships], warnings: List[str]) -> Optional[Sponsorships]:
    """Return the sponsorships; where only they cannot be read, a warning: the other facts are still worth having."""
    try:
        return read()
    except ApiError as error:
        # A gateway's 500 for just this list is not that of a server which is down.
        if error.status is None or (error.transient and error.status != 500):
            raise
        warnings.append(str(error))
        return None
