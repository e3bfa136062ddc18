# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The organization's license as the server reads it from its file: its dates and its state."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType
from typing import Any, Dict, Mapping, NamedTuple, Optional

from .._common.dates import format_date, parse_date
from .._common.quotes import quoted, with_advice
from .auth import Account
from .errors import SERVER, ApiError
from .organizations import Organization

EXPIRY_WARNING = 30 * 86_400.0  # seconds

OK = "ok"
EXPIRING = "expiring"  # within the time of the option license_expiry_warning
GRACE = "grace"  # the subscription has ended, the license not yet
EXPIRED = "expired"
MISSING = "missing"  # this and the next two: by the file on the server's host, as the API does not tell them
CORRUPT = "corrupt"
CAMEL_CASE = "camel_case"
UNREADABLE = "unreadable"
INVALID = "invalid"
UNKNOWN = "unknown"

BROKEN = (MISSING, CORRUPT, CAMEL_CASE, UNREADABLE, INVALID)

_DAY = 86400
_SYNCED_AGAIN = "Where there is a connection to the cloud a license sync writes it again, too."
UPLOAD_AGAIN = (
    "Upload the license (module license, or in the web vault: organization, Billing, Subscription, Update license). "
    + _SYNCED_AGAIN
)


class Finding(NamedTuple):
    """What is wrong with a license on a server: its state, a template of the message, and what to do."""

    cause: str
    message: str
    advice: str


_REPLACE = "Download the license from the cloud and upload it (modules cloud_license and license)."
NO_EXPIRY = Finding(
    UNKNOWN,
    "The server shows no expiry date of the license; a license file with field names in camel case reads like that, "
    "too.",
    _REPLACE,
)
EXPIRED_AT = Finding(
    EXPIRED,
    "The license expired at {date}.",
    "Renew the subscription unless that is done; the next sync brings the new license. Without syncs, download it from "
    "the cloud and upload it (modules cloud_license and license).",
)
ENDED_AT = Finding(
    GRACE,
    "The subscription ended at {ended}; the license expires at {date}, in {left}.",
    "Renew the subscription; the next sync brings the new license. Without syncs, upload it.",
)
EXPIRES_AT = Finding(EXPIRING, "The license expires at {date}, in {left}.", ENDED_AT.advice)
NOT_READ = Finding(
    UNKNOWN,
    "The server failed to read the license ({status}).",
    "Possible causes: its file ({file}) is missing or corrupt (module server_info tells); the database is not "
    "reachable, or was not migrated after an update; the server's configuration is wrong. The reason is in the log of "
    "the server's api container.",
)
FILE_MISSING = Finding(MISSING, "The organization has no license file ({file}).", UPLOAD_AGAIN)
FILE_CORRUPT = Finding(CORRUPT, "The license file ({file}) is corrupt: {reason}", UPLOAD_AGAIN)
FILE_CAMEL_CASE = Finding(CAMEL_CASE, "The server reads nothing in the license file ({file}): {reason}", UPLOAD_AGAIN)
FILE_GOOD = Finding(
    UNKNOWN,
    "The server failed to read the license, although its file ({file}) is good.",
    "Possible causes: the database is not reachable, or was not migrated after an update; the server's configuration "
    "is wrong. The reason is in the log of the server's api container.",
)
NOT_PERMITTED = Finding(
    UNREADABLE,
    "The server may not read the license file ({file}): it belongs to another user, or its mode is wrong.",
    "Give it to the user of bwdata; a restart of the server does that by itself.",
)
NOT_ACCEPTED = Finding(
    INVALID, "The server does not accept the license file ({file}): {reason}.", f"{_REPLACE} {_SYNCED_AGAIN}"
)


