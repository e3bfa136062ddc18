# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The organization's license as the server reads it from its file: its dates and its state."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType
from typing import Any, Dict, Mapping, NamedTuple, Optional

from .._common.dates import format_date, parse_date
from .auth import Account
from .errors import SERVER, ApiError
from .organizations import Organization

EXPIRING_DAYS = 30

OK = "ok"
EXPIRING = "expiring"  # within EXPIRING_DAYS
GRACE = "grace"  # the subscription has ended, the license not yet
EXPIRED = "expired"
MISSING_OR_CORRUPT = "missing_or_corrupt"  # the server fails on both in the same way
UNREADABLE = "unreadable"
INVALID = "invalid"
UNKNOWN = "unknown"

STATES = (OK, EXPIRING, GRACE, EXPIRED, MISSING_OR_CORRUPT, UNREADABLE, INVALID, UNKNOWN)
BROKEN = (MISSING_OR_CORRUPT, UNREADABLE, INVALID)

_DAY = 86400
UPLOAD_AGAIN = (
    "Upload the license (module license, or in the web vault: organization, Billing, Subscription, Update license). "
    "Where there is a connection to the cloud a license sync writes it again, too."
)


class Finding(NamedTuple):
    """What is wrong with a license on a server: its state, a template of the message, and what to do."""

    cause: str
    message: str
    advice: str


_REPLACE = "Download the license from the cloud and upload it (modules cloud_license and license)."
NO_EXPIRY = Finding(
    UNKNOWN,
    "The license has no expiry date; a license file with field names in camel case reads like that, too.",
    _REPLACE,
)
EXPIRED_AT = Finding(
    EXPIRED, "The license expired at {date}.", f"Renew the subscription unless that is done. {_REPLACE}"
)
ENDED_AT = Finding(
    GRACE,
    "The subscription ended at {ended}; the license is good until {date}.",
    "Renew the subscription; the next sync brings the new license.",
)
EXPIRES_AT = Finding(EXPIRING, "The license expires at {date}, in {days} days.", ENDED_AT.advice)
NOT_READ = Finding(
    MISSING_OR_CORRUPT,
    "The server cannot read the license: its file ({file}) is missing or corrupt.",
    UPLOAD_AGAIN,
)
NOT_PERMITTED = Finding(
    UNREADABLE,
    "The server may not read the license file ({file}): it belongs to another user, or its mode is wrong.",
    "Give it to the user of bwdata; a restart of the server does that by itself.",
)
NOT_ACCEPTED = Finding(INVALID, "The server does not accept the license file ({file}): {reason}.", UPLOAD_AGAIN)


class License(NamedTuple):
    """``expires`` is with, ``expires_without_grace`` without the days of grace (``None``: the license has none).

    ``message`` says what is wrong in states other than ``ok``. ``response`` is all that the server shows of it.
    """

    state: str
    expires: Optional[datetime] = None
    expires_without_grace: Optional[datetime] = None
    days_left: Optional[int] = None
    message: str = ""
    response: Mapping[str, Any] = MappingProxyType({})

    def facts(self) -> Dict[str, Any]:
        """Return the license in the form of the results."""
        return {
            "state": self.state,
            "expires": format_date(self.expires),
            "expires_without_grace": format_date(self.expires_without_grace),
            "days_left": self.days_left,
            "message": self.message,
        }


def license_path(organization: Organization) -> str:
    """Return the path of the license file on the server."""
    return f"bwdata/core/licenses/organization/{organization.id}.json"


def read_license(account: Account, organization: Organization) -> License:
    """Read expiry and state. A license that the server cannot read is a state, not an error.

    Raises ``ApiError`` for what has nothing to do with the license (network, permission).
    """
    try:
        response = account.get(f"/organizations/{organization.id}/subscription", "read the license of the organization")
    except ApiError as error:
        broken = _broken(organization, error)
        if broken is None:
            raise
        return broken
    fields = response if isinstance(response, dict) else {}
    expires = parse_date(fields.get("expiration"))
    without_grace = parse_date(fields.get("expirationWithoutGracePeriod"))
    return judge(expires, without_grace, account.client.server_time())._replace(response=fields)


def judge(expires: Optional[datetime], without_grace: Optional[datetime], now: datetime) -> License:
    """Return the state of a license of these dates."""
    if expires is None:
        return License(UNKNOWN, None, without_grace, None, NO_EXPIRY.message)
    days = int((expires - now).total_seconds() // _DAY)
    date = format_date(expires)
    if expires <= now:
        return License(EXPIRED, expires, without_grace, days, EXPIRED_AT.message.format(date=date))
    if without_grace is not None and without_grace <= now:
        message = ENDED_AT.message.format(ended=format_date(without_grace), date=date)
        return License(GRACE, expires, without_grace, days, message)
    if days < EXPIRING_DAYS:
        return License(EXPIRING, expires, without_grace, days, EXPIRES_AT.message.format(date=date, days=days))
    return License(OK, expires, without_grace, days)


def _broken(organization: Organization, error: ApiError) -> Optional[License]:
    """Return what a failed read of the subscription says about the license file, ``None`` if nothing."""
    file = license_path(organization)
    if error.layer == SERVER and error.status == 500:
        return License(MISSING_OR_CORRUPT, message=NOT_READ.message.format(file=file))
    if error.status == 401 and error.text:
        return License(UNREADABLE, message=NOT_PERMITTED.message.format(file=file))
    if error.status == 400 and "license" in error.text.lower():
        # Only the first sentence: the rest is the JWT library's account of its keys.
        reason = ". ".join(error.text.split(". ")[:2]).rstrip(".")
        return License(INVALID, message=NOT_ACCEPTED.message.format(file=file, reason=reason))
    return None
