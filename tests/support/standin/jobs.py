# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Api's background jobs, run when a control endpoint says so."""

from __future__ import annotations

import json
from typing import Callable, Dict

from . import clock, license_files, license_signing, plans, sponsorships
from .cloud_client import CloudClient
from .connections import cloud_communication, connections_of
from .context import server
from .errors import ApiError, Unhandled
from .license_fields import License, apply_claims
from .licenses import billing_sync_config
from .state import Document

_LICENSING = "Bit.Core.Billing.Services.LicensingService"
_LICENSING_EVENT = 12482444
_SYNC_COMMAND = (
    "Bit.Core.OrganizationFeatures.OrganizationSponsorships.FamiliesForEnterprise.SelfHosted."
    "SelfHostedSyncSponsorshipsCommand"
)
_SYNC_JOB = "Bit.Api.Jobs.SelfHostedSponsorshipSyncJob"
_VALIDATION_JOB = "Bit.Api.Jobs.ValidateOrganizationsJob"
_MATCHING = {
    "licenseKey": "LicenseKey", "enabled": "Enabled", "planType": "PlanType", "seats": "Seats",
    "maxCollections": "MaxCollections", "name": "Name",
}  # fmt: skip


def validate_organizations() -> None:
    """Disable the organizations whose license does not hold."""
    organizations = [one for one in server().state.all("organization") if one["enabled"]]
    _license_log(f"Validating licenses for {len(organizations)} organizations.")
    for organization in organizations:
        try:
            reason = _reason_to_disable(organization, organizations)
        except (
            Unhandled,
            OSError,
            license_signing.InvalidToken,
            license_signing.UnsupportedVersion,
            ValueError,
        ) as error:
            text = f"{getattr(error, 'net_type', 'System.Exception')}: {error}"
            server().console.entry(
                "fail", _VALIDATION_JOB, "Error performing ValidateOrganizationsJob.", [text], event=2
            )
            continue
        if reason:
            _license_log(
                f"Organization {organization['id']} ({organization['name']}) has an invalid license and is being "
                f"disabled. Reason: {reason}"
            )
            disabled = {**organization, "enabled": False, "expires": server().clock.text()}
            server().state.put("organization", organization["id"], disabled)


def sync_sponsorships() -> None:
    """Send the offers of each organization with an enabled connection to the cloud.

    Nothing where cloud communication is off: the real server then never schedules it.
    """
    if not cloud_communication():
        return
    for organization in server().state.all("organization"):
        found = [one for one in connections_of(organization["id"]) if one["enabled"]]
        if not found or not organization["enabled"]:
            continue
        try:
            _sync_organization(organization, found[0])
        except (ApiError, Unhandled) as error:
            net_type = getattr(error, "net_type", "Bit.Core.Exceptions.BadRequestException")
            message = f"Sponsorship sync for organization {organization['name']} Failed"
            trace = f"   at {_SYNC_COMMAND}.SyncOrganization(Guid organizationId, Guid cloudOrganizationId)"
            server().console.entry("fail", _SYNC_JOB, message, [f"{net_type}: {error}", trace])


JOBS: Dict[str, Callable[[], None]] = {
    "ValidateOrganizationsJob": validate_organizations,
    "SelfHostedSponsorshipSyncJob": sync_sponsorships,
}


def _reason_to_disable(organization: Document, enabled: list[Document]) -> str:
    license_ = license_files.read(server(), organization["id"])
    if license_ is None:
        return "No license file."
    if sum(one["licenseKey"] == license_["LicenseKey"] for one in enabled) > 1:
        return "Multiple organizations."
    key = server().meta("server")["license_public_key"]
    claims = license_signing.token_claims(license_, key, server().clock.now())
    if not _fits(organization, license_ if claims is None else apply_claims(license_, claims)):
        return "Invalid data."
    if claims is None and not license_signing.signature_holds(license_, key):
        return "Invalid signature."
    return ""


def _fits(organization: Document, license_: License) -> bool:
    now = server().clock.now()
    in_time = clock.parse(license_["Issued"]) <= now and (
        license_["Expires"] is None or clock.parse(license_["Expires"]) >= now
    )
    same = all(organization[name] == license_[member] for name, member in _MATCHING.items())
    abilities = all(organization[ability] == license_[ability[:1].upper() + ability[1:]] for ability in plans.ABILITIES)
    installation = license_["InstallationId"] == server().settings.guid("globalSettings__installation__id")
    return in_time and same and abilities and installation


def _sync_organization(organization: Document, connection: Document) -> None:
    config = billing_sync_config(organization, connection)
    offers = sponsorships.by_member(sponsorships.of(organization["id"]))
    if not offers:
        message = f"No existing sponsorships to sync for organization {organization['id']}"
        server().console.entry("info", _SYNC_COMMAND, message)
        return
    answer = CloudClient(server(), _SYNC_COMMAND).request(
        "POST",
        "api.installation",
        "organization/sponsorship/sync",
        {
            "billingSyncKey": config["BillingSyncKey"],
            "sponsoringOrganizationCloudId": config["CloudOrganizationId"],
            "sponsorshipsBatch": [{name: one[name] for name in sponsorships.SENT} for one in offers.values()],
        },
    )
    if answer is None:
        raise ApiError(400, "Organization sync failed")
    # What the cloud has left out stays as it is.
    for item in json.loads(answer)["sponsorshipsBatch"]:
        one = offers[item["sponsoringOrganizationUserId"]]
        if item["cloudSponsorshipRemoved"]:
            server().state.delete("sponsorship", one["id"])
        else:
            changed = {name: item[name] for name in ("lastSyncDate", "validUntil", "toDelete")}
            server().state.put("sponsorship", one["id"], {**one, **changed})


def _license_log(message: str) -> None:
    server().console.entry("info", _LICENSING, message, event=_LICENSING_EVENT)
