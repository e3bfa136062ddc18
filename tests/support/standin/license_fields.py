# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The members of an organization license, their types, and the texts that hold them."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping, Tuple

from . import clock, json_input

License = Dict[str, Any]

# In the order of the file. A type with `?` may be null; `claim` members are left out of the token when null.
FIELDS: List[Tuple[str, str]] = [
    ("LicenseKey", "text?"), ("InstallationId", "guid?"), ("Id", "guid"), ("Name", "text?"), ("BillingEmail", "text?"),
    ("BusinessName", "text?"), ("Enabled", "bool"), ("Plan", "text?"), ("PlanType", "int"), ("Seats", "int?"),
    ("MaxCollections", "int?"), ("UsePolicies", "bool"), ("UseSso", "bool"), ("UseKeyConnector", "bool"),
    ("UseScim", "bool"), ("UseGroups", "bool"), ("UseEvents", "bool"), ("UseDirectory", "bool"), ("UseTotp", "bool"),
    ("Use2fa", "bool"), ("UseApi", "bool"), ("UseResetPassword", "bool"), ("MaxStorageGb", "int?"),
    ("SelfHost", "bool"), ("UsersGetPremium", "bool"), ("UseCustomPermissions", "bool"), ("Version", "int"),
    ("Issued", "date"),
    ("Refresh", "date?"), ("Expires", "date?"), ("ExpirationWithoutGracePeriod", "date?"),
    ("UsePasswordManager", "bool"),
    ("UseSecretsManager", "bool"), ("SmSeats", "int?"), ("SmServiceAccounts", "int?"), ("UseRiskInsights", "bool"),
    ("UsePhishingBlocker", "bool"), ("LimitCollectionCreationDeletion", "bool"),
    ("AllowAdminAccessToAllCollectionItems", "bool"), ("Trial", "bool"), ("LicenseType", "int?"),
    ("UseOrganizationDomains", "bool"), ("UseAdminSponsoredFamilies", "bool"), ("UseAutomaticUserConfirmation", "bool"),
    ("UseDisableSmAdsForUsers", "bool"), ("UseMyItems", "bool"), ("UseInviteLinks", "bool"), ("UsePam", "bool"),
    ("Hash", "text?"), ("Signature", "text?"), ("Token", "text?"),
]  # fmt: skip
NOT_IN_TOKEN = ("Version", "Hash", "Signature", "Token")
# The type decides where a license may be used, but the older signature does not cover it.
NOT_SIGNED = ("Hash", "Signature", "Token", "LicenseType")
ORGANIZATION_LICENSE = 1
_TYPES = dict(FIELDS)
_EMPTY: Dict[str, Any] = {
    "guid": "00000000-0000-0000-0000-000000000000",
    "bool": False,
    "int": 0,
    "date": "0001-01-01T00:00:00",
}
_CLAIM_DATE = "%m/%d/%Y %H:%M:%S"


def read(data: bytes, ignore_case: bool) -> Any:
    """Read the text of a license: a License, or None for the literal ``null``.

    An upload is read without case; a file on disk with it, so names in another case bind to nothing there.
    Raises ValueError for what is not JSON or has a member of another type.
    """
    value = json.loads(data.decode("utf-8-sig"))
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    names = {name.lower() if ignore_case else name: name for name in _TYPES}
    result: License = {name: _EMPTY.get(kind) for name, kind in FIELDS}
    for key, member in value.items():
        name = names.get(key.lower() if ignore_case else key)
        if name is not None:
            result[name] = _member(_TYPES[name], member)
    return result


def write(license_: Mapping[str, Any]) -> bytes:
    """Return the text of a license file as the server writes it: PascalCase, indented."""
    text = json.dumps({name: license_.get(name) for name, _rest in FIELDS}, indent=2, ensure_ascii=True)
    return text.replace("+", "\\u002B").encode("ascii")


def camel(license_: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the license as the cloud's Api returns it: camelCase."""
    return {camel_name(name): license_.get(name) for name, _rest in FIELDS}


def camel_name(name: str) -> str:
    """Return ``UseSso`` as ``useSso``."""
    return name[:1].lower() + name[1:]


def claims(license_: Mapping[str, Any]) -> Dict[str, str]:
    """Return the fields as claims of the license token; null fields are left out."""
    result = {}
    for name, kind in FIELDS:
        value = license_.get(name)
        if name in NOT_IN_TOKEN or value is None:
            continue
        if name == "LicenseType":
            result[name] = "Organization" if value == ORGANIZATION_LICENSE else "User"
        elif kind.startswith("date"):
            result[name] = clock.parse(value).strftime(_CLAIM_DATE)
        else:
            result[name] = str(value)
    return result


def apply_claims(license_: License, token_claims: Mapping[str, Any]) -> License:
    """Return the license with its fields overwritten from the token's claims; dates come without a zone."""
    result = dict(license_)
    for name, kind in FIELDS:
        if name not in NOT_IN_TOKEN:
            result[name] = _from_claim(name, kind, token_claims.get(name))
    return result


def _from_claim(name: str, kind: str, claim: Any) -> Any:
    if claim is None:
        return _EMPTY.get(kind)
    if name == "LicenseType":
        return ORGANIZATION_LICENSE if claim == "Organization" else 0
    base = kind.rstrip("?")
    if base == "bool":
        return claim == "True"
    if base == "int":
        return int(claim)
    if base == "date":
        month, day, year, time = claim[:2], claim[3:5], claim[6:10], claim[11:]
        return f"{year}-{month}-{day}T{time}"
    return claim


def _member(kind: str, value: Any) -> Any:
    base = kind.rstrip("?")
    if value is None:
        if kind.endswith("?"):
            return None
        raise ValueError("null")
    good = {
        "text": isinstance(value, str),
        "guid": json_input.is_guid(value),
        "bool": isinstance(value, bool),
        "int": isinstance(value, int) and not isinstance(value, bool),
        "date": isinstance(value, str),
    }[base]
    if not good:
        raise ValueError(f"not a {base}")
    if base == "date":
        clock.parse(value)
    return value.lower() if base == "guid" else value
