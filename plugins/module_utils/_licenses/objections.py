# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be told of a license before a server is asked: whether it would take it, and whether it should."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Iterator, NamedTuple, Optional

from .._api.organizations import Organization
from .._common.dates import format_date
from .document import LicenseDocument, token_expiry

_VERSIONS = range(1, 17)  # of licenses without a token
_ISSUER = "bitwarden"
_PERSONAL_PLANS = ("free", "families")
_COMPANY_PLANS = ("Teams", "Teams Starter", "Enterprise")
_AGAIN = "Download the license again from the organization in the cloud."


class Objection(NamedTuple):
    """Why a license is not sent. ``cause`` is one word."""

    cause: str
    message: str
    advice: str


def refusals(license_: LicenseDocument, installation: Optional[str], now: datetime) -> Iterator[Objection]:
    """What the server would refuse. ``installation``: its installation's id, if known; ``now``: by its clock."""
    members = license_.members
    if members.get("LicenseType") == 0:
        yield Objection(
            "premium",
            "This is the license of a person's Premium subscription, not of an organization.",
            "Download the license of the organization in the cloud.",
        )
    if members.get("Enabled") is False:
        yield Objection(
            "disabled", "The organization was disabled in the cloud when this license was issued.",
            "See to its subscription there, then download the license again.",
        )  # fmt: skip
    if members.get("SelfHost") is False:
        yield Objection(
            "not_self_hosted",
            "The license does not allow the organization on a self-hosted server.",
            "The plan in the cloud must include self-hosting.",
        )
    given = str(members.get("InstallationId") or "").lower()
    if installation and given != installation.lower():
        yield Objection(
            "installation",
            f"The license is for the installation {given}, and the server's is {installation.lower()}.",
            "Download it with the installation id of this server (module cloud_license, or the cloud's web vault).",
        )
    yield from _of_token(license_, now) if license_.claims else _without_token(license_, now)


def _of_token(license_: LicenseDocument, now: datetime) -> Iterator[Objection]:
    expires, begins = license_.token_expires, token_expiry(license_.claims, "nbf")
    if expires is not None and expires <= now:
        yield Objection(
            "token_expired",
            f"The license was good for a year from its issue, until {format_date(expires)}.",
            _AGAIN,
        )
    if begins is not None and begins > now:
        yield Objection(
            "token_not_yet",
            f"The license is not good before {format_date(begins)}, and the server's clock shows {format_date(now)}.",
            "Set the clock of the server's host right.",
        )
    if license_.claims.get("aud") != f"organization:{license_.members['Id']}" or license_.claims.get("iss") != _ISSUER:
        yield Objection("token_invalid", "The license's token belongs to something else than its text.", _AGAIN)


def _without_token(license_: LicenseDocument, now: datetime) -> Iterator[Objection]:
    members = license_.members
    if members.get("Version") not in _VERSIONS:
        yield Objection(
            "version",
            f"Version {members.get('Version')} of licenses is not known to servers.",
            "Back up bwdata, update the server, and upload the license again.",
        )
    issued, expires = license_.issued, license_.date("Expires")
    if issued is not None and issued > now:
        yield Objection("not_issued", f"The license is issued for {format_date(issued)}, which is to come.", _AGAIN)
    if expires is not None and expires < now:
        yield _expired(expires, "")
    try:
        signature = base64.b64decode(str(members.get("Signature") or ""), validate=True)
    except (ValueError, binascii.Error):
        signature = b""
    if not signature:
        yield Objection("signature", "The license has neither token nor signature.", _AGAIN)


_HARM = " The server would take it, and disable the organization at its next check, within twelve hours."


def _expired(expires: datetime, harm: str = _HARM) -> Objection:
    return Objection(
        "expired",
        f"The license's subscription expired at {format_date(expires)}.{harm}",
        "Renew the subscription in the cloud, and download the license again.",
    )


def dangers(license_: LicenseDocument, organization: Organization, known: Known, now: datetime) -> Iterator[Objection]:
    """What the server would take although it does harm."""
    members = license_.members
    foreign = []
    if known.cloud_organization_id and str(members["Id"]).lower() != known.cloud_organization_id.lower():
        foreign.append("another organization in the cloud")
    if known.key_digest and known.key_digest != license_.key_digest:
        foreign.append("another license key")
    if foreign:
        yield Objection(
            "other_organization",
            f"The license has {' and '.join(foreign)} than the one that {organization.name!r} has now; it is that of "
            f"{members['Name']!r}. The server does not check that they belong together.",
            "Upload the license of the right organization; or set force, where the organization was made anew in the "
            "cloud.",
        )
    plan = str(members.get("Plan") or "").lower()
    if organization.plan in _COMPANY_PLANS and plan.startswith(_PERSONAL_PLANS):
        yield Objection(
            "lower_plan",
            f"The license's plan is {members['Plan']!r}, and the organization's is {organization.plan}. Its features "
            "would be switched off.",
            "Upload the license of the right organization; or set force, where the plan was really changed.",
        )
    expires = license_.date("Expires")
    if expires is not None and expires <= now:
        yield _expired(expires)


class Known(NamedTuple):
    """What is known of the license that the server has: whose it is. ``None``: not known."""

    cloud_organization_id: Optional[str] = None
    key_digest: Optional[str] = None
