# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Families sponsorships of an organization, as far as an account sees them, and whether their sync is overdue."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from .._api.argspec import API_OPTIONS, duration_option
from .._api.auth import Account
from .._api.errors import ApiError
from .._api.organizations import (
    Organization,
    cloud_communication,
    find_organization,
    last_sponsorship_sync,
    require_version,
)
from .._api.session import ASSUME_READY, connected, server_is_down
from .._common.dates import format_date, parse_date

MAX_AGE = {"type": "str", "default": "26h"}
OPTIONS: Dict[str, Any] = {**API_OPTIONS, **ASSUME_READY, "max_age": MAX_AGE}

OFFERED, ACTIVE, WAITING, TO_BE_REMOVED, EXPIRED = "offered", "active", "waiting", "to_be_removed", "expired"
STATES = (OFFERED, ACTIVE, WAITING, TO_BE_REMOVED, EXPIRED)

_NONE_VISIBLE = (
    "No sponsorship is visible to this account. Without any the server syncs nothing, and the date stays (or becomes) "
    "empty. A sponsorship that a member gave is visible to that member alone."
)
_NEVER = (
    "There are sponsorships that were never synced. The server's daily sync runs for the first time up to 24 hours "
    "after its start; that it fails shows only in the server's log (module sync_log_info)."
)
_OFF = "Cloud communication is off in the running server: it syncs no sponsorships."
_OVERDUE = "Why it is not done shows only in the server's log (module sync_log_info)."
_TWICE = (
    "A member has given more than one sponsorship. The server's daily sync then fails for all of the organization's; "
    "remove all but one of that member's."
)
_NO_LIST = "Sponsorships that admins gave are not listed: {0}"


class Sponsorship(NamedTuple):
    """One sponsorship. ``email`` is not shown for the account's ``own``; times are aware UTC or ``None``."""

    friendly_name: Optional[str]
    email: Optional[str]
    admin_initiated: bool
    own: bool
    last_sync: Optional[datetime]
    valid_until: Optional[datetime]
    to_delete: bool

    def state(self, now: datetime) -> str:
        """One of ``STATES``, by the server's clock."""
        if self.valid_until is not None and self.valid_until <= now:
            return EXPIRED
        if self.to_delete:
            return TO_BE_REMOVED
        if self.valid_until is not None:
            return ACTIVE
        return WAITING if self.last_sync is None else OFFERED

    def facts(self, now: datetime) -> Dict[str, Any]:
        """In the form of the results."""
        return {
            **self._asdict(),
            "state": self.state(now),
            "last_sync": format_date(self.last_sync),
            "valid_until": format_date(self.valid_until),
        }


class Sponsorships(NamedTuple):
    """What is visible of an organization's sponsorships. ``missing``: why those that admins gave are not, if so.

    ``twice``: whether one member has given several.
    """

    visible: List[Sponsorship]
    last_sync: Optional[datetime]
    missing: str
    cloud_communication: bool
    twice: bool

    def overdue(self, now: datetime, max_age: float) -> bool:
        """Whether the last sync is longer ago than ``max_age`` (seconds). It has a date only while there are some."""
        return self.last_sync is not None and (now - self.last_sync).total_seconds() > max_age

    def counts(self, now: datetime) -> Dict[str, int]:
        """How many there are in each state."""
        states = [one.state(now) for one in self.visible]
        return {state: states.count(state) for state in STATES}

    def note(self, now: datetime, max_age: float) -> str:
        """What limits this knowledge, as far as it applies now."""
        notes = []
        if not self.cloud_communication:
            notes.append(_OFF)
        if self.last_sync is None:
            notes.append(_NEVER if self.visible else _NONE_VISIBLE)
        elif self.overdue(now, max_age):
            notes.append(_OVERDUE)
        if self.twice:
            notes.append(_TWICE)
        if self.missing:
            notes.append(_NO_LIST.format(self.missing))
        return " ".join(notes)

    def summary(self, now: datetime, max_age: float) -> Dict[str, Any]:
        """Numbers, date and what they mean."""
        return {
            "visible": len(self.visible),
            "counts": self.counts(now),
            "last_sync": format_date(self.last_sync),
            "overdue": self.overdue(now, max_age),
            "note": self.note(now, max_age),
        }


def read_sponsorships(account: Account, organization: Organization, communication: bool) -> Sponsorships:
    """Ask the server. ``communication``: whether cloud communication is on. Raises ``ApiError``."""
    last_sync = parse_date(last_sponsorship_sync(account, organization))
    rows, missing = _given_by_admins(account, organization)
    members = [row.get("sponsoringOrganizationUserId") for row in rows]
    own = [
        one
        for one in (_own(row) for row in organization.own_sponsorships)
        # Those that an admin gave to the account are in the list.
        if one is not None and not (one.admin_initiated and not missing)
    ]
    given = [_read(row, own=False) for row in rows]
    return Sponsorships([*given, *own], last_sync, missing, communication, twice=len(set(members)) < len(members))


def _given_by_admins(account: Account, organization: Organization) -> Tuple[List[Mapping[str, Any]], str]:
    path = f"/organization/sponsorship/self-hosted/{organization.id}/sponsored"
    try:
        answer = account.get(path, "list the sponsorships")
    except ApiError as error:
        if error.status == 401 and error.text:
            return [], "the account may not see them."
        if error.status == 404:
            return [], "the server's version does not tell."
        raise
    data = answer.get("data") if isinstance(answer, dict) else None
    return [row for row in data or [] if isinstance(row, dict)], ""


def _read(row: Mapping[str, Any], own: bool) -> Sponsorship:
    return Sponsorship(
        friendly_name=row.get("friendlyName"),
        email=row.get("offeredToEmail"),
        admin_initiated=bool(row.get("isAdminInitiated")),
        own=own,
        last_sync=parse_date(row.get("lastSyncDate")),
        valid_until=parse_date(row.get("validUntil")),
        to_delete=bool(row.get("toDelete")),
    )


def _own(row: Mapping[str, Any]) -> Optional[Sponsorship]:
    """The account's own sponsorship in its row of the organization, ``None`` if it gave none."""
    prefix = "familySponsorship"
    names = ("FriendlyName", "LastSyncDate", "ValidUntil", "ToDelete")
    members = {name[0].lower() + name[1:]: row.get(prefix + name) for name in names}
    if all(value is None for value in members.values()):
        return None
    return _read({**members, "isAdminInitiated": row.get("isAdminInitiated")}, own=True)


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
    "note": "",
    "server_time": None,
}


def _read_all(params: Mapping[str, Any], max_age: float) -> Dict[str, Any]:
    with connected(params) as account:
        require_version(account)
        organization = find_organization(account, params["organization"])
        found = read_sponsorships(account, organization, cloud_communication(account))
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
