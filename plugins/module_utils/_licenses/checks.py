# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of a license before an upload, and the reason for which a server rejected one."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Iterator, NamedTuple, Optional

from .._api.errors import REQUEST, ApiError
from .._api.organizations import Organization
from .._common.dates import format_date
from . import problems
from .document import LicenseDocument
from .problems import Problem, upload_rejection
from .token import token_expiry
from .versions import newest_version, reads_tokens

_ISSUER = "bitwarden"
_PERSONAL_PLANS = ("free", "families")
_COMPANY_PLANS = ("Teams", "Teams Starter", "Enterprise")


class KnownLicense(NamedTuple):
    """What tells whose license the server has now. ``None``: not known."""

    cloud_organization_id: Optional[str] = None
    key_digest: Optional[str] = None


def license_errors(document: LicenseDocument, installation: Optional[str], now: datetime) -> Iterator[Problem]:
    """Yield what the server would reject.

    ``installation``: the id of the server's installation, if known. ``now``: the time by the server's clock.
    """
    fields = document.fields
    if fields.get("LicenseType") == 0:
        yield problems.PREMIUM.found()
    if fields.get("Enabled") is False:
        yield problems.DISABLED.found()
    if fields.get("SelfHost") is False:
        yield problems.NOT_SELF_HOSTED.found()
    given = str(fields.get("InstallationId") or "").lower()
    if installation and given != installation.lower():
        yield problems.INSTALLATION.found(given=given, installation=installation.lower())
    yield from _token_errors(document, now) if document.claims else _errors_without_token(document, now)


def version_error(document: LicenseDocument, server: str) -> Optional[Problem]:
    """Return what is wrong with the version of a license for a server of the version ``server``."""
    if document.claims and reads_tokens(server):
        return None
    version, newest = document.fields.get("Version"), newest_version(server)
    if isinstance(version, int) and version >= 1 and (newest is None or version <= newest):
        return None
    return problems.VERSION.found(version=version, server=server)


def _token_errors(document: LicenseDocument, now: datetime) -> Iterator[Problem]:
    expires, begins = document.token_expires, token_expiry(document.claims, "nbf")
    if expires is not None and expires <= now:
        yield problems.TOKEN_EXPIRED.found(expires=format_date(expires))
    if begins is not None and begins > now:
        yield problems.TOKEN_NOT_YET.found(begins=format_date(begins), now=format_date(now))
    if document.claims.get("aud") != f"organization:{document.fields['Id']}" or document.claims.get("iss") != _ISSUER:
        yield problems.TOKEN_INVALID.found()


def _errors_without_token(document: LicenseDocument, now: datetime) -> Iterator[Problem]:
    fields = document.fields
    issued, expires = document.issued, document.date("Expires")
    if issued is not None and issued > now:
        yield problems.NOT_ISSUED.found(issued=format_date(issued))
    if expires is not None and expires < now:
        yield problems.EXPIRED.found(expires=format_date(expires))
    try:
        signature = base64.b64decode(str(fields.get("Signature") or ""), validate=True)
    except (ValueError, binascii.Error):
        signature = b""
    if not signature:
        yield problems.SIGNATURE.found()


def license_warnings(
    document: LicenseDocument, organization: Organization, known: KnownLicense, now: datetime
) -> Iterator[Problem]:
    """Yield what the server would accept although it does harm."""
    fields = document.fields
    foreign = []
    if known.cloud_organization_id and str(fields["Id"]).lower() != known.cloud_organization_id.lower():
        foreign.append("another organization in the cloud")
    if known.key_digest and known.key_digest != document.key_digest:
        foreign.append("another license key")
    if foreign:
        yield problems.OTHER_ORGANIZATION.found(
            differences=" and ".join(foreign), organization=organization.name, name=fields["Name"]
        )
    plan = str(fields.get("Plan") or "").lower()
    if organization.plan in _COMPANY_PLANS and plan.startswith(_PERSONAL_PLANS):
        yield problems.LOWER_PLAN.found(plan=fields["Plan"], current=organization.plan)
    expires = document.date("Expires")
    if expires is not None and expires <= now:
        yield problems.EXPIRED_BUT_ACCEPTED.found(expires=format_date(expires))


def rejection(error: ApiError) -> Optional[Problem]:
    """Return the problem that a failed upload reports, with the server's text in it; ``None`` for other failures."""
    if error.denied_by_system:
        return problems.NOT_WRITABLE.found()
    if error.not_found and error.layer == REQUEST:
        return problems.NOT_OWNER.found()
    return upload_rejection(error.text) if error.status == 400 else None
