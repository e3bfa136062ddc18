# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Families sponsorships of an organization, as far as an account sees them, and whether their sync is overdue."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from .._common.dates import format_date, parse_date
from .._common.quotes import with_advice
from .auth import Account
from .connections import Connection
from .errors import REQUEST, ApiError
from .organizations import Organization, cloud_communication, last_sponsorship_sync

OFFERED, ACTIVE, WAITING, TO_BE_REMOVED, EXPIRED = "offered", "active", "waiting", "to_be_removed", "expired"
STATES = (OFFERED, ACTIVE, WAITING, TO_BE_REMOVED, EXPIRED)


class Note(NamedTuple):
    """What limits the knowledge about sponsorships, and what to do."""

    message: str
    advice: str = ""

    @property
    def text(self) -> str:
        """Both in one text."""
        return with_advice(self.message, self.advice)


NONE_VISIBLE = Note(
    "No sponsorship is visible to this account. Without any the server syncs nothing, and the date stays (or becomes) "
    "empty. A sponsorship that a member gave is visible only to that member."
)
NEVER = Note(
    "There are sponsorships that were never synced. The server's daily sync runs for the first time up to 24 hours "
    "after its start.",
    "A failure shows only in the server's log (module sync_log_info).",
)
NEVER_YET = Note("There are sponsorships that were never synced.")
# What keeps the daily sync from its work, as the API tells. The server skips it silently then, so its log says nothing.
OFF = Note(
    "Cloud communication is off in the running server: it syncs no sponsorships.",
    "Turn it on (module server with cloud_communication).",
)
DISABLED = Note(
    "The organization is disabled on the server, so that its sponsorships are not synced.",
    "Enable it by a license sync or upload.",
)
NO_CONNECTION = Note(
    "The organization has no connection to the cloud, so that its sponsorships are not synced.",
    "Apply a billing sync token (module billing_sync or organization).",
)
NO_TOKEN = Note(
    "The organization's connection holds no billing sync token, so that its sponsorships are not synced.",
    NO_CONNECTION.advice,
)
CONNECTION_DISABLED = Note(
    "The organization's connection to the cloud is disabled, so that its sponsorships are not synced.",
    "Enable it (module billing_sync or organization).",
)
OVERDUE = Note(
    "The daily sync may have failed, or waits for up to 24 hours after a restart of the server.",
    "A failure shows only in the server's log (module sync_log_info).",
)
TWICE = Note(
    "A member has given more than one sponsorship. The server's daily sync then fails for all of the organization's.",
    "Remove all but one of that member's.",
)
NO_LIST = Note(
    "Sponsorships that admins gave are not listed: {reason}.",
    "Update the server if it is too old, or use the API key of an owner.",
)


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
        """Return one of ``STATES``, by the server's clock."""
        if self.valid_until is not None and self.valid_until <= now:
            return EXPIRED
        if self.to_delete:
            return TO_BE_REMOVED
        if self.valid_until is not None:
            return ACTIVE
        return WAITING if self.last_sync is None else OFFERED

    def facts(self, now: datetime) -> Dict[str, Any]:
        """Return it in the form of the results."""
        return {
            **self._asdict(),
            "state": self.state(now),
            "last_sync": format_date(self.last_sync),
            "valid_until": format_date(self.valid_until),
        }


class Sponsorships(NamedTuple):
    """What is visible of an organization's sponsorships.

    ``missing``: why those that admins gave are not listed (empty if they are). ``cloud_communication``: ``None`` if it
    was not read. ``twice``: whether one member has given several. ``obstacles``: what keeps them from being synced.
    """

    visible: List[Sponsorship]
    last_sync: Optional[datetime]
    missing: str
    cloud_communication: Optional[bool]
    twice: bool
    obstacles: Tuple[Note, ...] = ()

    def with_obstacles(
        self, organization: Organization, connection: Optional[Connection], communication: Optional[bool]
    ) -> Sponsorships:
        """Return them with what keeps them from being synced, by the state of organization and connection."""
        found = [OFF] if (self.cloud_communication if communication is None else communication) is False else []
        found += [] if organization.enabled else [DISABLED]
        if connection is None:
            found.append(NO_CONNECTION)
        elif not connection.enabled:
            found.append(CONNECTION_DISABLED)
        elif not connection.token_set:
            found.append(NO_TOKEN)
        found += [TWICE] if self.twice else []
        return self._replace(obstacles=tuple(found))

    def overdue(self, now: datetime, max_age: float) -> bool:
        """Tell whether the last sync is longer ago than ``max_age`` (seconds)."""
        return self.last_sync is not None and (now - self.last_sync).total_seconds() > max_age

    def doubtful(self, now: datetime, max_age: float) -> bool:
        """Tell whether the daily sync fails, or may fail: overdue, or never done although there are sponsorships."""
        return self.overdue(now, max_age) or (bool(self.visible) and self.last_sync is None)

    def counts(self, now: datetime) -> Dict[str, int]:
        """Return how many there are in each state."""
        states = [one.state(now) for one in self.visible]
        return {state: states.count(state) for state in STATES}

    def note(self, now: datetime, max_age: float) -> str:
        """Return what limits this knowledge, as far as it applies now."""
        # What keeps them from the next sync says nothing of the last one.
        doubtful = self.doubtful(now, max_age)
        notes = [note for note in self.obstacles if doubtful or note in (OFF, TWICE)]
        if self.last_sync is None and self.visible:
            notes.append(NEVER_YET if self.obstacles else NEVER)
        elif self.last_sync is None:
            notes.append(NONE_VISIBLE)
        elif self.overdue(now, max_age) and not self.obstacles:
            notes.append(OVERDUE)
        if self.missing:
            notes.append(NO_LIST._replace(message=NO_LIST.message.format(reason=self.missing)))
        return " ".join(note.text for note in notes)

    def summary(self, now: datetime, max_age: float) -> Dict[str, Any]:
        """Return numbers, date and what they mean."""
        return {
            "visible": len(self.visible),
            "counts": self.counts(now),
            "last_sync": format_date(self.last_sync),
            "overdue": self.overdue(now, max_age),
            "obstacles": [note.text for note in self.obstacles],
            "note": self.note(now, max_age),
        }


