# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fields of an organization's license: their names and types, and their values in JSON and in the token's claims."""

from __future__ import annotations

import html
import json
import re
from datetime import datetime
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional

from .._common.dates import normal_date
from .problems import WRONG_TYPE, LicenseError

SECRET_FIELDS = ("LicenseKey", "Hash", "Signature", "Token")
REQUIRED_FIELDS = ("LicenseKey", "InstallationId", "Id", "Name")

_TEXT, _NUMBER, _FLAG, _DATE = "a text", "a number", "true or false", "a time"
_FLAGS = (
    "Enabled", "UsePolicies", "UseSso", "UseKeyConnector", "UseScim", "UseGroups", "UseEvents", "UseDirectory",
    "UseTotp", "Use2fa", "UseApi", "UseResetPassword", "SelfHost", "UsersGetPremium", "UseCustomPermissions",
    "UsePasswordManager", "UseSecretsManager", "UseRiskInsights", "UsePhishingBlocker",
    "LimitCollectionCreationDeletion", "AllowAdminAccessToAllCollectionItems", "Trial", "UseOrganizationDomains",
    "UseAdminSponsoredFamilies", "UseAutomaticUserConfirmation", "UseDisableSmAdsForUsers", "UseMyItems",
    "UseInviteLinks", "UsePam",
)  # fmt: skip
# Every field, as it is written, with its type.
FIELDS: Dict[str, str] = {
    **dict.fromkeys(
        ("LicenseKey", "InstallationId", "Id", "Name", "BillingEmail", "BusinessName", "Plan", "Hash", "Signature",
         "Token"), _TEXT),
    **dict.fromkeys(
        ("PlanType", "Seats", "MaxCollections", "MaxStorageGb", "Version", "SmSeats", "SmServiceAccounts",
         "LicenseType"), _NUMBER),
    **dict.fromkeys(("Issued", "Refresh", "Expires", "ExpirationWithoutGracePeriod"), _DATE),
    **dict.fromkeys(_FLAGS, _FLAG),
}  # fmt: skip
_BY_LOWER = {name.lower(): name for name in FIELDS}
# What a token never has, and the id, by which the server tells whether the token is this license's.
_NOT_IN_TOKEN = ("Version", "Hash", "Signature", "Token", "Id")
# These differ between two issues of the same license.
_OF_THE_ISSUE = ("Issued", "Refresh", "Hash", "Signature", "Token", "Version")
# What a license of an older cloud lacks, is off; except these.
_ON_WHERE_MISSING = ("LimitCollectionCreationDeletion", "AllowAdminAccessToAllCollectionItems")
# The cloud writes these as HTML, the server's API does not.
_NAMES = ("Name", "BusinessName")
_INTEGER = re.compile(r"-?[0-9]{1,18}\Z")


class FieldDifference(NamedTuple):
    """A field in which two licenses differ."""

    name: str
    before: Any
    after: Any


def read_fields(data: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the known fields of a license's JSON by their proper names, dates normalized.

    Raises ``LicenseError`` for a value of another type.
    """
    found = {}
    for key, value in data.items():
        name = _BY_LOWER.get(str(key).lower())
        if name is not None:
            found[name] = _checked(name, value)
    return found


def _checked(name: str, value: Any) -> Any:
    kind = FIELDS[name]
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
        raise LicenseError(WRONG_TYPE.found(name=name, kind=kind))
    return value


def fields_of_claims(claims: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the fields as the token has them: a server trusts it, not the text around it. It omits null."""
    found: Dict[str, Any] = {}
    for name, kind in FIELDS.items() if claims else ():
        value = claims.get(name)
        read = _READ[kind](value) if isinstance(value, str) else None
        if name in _NOT_IN_TOKEN or (read is None and name in ("LicenseKey", "Name", "PlanType", "LicenseType")):
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


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> List[FieldDifference]:
    """Return the fields in which two licenses differ, without those that differ with each issue.

    A missing field counts as it does for a server: licenses of older clouds have fewer fields.
    """
    found = []
    for name, kind in FIELDS.items():
        if name in _OF_THE_ISSUE:
            continue
        missing = name in _ON_WHERE_MISSING if kind == _FLAG else None
        old, new = _plain(name, before.get(name, missing)), _plain(name, after.get(name, missing))
        if old != new:
            found.append(FieldDifference(name, old, new))
    return found


def field_text(value: Any) -> Optional[str]:
    """Return a field's value as a diff shows it."""
    return None if value is None else json.dumps(value) if isinstance(value, bool) else str(value)


def _plain(name: str, value: Any) -> Any:
    return html.unescape(value) if name in _NAMES and isinstance(value, str) else value
