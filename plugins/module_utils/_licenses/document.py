# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A license as a text from anywhere (download, file, server's disk): read, and compared in meaning."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from datetime import datetime, timezone
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

from .._common.dates import normal_date, parse_date

LARGEST = 50_000  # bytes; a server takes 51,200 in one request, the form around the license included
SECRET_MEMBERS = ("LicenseKey", "Hash", "Signature", "Token")

_TEXT, _NUMBER, _FLAG, _DATE = "a text", "a number", "true or false", "a time"
_FLAGS = (
    "Enabled", "UsePolicies", "UseSso", "UseKeyConnector", "UseScim", "UseGroups", "UseEvents", "UseDirectory",
    "UseTotp", "Use2fa", "UseApi", "UseResetPassword", "SelfHost", "UsersGetPremium", "UseCustomPermissions",
    "UsePasswordManager", "UseSecretsManager", "UseRiskInsights", "UsePhishingBlocker",
    "LimitCollectionCreationDeletion", "AllowAdminAccessToAllCollectionItems", "Trial", "UseOrganizationDomains",
    "UseAdminSponsoredFamilies", "UseAutomaticUserConfirmation", "UseDisableSmAdsForUsers", "UseMyItems",
    "UseInviteLinks", "UsePam",
)  # fmt: skip
#: Every member of an organization's license, as it is written, with its kind.
MEMBERS: Dict[str, str] = {
    **dict.fromkeys(
        ("LicenseKey", "InstallationId", "Id", "Name", "BillingEmail", "BusinessName", "Plan", "Hash", "Signature",
         "Token"), _TEXT),
    **dict.fromkeys(
        ("PlanType", "Seats", "MaxCollections", "MaxStorageGb", "Version", "SmSeats", "SmServiceAccounts",
         "LicenseType"), _NUMBER),
    **dict.fromkeys(("Issued", "Refresh", "Expires", "ExpirationWithoutGracePeriod"), _DATE),
    **dict.fromkeys(_FLAGS, _FLAG),
}  # fmt: skip
_BY_LOWER = {name.lower(): name for name in MEMBERS}
_REQUIRED = ("LicenseKey", "InstallationId", "Id", "Name")
_IDS = ("InstallationId", "Id")
# What a token never holds, and the id, by which the server tells whether the token is this license's.
_NOT_BY_TOKEN = ("Version", "Hash", "Signature", "Token", "Id")
# These differ between two issues of the same license.
_OF_THE_ISSUE = ("Issued", "Refresh", "Hash", "Signature", "Token", "Version")
# What a license of an older cloud lacks, is off; but for these.
_ON_WHERE_MISSING = ("LimitCollectionCreationDeletion", "AllowAdminAccessToAllCollectionItems")
# The cloud writes these as HTML, the server's API does not.
_NAMES = ("Name", "BusinessName")
_INTEGER = re.compile(r"-?[0-9]{1,18}\Z")
_BLANKS = " \t\r\n"  # of JSON; Python knows more


class LicenseError(Exception):
    """A text is no license that a server could use. ``cause`` is one word, ``advice`` what to do."""

    def __init__(self, cause: str, message: str, advice: str) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message
        self.advice = advice


class LicenseDocument(NamedTuple):
    """``members``: by their names in PascalCase, those unknown here left out, dates as ``2026-11-22T10:00:00Z``.

    ``claims``: of the token (not verified), empty without one.
    """

    members: Dict[str, Any]
    claims: Dict[str, Any]

    @property
    def issued(self) -> Optional[datetime]:
        """When the cloud issued it."""
        return parse_date(self.members.get("Issued"))

    @property
    def token_expires(self) -> Optional[datetime]:
        """When the token, and with it the license, stops to be good whatever the subscription says."""
        return token_expiry(self.claims)

    def date(self, name: str) -> Optional[datetime]:
        """A member that is a time."""
        return parse_date(self.members.get(name))

    def shown(self) -> Dict[str, Any]:
        """The members that are no secret."""
        return {name: value for name, value in self.members.items() if name not in SECRET_MEMBERS}

    @property
    def key_digest(self) -> str:
        """What tells two license keys apart without showing them."""
        return hashlib.sha256(str(self.members["LicenseKey"]).encode("utf-8", "replace")).hexdigest()

    def facts(self) -> Dict[str, Any]:
        """What may be shown: plan, seats, expiry, issue."""
        shown = {"plan": "Plan", "seats": "Seats", "expires": "Expires", "issued": "Issued"}
        facts = {key: self.members.get(name) for key, name in shown.items()}
        return {**facts, "expires_without_grace": self.members.get("ExpirationWithoutGracePeriod")}


