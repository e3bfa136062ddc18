# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Issuing licenses, as the cloud does."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from . import clock, license_signing, plans
from .context import Server
from .license_fields import FIELDS, License
from .state import Document

_VERSION = 15
_ORGANIZATION_LICENSE = 1


def issue(
    instance: Server,
    organization: Document,
    installation: str,
    cloud_id: Optional[str] = None,
    changes: Optional[Mapping[str, Any]] = None,
) -> License:
    """Return a license for the organization as it stands, signed with the server's key.

    ``cloud_id`` is the organization's id in the cloud where ``organization`` is a self-hosted one; ``changes`` are
    fields (by their names in the license) that differ.
    """
    return license_signing.sign(
        {
            **members(organization, installation, instance.clock.text()),
            "Id": cloud_id or organization["id"],
            **(changes or {}),
        },
        instance.meta("server")["license_signing_key"],
        instance.clock.now(),
    )


def members(organization: Document, installation: str, issued: str) -> License:
    """Return the fields of a license that is not signed yet."""
    license_: License = {name: None for name, _rest in FIELDS}
    for ability, value in plans.abilities(organization).items():
        license_[ability[:1].upper() + ability[1:]] = value
    expires = clock.utc(clock.parse(organization["expires"])) if organization["expires"] else None
    license_.update(
        {
            "LicenseKey": organization["licenseKey"],
            "InstallationId": installation,
            "Id": organization["id"],
            "Name": organization["name"],
            "BillingEmail": organization["billingEmail"],
            "BusinessName": organization["businessName"],
            "Enabled": organization["enabled"],
            "Plan": organization["plan"],
            "PlanType": organization["planType"],
            "Seats": organization["seats"],
            "MaxCollections": organization["maxCollections"],
            "MaxStorageGb": organization["maxStorageGb"],
            "Version": _VERSION,
            "Issued": issued,
            "Refresh": expires,
            "Expires": expires,
            "SmSeats": organization["smSeats"],
            "SmServiceAccounts": organization["smServiceAccounts"],
            "LimitCollectionCreationDeletion": False,
            "AllowAdminAccessToAllCollectionItems": organization["allowAdminAccessToAllCollectionItems"],
            "Trial": False,
            "LicenseType": _ORGANIZATION_LICENSE,
        }
    )
    return license_