class License(NamedTuple):
    """``expires`` is with, ``expires_without_grace`` without the days of grace (``None``: the license has none).

    ``message`` says what is wrong in states other than ``ok``, ``advice`` what to do. ``response`` is all that the
    server shows of it, empty where it failed.
    """

    state: str
    expires: Optional[datetime] = None
    expires_without_grace: Optional[datetime] = None
    days_left: Optional[int] = None
    message: str = ""
    advice: str = ""
    response: Mapping[str, Any] = MappingProxyType({})

    def facts(self) -> Dict[str, Any]:
        """Return the license in the form of the results."""
        return {
            "state": self.state,
            "expires": format_date(self.expires),
            "expires_without_grace": format_date(self.expires_without_grace),
            "days_left": self.days_left,
            "message": self.message,
            "advice": self.advice,
        }

    @property
    def text(self) -> str:
        """Message and advice in one text."""
        return with_advice(self.message, self.advice)


def license_path(organization: Organization) -> str:
    """Return the path of the license file on the server."""
    return f"bwdata/core/licenses/organization/{organization.id}.json"


def read_license(account: Account, organization: Organization, warning: float = EXPIRY_WARNING) -> License:
    """Read expiry and state. A license that the server cannot read is a state, not an error.

    ``warning``: how long before its end (seconds) a license counts as expiring. Raises ``ApiError`` for what has
    nothing to do with the license (network, permission).
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
    return judge(expires, without_grace, account.client.server_time(), warning)._replace(response=fields)


def judge(
    expires: Optional[datetime], without_grace: Optional[datetime], now: datetime, warning: float = EXPIRY_WARNING
) -> License:
    """Return the state of a license of these dates."""
    if expires is None:
        return License(UNKNOWN, None, without_grace, None, NO_EXPIRY.message, NO_EXPIRY.advice)
    seconds = (expires - now).total_seconds()
    days = int(seconds // _DAY)
    finding = None
    if seconds <= 0:
        finding = EXPIRED_AT
    elif without_grace is not None and without_grace <= now:
        finding = ENDED_AT
    elif seconds < warning:
        finding = EXPIRES_AT
    if finding is None:
        return License(OK, expires, without_grace, days)
    message = finding.message.format(date=format_date(expires), ended=format_date(without_grace), left=days_text(days))
    return License(finding.cause, expires, without_grace, days, message, finding.advice)


def days_text(days: int) -> str:
    """Return how many days are left, in words."""
    return "less than a day" if days < 1 else "1 day" if days == 1 else f"{days} days"


def _broken(organization: Organization, error: ApiError) -> Optional[License]:
    """Return what a failed read of the subscription says about the license file, ``None`` if nothing."""
    file = license_path(organization)
    if error.layer == SERVER and error.status == 500:  # its other addresses answer
        # The server fails in this way on a file that is missing or corrupt, but on much else, too.
        message = NOT_READ.message.format(status=error.status)
        return License(UNKNOWN, message=message, advice=NOT_READ.advice.format(file=file))
    if error.denied_by_system:
        return _found(NOT_PERMITTED, file)
    if error.status == 400 and "license" in error.text.lower():
        return _found(NOT_ACCEPTED, file, quoted(error.text).rstrip("."))
    return None


def judge_file(license_: License, file: Mapping[str, Any], now: datetime, warning: float = EXPIRY_WARNING) -> License:
    """Return the license, its state decided by its file where the API left it unknown.

    ``file``: one of ``licenses`` of module ``server_info``.
    """
    findings = {MISSING: FILE_MISSING, CORRUPT: FILE_CORRUPT, CAMEL_CASE: FILE_CAMEL_CASE}
    state, path = str(file.get("state")), str(file.get("path"))
    if license_.state != UNKNOWN:
        return license_
    if state in findings:
        return _found(findings[state], path, str(file.get("problem") or ""))
    if state != OK:
        return license_
    expires, without_grace = parse_date(file.get("expires")), parse_date(file.get("expires_without_grace"))
    if license_.response:  # a license without an expiry date; another one is not the file that the server uses
        return license_ if expires else license_._replace(state=OK, message="", advice="")
    judged = judge(expires, without_grace, now, warning)
    return judged._replace(state=UNKNOWN, message=FILE_GOOD.message.format(file=path), advice=FILE_GOOD.advice)


def _found(finding: Finding, file: str, reason: str = "") -> License:
    message = finding.message.format(file=file, reason=reason)
    return License(finding.cause, message=message, advice=finding.advice)