def parse_license_text(content: Union[str, bytes]) -> LicenseDocument:
    """Read a license in either casing, with or without a byte-order mark. Raises ``LicenseError``."""
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    if len(raw) > LARGEST:
        raise LicenseError(
            "too_large",
            f"The license has {len(raw)} bytes, which is more than a server takes.",
            "A real license has about 5,000 bytes: see whether this is one.",
        )
    data = _json(raw)
    if not isinstance(data, dict):
        raise LicenseError("not_a_license", "The text is JSON, but no license.", _AGAIN)
    members: Dict[str, Any] = {}
    for key, value in data.items():
        name = _BY_LOWER.get(str(key).lower())
        if name is None:
            continue
        members[name] = _checked(name, value)
    if _is_users(data):
        raise LicenseError(
            "premium",
            "This is the license of a person's Premium subscription, not of an organization.",
            "Upload it in the web vault: Account settings, Subscription. An organization's license is downloaded from "
            "the organization in the cloud.",
        )
    missing = [name for name in _REQUIRED if not members.get(name)]
    if missing:
        raise LicenseError("not_a_license", f"The license has no {', '.join(missing)}.", _AGAIN)
    token = members.get("Token")
    claims = token_claims(token) if token else {}
    if token and not claims:
        raise LicenseError("token_invalid", "The license's token cannot be read; it was changed or cut off.", _AGAIN)
    members.update(_told_by(claims))
    members.update({name: str(members[name]).lower() for name in _IDS if members.get(name)})
    return LicenseDocument(members, claims)


def _told_by(claims: Mapping[str, Any]) -> Dict[str, Any]:
    """The members as the token has them: a server believes it, not the text around it. It leaves out what is null."""
    found: Dict[str, Any] = {}
    for name, kind in MEMBERS.items() if claims else ():
        value = claims.get(name)
        read = _READ[kind](value) if isinstance(value, str) else None
        if name in _NOT_BY_TOKEN or (read is None and name in ("LicenseKey", "Name", "PlanType", "LicenseType")):
            continue
        found[name] = False if read is None and kind == _FLAG else read
    return found


def _number_of_claim(text: str) -> Optional[int]:
    named = {"user": 0, "organization": 1}.get(text.lower())
    return named if named is not None else int(text) if _INTEGER.match(text) else None


def _date_of_claim(text: str) -> Optional[str]:
    try:
        return datetime.strptime(text, "%m/%d/%Y %H:%M:%S").strftime("%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return None


_READ: Dict[str, Callable[[str], Any]] = {
    _TEXT: str,
    _NUMBER: _number_of_claim,
    _FLAG: lambda text: {"true": True, "false": False}.get(text.lower()),
    _DATE: _date_of_claim,
}


_AGAIN = "Download the license again from the organization in the cloud, and do not edit it."


def _json(raw: bytes) -> Any:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise LicenseError("encoding", "The license is written in UTF-16, not in UTF-8.", _AGAIN)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise LicenseError("encoding", "The license is no UTF-8 text.", _AGAIN) from None
    text = text.strip(_BLANKS)
    if not text:
        raise LicenseError("empty", "The license is empty.", _AGAIN)
    try:
        data, end = json.JSONDecoder(parse_constant=_no_constant).raw_decode(text)
    except (ValueError, RecursionError):
        raise LicenseError("not_json", "The license is not whole: it is no JSON, or was cut off.", _AGAIN) from None
    rest = text[end:]
    if rest:
        raise LicenseError(
            "trailing",
            f"Something follows the license's closing brace ({len(rest)} characters).",
            "A server refuses that. Remove it, or download the license again.",
        )
    return data


def _no_constant(name: str) -> Any:
    raise ValueError(name)  # NaN and Infinity, which are no JSON


def _is_users(data: Mapping[str, Any]) -> bool:
    lowered = {str(key).lower(): value for key, value in data.items()}
    kind = lowered.get("licensetype")
    return (kind == 0 and not isinstance(kind, bool)) or ("premium" in lowered and "selfhost" not in lowered)


def _checked(name: str, value: Any) -> Any:
    """A member's value, dates normalised. Raises ``LicenseError`` where it is of another kind."""
    kind = MEMBERS[name]
    if value is None:
        return None
    good = {
        _TEXT: isinstance(value, str),
        _NUMBER: isinstance(value, int) and not isinstance(value, bool),
        _FLAG: isinstance(value, bool),
        _DATE: isinstance(value, str),
    }[kind]
    if kind == _DATE and good:
        date = normal_date(value)
        good = date is not None or str(value).startswith("0001-01-01")
        value = date
    if not good:
        raise LicenseError("not_a_license", f"The license's {name} is not {kind}.", _AGAIN)
    return value


def token_claims(token: object) -> Dict[str, Any]:
    """The claims of a JSON web token, not verified; empty when there are none to be read."""
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3:  # header, claims, signature
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def token_expiry(claims: Mapping[str, Any], claim: str = "exp") -> Optional[datetime]:
    """A time that a token has (until when it is good, or another claim); ``None`` without one."""
    seconds = claims.get(claim)
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < 2**33:
        return None
    return datetime.fromtimestamp(seconds, timezone.utc)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> List[Tuple[str, Any, Any]]:
    """The members in which two licenses differ, ``(name, before, after)``, without those that differ with each issue.

    What one of them lacks counts as it does for a server: licenses of older clouds have fewer members.
    """
    found = []
    for name, kind in MEMBERS.items():
        if name in _OF_THE_ISSUE:
            continue
        missing = name in _ON_WHERE_MISSING if kind == _FLAG else None
        old, new = (_plain(name, one.get(name, missing)) for one in (before, after))
        if old != new:
            found.append((name, old, new))
    return found


def member_text(value: Any) -> Optional[str]:
    """A member's value as a difference shows it."""
    return None if value is None else json.dumps(value) if isinstance(value, bool) else str(value)


def _plain(name: str, value: Any) -> Any:
    return html.unescape(value) if name in _NAMES and isinstance(value, str) else value
