# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a license sync is due, what it requires, and what is wrong with an organization that no sync has mended."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Protocol

from .._api.argspec import duration_option
from .._api.connections import Connection
from .._api.organizations import Organization
from .._api.subscription import BROKEN, EXPIRING, GRACE, OK, UNKNOWN, UNREADABLE, License, days_text
from .._common.dates import format_date
from .._common.diff import Difference
from .._common.quotes import with_advice
from .._sync_log.license_failure import (
    COMMUNICATION_OFF,
    CONNECTION_DISABLED,
    NO_CONNECTION,
    NO_TOKEN,
    SyncFailure,
)

NEVER, FORCED, FUTURE = "never", "forced", "future"
DISABLED, LICENSE, EXPIRED, EXPIRING_SOON, AGE = "disabled", "license", "expired", "expiring", "age"

_OPTION = "license_expiry_warning"
EXPIRY_OPTION: Dict[str, Any] = {_OPTION: {"type": "str", "default": "30d"}}

_AHEAD = timedelta(minutes=5)  # clocks may differ by that; a timestamp further in the future never gets old
# A sync that brought nothing newer is repeated after that, and not in every run. A run each day is never quite on time.
_AGAIN = timedelta(hours=23)


class Trouble(NamedTuple):
    """What is wrong with an organization, and what to do."""

    message: str
    advice: str


ORGANIZATION_DISABLED = Trouble(
    "The organization is disabled on the server: its members cannot use it.",
    "A license sync or upload enables it again, where its subscription is active.",
)


class Limits(NamedTuple):
    """How old the last sync may be (seconds), and whether to sync in any case."""

    max_age: float
    force: bool = False


def reason_due(
    organization: Organization, connection: Optional[Connection], license_: License, now: datetime, limits: Limits
) -> Optional[str]:
    """Return why a sync is due, ``None`` if it is not: it is, too, where it could mend what is wrong."""
    synced = connection.synced_at if connection is not None else None
    if synced is None:
        return NEVER
    if limits.force:
        return FORCED
    if synced > now + _AHEAD:
        return FUTURE
    again = now - synced >= _AGAIN
    # The last sync brought a license that had ended: the server's next check would disable the organization again.
    still_ended = license_.expires is not None and license_.expires <= synced and not again
    if not organization.enabled and not still_ended:
        return DISABLED
    if license_.state in BROKEN and license_.state != UNREADABLE:  # a sync could not write that file, either
        return LICENSE
    if license_.state == UNKNOWN and license_.expires is None and again:
        return LICENSE
    if license_.expires is not None and license_.expires <= now and not still_ended:
        return EXPIRED
    if license_.state in (EXPIRING, GRACE) and again:
        return EXPIRING_SOON
    return AGE if (now - synced).total_seconds() >= limits.max_age else None


def expiry_warning(params: Mapping[str, Any]) -> float:
    """Return how long before its end (seconds) a license is warned of, and synced daily. Raises ``ApiError``."""
    return duration_option({_OPTION: params.get(_OPTION) or EXPIRY_OPTION[_OPTION]["default"]}, _OPTION)


def missing_precondition(communication: bool, connection: Optional[Connection]) -> Optional[SyncFailure]:
    """Return the precondition of a sync that is not met, ``None`` if all are."""
    if not communication:
        return SyncFailure.lacking(COMMUNICATION_OFF)
    if connection is None:
        return SyncFailure.lacking(NO_CONNECTION)
    if not connection.token_set:
        return SyncFailure.lacking(NO_TOKEN)
    return None if connection.enabled else SyncFailure.lacking(CONNECTION_DISABLED)


def sync_problem(communication: bool, connection: Optional[Connection]) -> Optional[str]:
    """Return why no license can be synced although the organization is connected, ``None`` if one can."""
    missing = missing_precondition(communication, connection) if connection is not None else None
    return f"No license can be synced: {missing}" if missing is not None else None


class Synced(Protocol):
    """What a server has, as far as a license sync changes it."""

    @property
    def organization(self) -> Organization:
        """The organization."""

    @property
    def license(self) -> License:
        """Its license."""

    @property
    def last_license_sync(self) -> Optional[datetime]:
        """When it was last synced, ``None`` where it never was."""


def sync_difference(before: Synced, after: Optional[Synced]) -> Difference:
    """Return what a license sync changes; ``after`` is ``None`` where it is predicted, and counts as one that works.

    What the new license brings is not known beforehand, except that it enables the organization.
    """
    found = Difference()
    synced = format_date(after.last_license_sync) if after else "now"
    found.compare("last_license_sync", format_date(before.last_license_sync) or "never", synced)
    enabled = after.organization.enabled if after else True
    found.compare("organization_enabled", _flag(before.organization.enabled), _flag(enabled))
    if after is not None:
        found.compare("license_expires", format_date(before.license.expires), format_date(after.license.expires))
    return found


def _flag(value: bool) -> str:
    return "true" if value else "false"


def organization_problems(organization: Organization, license_: License) -> List[str]:
    """Return what keeps an organization from being used, or will at the server's next check of its license."""
    problems = [] if organization.enabled else [with_advice(*ORGANIZATION_DISABLED)]
    if license_.state not in (OK, EXPIRING, GRACE):
        problems.append(license_.text)
    return problems


def expiry_warnings(license_: License) -> List[str]:
    """Return the warning of a license that ends soon, with the days that are left."""
    return [license_.text] if license_.state in (EXPIRING, GRACE) else []


def token_warnings(expires: Optional[datetime], now: datetime, warning: float) -> List[str]:
    """Return the warning of a license whose token ends within ``warning`` seconds, whatever its subscription."""
    seconds = (expires - now).total_seconds() if expires else warning
    if not 0 < seconds < warning:
        return []
    left = days_text(int(seconds // 86_400))
    return [
        f"The server will reject its license file after {format_date(expires)}, in {left}: a license is valid for a "
        "year from its issue. Download the license again from the cloud and upload it, or sync it."
    ]


def future_warning(synced: Optional[datetime]) -> str:
    """Return the warning about a last sync that lies in the future."""
    return f"The last license sync lies in the future ({format_date(synced)}); a clock is or was wrong."
