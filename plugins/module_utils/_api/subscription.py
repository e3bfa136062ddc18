# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The organization's license as the server reads it from its file, and what the server says when it cannot."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType
from typing import Any, Dict, Mapping, NamedTuple, Optional

from .._common.dates import format_date, parse_date
from .auth import Account
from .errors import LICENSE, SERVER, ApiError
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
_FILE = "bwdata/core/licenses/organization/{0}.json"
_RENEW = (
    "Upload the license (module license, or in the web vault: organization, Billing, Subscription, Update license). "
    "Where there is a connection to the cloud a license sync writes it again, too."
)


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
        message = "The license has no expiry date; a license file with member names in camelCase reads like that, too."
        return License(UNKNOWN, None, without_grace, None, message)
    days = int((expires - now).total_seconds() // _DAY)
    date = format_date(expires)
    if expires <= now:
        return License(EXPIRED, expires, without_grace, days, f"The license expired at {date}.")
    if without_grace is not None and without_grace <= now:
        message = f"The subscription ended at {format_date(without_grace)}; the license is good until {date}."
        return License(GRACE, expires, without_grace, days, message)
    if days < EXPIRING_DAYS:
        return License(EXPIRING, expires, without_grace, days, f"The license expires at {date}, in {days} days.")
    return License(OK, expires, without_grace, days)


def _broken(organization: Organization, error: ApiError) -> Optional[License]:
    """Return what a failed read of the subscription says about the license file, ``None`` if nothing."""
    file = _FILE.format(organization.id)
    if error.layer == SERVER and error.status == 500:
        message = f"The server cannot read the license: its file ({file}) is missing or corrupt."
        return License(MISSING_OR_CORRUPT, message=message)
    if error.status == 401 and error.text:
        message = (
            f"The server may not read the license file ({file}): it belongs to another user, or its mode is wrong."
        )
        return License(UNREADABLE, message=message)
    if error.status == 400 and "license" in error.text.lower():
        # Only the first sentence: the rest is the JWT library's account of its keys.
        reason = ". ".join(error.text.split(". ")[:2]).rstrip(".")
        return License(INVALID, message=f"The server does not accept the license file ({file}): {reason}.")
    return None


def connection_refused(account: Account, organization: Organization, error: ApiError) -> ApiError:
    """Tell what is wrong with the license file when the server would not save the connection because of it.

    Other errors come back as they are.
    """
    file = _FILE.format(organization.id)
    text = error.text
    if error.status == 400 and text.startswith("Version ") and text.endswith("is not supported."):
        if text.startswith("Version 0 "):
            message = f"The server reads nothing in its license file ({file}): its member names are in camelCase."
        else:
            message = f"The server does not know the version of its license file ({file}): {text}"
        advice = _RENEW if text.startswith("Version 0 ") else "Update the server, or have the license issued again."
        return ApiError(LICENSE, message, error.status, advice, text=text)
    if error.status == 401 and text:
        message = f"The server may not read its license file ({file})."
        advice = "Give it to the user of bwdata; a restart of the server does that by itself."
        return ApiError(LICENSE, message, error.status, advice, text=text)
    if error.status == 500 or (error.status == 400 and "verify license" in text):
        return _license_file_error(account, organization, error, file)
    return error


def _license_file_error(account: Account, organization: Organization, error: ApiError, file: str) -> ApiError:
    """Return the error of a license file on which the server fails; reading the subscription tells why."""
    try:
        state = read_license(account, organization)
    except ApiError:
        return error
    if state.state == INVALID:
        return ApiError(LICENSE, state.message, error.status, _RENEW, text=error.text)
    if state.state == UNREADABLE:
        return ApiError(LICENSE, state.message, error.status, text=error.text)
    if state.state == MISSING_OR_CORRUPT:
        # Since 2026.6.2 a missing file is a 400; before, the same 500 as a corrupt one.
        which = "is missing" if error.status == 400 else "is corrupt (or, before 2026.6.2, missing)"
        message = f"The server cannot use the organization's license: its file ({file}) {which}."
        return ApiError(LICENSE, message, error.status, _RENEW, text=error.text)
    return error
