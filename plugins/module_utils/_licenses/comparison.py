# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The license that a server has, as its file or its API shows it, compared with one to upload."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple

from .._api.subscription import BROKEN, License
from .._common.dates import format_date, normal_date, parse_date
from .._common.diff import Difference
from .checks import KnownLicense
from .document import LicenseDocument
from .fields import differences, field_text

FILE, API = "file", "api"
# What of a license the server keeps besides the file, and enforces.
ENFORCED = ("PlanType", "Seats")
# The API shows these too, but as the server's own (its storage, its idea of trials, its owner's setting), or under
# another name.
_NOT_OF_THE_LICENSE = (
    "MaxStorageGb", "Id", "Version", "Plan", "Trial", "AllowAdminAccessToAllCollectionItems",
    "ExpirationWithoutGracePeriod",
)  # fmt: skip
# A token is valid for a year: one that is valid for so much longer is worth an upload even if all else is equal.
_WORTH_LONGER = timedelta(days=30)


class ServerLicense(NamedTuple):
    """The license that the server has.

    ``compared``: by what it is known, its ``file`` or the ``api``. ``broken``: the state of one that cannot be used,
    empty otherwise. ``fields``: those that can be read. ``shown``: those that the API shows, and so enforces.
    """

    compared: str
    broken: str
    fields: Mapping[str, Any]
    shown: Mapping[str, Any]
    issued: Optional[datetime] = None
    token_expires: Optional[datetime] = None
    known: KnownLicense = KnownLicense()
    installation_id: Optional[str] = None

    def facts(self) -> Dict[str, Any]:
        """Return what results show."""
        return LicenseDocument(dict(self.fields), {}).facts()


def shown_fields(document: LicenseDocument, current: License) -> Dict[str, Any]:
    """Return those fields of ``document`` that the API shows of the current license, with its values."""
    if current.state in BROKEN or not current.response:
        return {}
    lowered = {key.lower(): value for key, value in current.response.items()}
    fields = {
        name: lowered[name.lower()]
        for name in document.fields
        if name.lower() in lowered and name not in _NOT_OF_THE_LICENSE
    }
    dates = {"Expires": "expiration", "ExpirationWithoutGracePeriod": "expirationwithoutgraceperiod"}
    plan = current.response.get("plan")
    return {
        **fields,
        # For a license without this date the server calculates one.
        **{
            name: normal_date(lowered.get(key))
            for name, key in dates.items()
            if name == "Expires" or document.fields.get(name)
        },
        "Plan": plan.get("name") if isinstance(plan, dict) else None,
    }


def is_shown(document: LicenseDocument, current: License, names: Optional[Tuple[str, ...]] = None) -> bool:
    """Tell whether the API shows the license: its expiry, and these fields or all."""
    shown = shown_fields(document, current)
    compared = {*(names or shown), "Expires"} & set(shown)
    fields = {name: document.fields.get(name) for name in compared}
    return bool(shown) and not differences({name: shown[name] for name in compared}, fields)


def is_stored(document: LicenseDocument, file: Mapping[str, Any]) -> bool:
    """Tell whether a file (one of ``server_info``'s ``licenses``) has the license."""
    stored = file.get("fields")
    if not stored:
        return False
    fields = {name: value for name, value in document.fields.items() if name in stored}
    same_key = file.get("license_key_digest") == document.key_digest
    same_issue = parse_date(file.get("issued")) == document.issued
    return same_key and same_issue and not differences(stored, fields)


def compare(document: LicenseDocument, server: ServerLicense, enabled: bool) -> Difference:
    """Return what an upload would change: of the license, and of what the server enforces.

    ``enabled``: whether the organization is enabled on the server.
    """
    found = Difference()
    # An older server's file lacks fields that it does not know; in the file of this very license that does not count.
    same_issue = server.issued is not None and server.issued == document.issued
    known = server.fields if same_issue or server.compared == API else document.fields
    fields = {name: value for name, value in document.fields.items() if name in known}
    for name, before, after in differences(server.fields, {**fields, "LicenseKey": None}):
        found.compare(name, field_text(before), field_text(after))
    if server.known.key_digest is not None:
        found.compare("LicenseKey", server.known.key_digest, document.key_digest, secret=True)
    for name in ENFORCED:
        if not found and name in server.shown and server.shown[name] != document.fields.get(name):
            found.compare(name, field_text(server.shown[name]), field_text(document.fields.get(name)))
    if not found and not enabled:
        found.compare("Enabled", "false", "true")
    return found


def compare_token(document: LicenseDocument, server: ServerLicense) -> Difference:
    """Return the difference in how long the tokens are valid, empty where it is not worth an upload."""
    found = Difference()
    before, after = server.token_expires, document.token_expires
    if before is not None and after is not None and after - before > _WORTH_LONGER:
        found.compare("Token", format_date(before), format_date(after))
    return found


def is_older(document: LicenseDocument, server: ServerLicense) -> bool:
    """Tell whether the license is older than the server's."""
    if server.issued is not None and document.issued is not None:
        return document.issued < server.issued
    before, after = parse_date(server.fields.get("Expires")), document.date("Expires")
    return server.compared == API and before is not None and after is not None and after < before