def read_sponsorships(account: Account, organization: Organization, communication: Optional[bool]) -> Sponsorships:
    """Read all that the server tells. ``communication``: whether cloud communication is on. Raises ``ApiError``."""
    last_sync = parse_date(last_sponsorship_sync(account, organization))
    rows, missing = _given_by_admins(account, organization)
    return _sponsorships(organization, rows, last_sync, missing, communication)


def read_sponsorships_briefly(account: Account, organization: Organization, max_age: float) -> Sponsorships:
    """Read the sponsorships in one request where nothing is doubtful; otherwise the same as ``read_sponsorships``.

    The list is read only where admins can give sponsorships; the organization's date only where the list has no sync
    within ``max_age`` (seconds). All of an organization's sponsorships are synced together.
    """
    now = account.client.server_time()
    if organization.admin_sponsorships is False:
        found = _sponsorships(organization, None, parse_date(last_sponsorship_sync(account, organization)), "", None)
        if not found.doubtful(now, max_age):
            return found
        rows, missing = _given_by_admins(account, organization)
    else:
        rows, missing = _given_by_admins(account, organization)
        found = _sponsorships(organization, rows, None, missing, None)
        newest = max((one.last_sync for one in found.visible if one.last_sync), default=None)
        if newest is not None and not found._replace(last_sync=newest).overdue(now, max_age):
            return found._replace(last_sync=newest)
        found = found._replace(last_sync=parse_date(last_sponsorship_sync(account, organization)))
    if not found.doubtful(now, max_age):
        return found
    return _sponsorships(organization, rows, found.last_sync, missing, cloud_communication(account))


def _sponsorships(
    organization: Organization,
    rows: Optional[List[Mapping[str, Any]]],
    last_sync: Optional[datetime],
    missing: str,
    communication: Optional[bool],
) -> Sponsorships:
    """Put together the list of what admins gave (``None`` if it was not read) and the account's own."""
    givers = [row.get("sponsoringOrganizationUserId") for row in rows or []]
    given = [_read(row, own=False) for row in rows or []]
    for row in organization.own_sponsorships:
        own = _own(row)
        # Those that an admin gave to the account are in the list.
        if own is not None and not (own.admin_initiated and rows is not None):
            given.append(own)
            givers.append(row.get("organizationUserId"))
    givers = [giver for giver in givers if giver]
    return Sponsorships(given, last_sync, missing, communication, twice=len(set(givers)) < len(givers))


def _given_by_admins(account: Account, organization: Organization) -> Tuple[Optional[List[Mapping[str, Any]]], str]:
    """Return the list of sponsorships that admins gave, or ``None`` and why it cannot be read."""
    path = f"/organization/sponsorship/self-hosted/{organization.id}/sponsored"
    try:
        response = account.get(path, "list the sponsorships")
    except ApiError as error:
        if error.denied_by_system:
            return None, "the account may not see them"
        if error.status == 404 and error.layer == REQUEST:
            return None, "the server's version does not tell"
        raise
    data = response.get("data") if isinstance(response, dict) else None
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
    """Read the account's own sponsorship in its row of the organization, ``None`` if it gave none."""
    prefix = "familySponsorship"
    names = ("FriendlyName", "LastSyncDate", "ValidUntil", "ToDelete")
    fields = {name[0].lower() + name[1:]: row.get(prefix + name) for name in names}
    if all(value is None for value in fields.values()):
        return None
    return _read({**fields, "isAdminInitiated": row.get("isAdminInitiated")}, own=True)
