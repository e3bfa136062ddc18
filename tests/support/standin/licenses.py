# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Licenses of a self-hosted server's organizations: upload, new organization, sync with the cloud."""

from __future__ import annotations

import uuid
from typing import Any, Dict, Iterator, Optional

from flask import Blueprint, Response, jsonify, request

from . import access, clock, license_fields, license_files, license_signing, plans
from .access import APPLICATION, CONFIRMED, policy
from .cloud_client import CloudClient
from .connections import cloud_communication, connections_of
from .context import server
from .errors import Unhandled, bad_request, empty, invalid, not_found
from .license_fields import License
from .organization_views import organization_view
from .reading import guid
from .routes import action, only
from .state import Document

blueprint = Blueprint("licenses", __name__)
_CONTROLLER = "Bit.Api.Controllers.SelfHosted.SelfHostedOrganizationLicensesController"
_QUERY = "Bit.Core.Billing.Organizations.Queries.GetSelfHostedOrganizationLicenseQuery"
_LARGEST_REQUEST = 51200
_NOT_LIMITED_GB = 10240
_SYNC_FAILED = "An error has occurred. Check your internet connection and ensure the billing token is correct."
_IN_USE = "License is already in use by another organization vault."
_PREMIUM = (
    "Premium licenses cannot be applied to an organization vault. "
    "Upload this license from your personal account Settings page."
)
# Members of the organization that a license decides, by their names in it. Storage is not limited by the license.
_FROM_LICENSE = {
    "name": "Name", "businessName": "BusinessName", "billingEmail": "BillingEmail", "planType": "PlanType",
    "plan": "Plan", "seats": "Seats", "maxCollections": "MaxCollections", "enabled": "Enabled", "expires": "Expires",
    "licenseKey": "LicenseKey", "smSeats": "SmSeats", "smServiceAccounts": "SmServiceAccounts",
    "allowAdminAccessToAllCollectionItems": "AllowAdminAccessToAllCollectionItems",
}  # fmt: skip
_NOT_ALLOWED = (
    ("sso", "UseSso", "Your organization currently has a SSO configuration. Your new license does not allow for the "
     "use of SSO. Disable your SSO configuration."),
    ("key_connector", "UseKeyConnector", "Your organization currently has Key Connector enabled. Your new license does "
     "not allow for the use of Key Connector. Disable your Key Connector."),
    ("scim", "UseScim", "Your new plan does not allow the SCIM feature. Disable your SCIM configuration."),
    ("custom_permissions", "UseCustomPermissions", "Your new plan does not allow the Custom Permissions feature. "
     "Disable your Custom Permissions configuration."),
    ("password_reset", "UseResetPassword", "Your new license does not allow the Password Reset feature. Disable your "
     "Password Reset policy."),
)  # fmt: skip


@blueprint.post("/organizations/licenses/self-hosted")
@policy(APPLICATION)
@only(self_hosted=True)
@action(f"{_CONTROLLER}.CreateLicenseAsync")
def create() -> Response:
    """Create an organization from a license."""
    CloudClient(server(), _QUERY)
    license_ = _uploaded()
    if not request.form.get("key"):
        raise invalid({"Key": ["The Key field is required."]})
    license_ = _check(license_, organization=None)
    identifier = str(uuid.uuid4())
    member = {"id": str(uuid.uuid4()), "user": access.user_id(), "type": access.OWNER, "status": CONFIRMED}
    organization = {
        **plans.organization_of(plans.FAMILIES),
        **_decided(license_),
        "id": identifier,
        "maxStorageGb": _NOT_LIMITED_GB,
        "subscription": "active",
        "usage": {},
        "api_keys": {},
        "members": [member],
    }
    server().state.put("organization", identifier, organization)
    license_files.write(server(), identifier, license_)
    return jsonify(organization_view(server(), organization))


@blueprint.post("/organizations/licenses/self-hosted/<identifier>")
@policy(APPLICATION)
@only(self_hosted=True)
@action(f"{_CONTROLLER}.UpdateLicenseAsync")
def upload(identifier: str) -> Response:
    """Take a license uploaded by hand."""
    CloudClient(server(), _QUERY)
    license_ = _uploaded()
    organization = _owned(identifier)
    apply(organization, license_)
    return empty()


@blueprint.post("/organizations/licenses/self-hosted/<identifier>/sync")
@policy(APPLICATION)
@only(self_hosted=True)
@action(f"{_CONTROLLER}.SyncLicenseAsync")
def sync(identifier: str) -> Response:
    """Sync the license from the cloud. Whatever fails there is one and the same 400; only the log tells."""
    cloud = CloudClient(server(), _QUERY)
    organization = _owned(identifier)
    found = connections_of(identifier.lower())
    if not found:
        raise not_found()
    config = billing_sync_config(organization, found[0])
    answer = cloud.request(
        "GET",
        "api.licensing",
        f"licenses/organization/{config['CloudOrganizationId']}",
        {"licenseKey": organization["licenseKey"], "billingSyncKey": config["BillingSyncKey"]},
    )
    if answer is None:
        raise bad_request(_SYNC_FAILED)
    apply(organization, license_fields.read(answer, ignore_case=True))
    connection = {**found[0], "config": {**config, "LastLicenseSync": server().clock.local_text()}}
    server().state.put("connection", connection["id"], connection)
    return empty()


def billing_sync_config(organization: Document, connection: Document) -> Document:
    """Return the connection's configuration, when all is there for a sync."""
    if not cloud_communication():
        raise bad_request("Cloud communication is disabled in global settings")
    if not connection["enabled"]:
        raise bad_request(f"Connection disabled for organization {organization['id']}")
    config: Optional[Document] = connection["config"]
    if config is None:
        raise bad_request(f"No saved Connection config for organization {organization['id']}")
    if not (config["BillingSyncKey"] or "").strip():
        raise bad_request("Failed to get Billing Sync Key")
    return config


def apply(organization: Document, license_: License) -> None:
    """Check the license, write its file and change the organization by it."""
    license_ = _check(license_, organization)
    license_files.write(server(), organization["id"], license_)
    server().state.put("organization", organization["id"], {**organization, **_decided(license_)})


def _owned(identifier: str) -> Document:
    identifier = guid(identifier)
    organization = server().organization(identifier)
    if organization is None or not access.is_owner(identifier):
        raise not_found()
    return organization


def _uploaded() -> License:
    """Return the license in the form. Reading it comes before looking for the organization."""
    if request.content_length is None or request.content_length > _LARGEST_REQUEST:
        raise bad_request("Invalid license")
    files = {name.lower(): file for name, file in request.files.items()}
    if "license" not in files:
        raise invalid({"License": ["The License field is required."]})
    try:
        license_ = license_fields.read(files["license"].read(), ignore_case=True)
    except ValueError as error:
        raise bad_request("Invalid license") from error
    if license_ is None:
        raise bad_request("Invalid license")
    return dict(license_)


def _check(license_: License, organization: Optional[Document]) -> License:
    """Return the license with the fields of its token, if it may be used for the organization (None: a new one)."""
    for other in server().state.all("organization"):
        in_use = other["licenseKey"] == license_["LicenseKey"]
        if in_use and (organization is None or other["id"] != organization["id"]):
            raise bad_request(_IN_USE)
    key = server().meta("server")["license_public_key"]
    try:
        claims = license_signing.token_claims(license_, key, server().clock.now())
        if claims is not None:
            license_ = license_fields.apply_claims(license_, claims)
        failures = _failures(license_, key, with_token=claims is not None)
    except license_signing.InvalidToken as error:
        raise bad_request(f"Invalid license. {error}") from error
    except license_signing.UnsupportedVersion as error:
        raise bad_request(str(error)) from error
    if failures:
        raise bad_request("Invalid license. " + "\n".join(failures))
    if organization is not None:
        _check_seats(license_, organization)
    return license_


def _failures(license_: License, key: str, with_token: bool) -> list[str]:
    now = server().clock.now()
    held = True
    if not with_token:
        try:
            held = license_signing.signature_holds(license_, key)
        except ValueError as error:
            raise Unhandled("System.ArgumentNullException", "Value cannot be null. (Parameter 's')") from error
    installation = server().settings.guid("globalSettings__installation__id")
    checks = [
        (license_["Enabled"], "Your cloud-hosted organization is currently disabled."),
        (license_["InstallationId"] == installation, "The installation ID does not match the current installation."),
        (license_["SelfHost"], "The license does not allow for on-premise hosting of organizations."),
        (license_["LicenseType"] in (None, license_fields.ORGANIZATION_LICENSE), _PREMIUM),
    ]
    if not with_token:
        issued, expires = license_["Issued"], license_["Expires"]
        checks += [
            (clock.parse(issued) <= now, "The license hasn't been issued yet."),
            (expires is None or clock.parse(expires) >= now, "The license has expired."),
            (held, "The license verification failed."),
        ]
    return [message for good, message in checks if not good]


def _check_seats(license_: License, organization: Document) -> None:
    filled = len(organization["members"])
    seats = license_["Seats"]
    if seats is not None and filled > seats:
        raise bad_request(
            f"Your organization currently has {filled} seats filled. Your new license only has ({seats}) seats. "
            "Remove some users."
        )
    refused = next(iter(_too_small(license_, organization.get("usage", {}))), None)
    if refused:
        raise bad_request(refused)


def _too_small(license_: License, usage: Dict[str, Any]) -> Iterator[str]:
    """Yield what of the organization does not fit into the license, in the order in which the server looks."""
    collections, groups, policies = (usage.get(name, 0) for name in ("collections", "groups", "policies"))
    most = license_["MaxCollections"]
    if most is not None and collections > most:
        yield (
            f"Your organization currently has {collections} collections. Your new license allows for a maximum of "
            f"({most}) collections. Remove some collections."
        )
    if not license_["UseGroups"] and groups > 1:
        yield (
            f"Your organization currently has {groups} groups. Your new license does not allow for the use of groups. "
            "Remove all groups."
        )
    if not license_["UsePolicies"] and policies:
        yield (
            f"Your organization currently has {policies} enabled policies. Your new license does not allow for the use "
            "of policies. Disable all policies."
        )
    for name, member, refused in _NOT_ALLOWED:
        if usage.get(name) and not license_[member]:
            yield refused


def _decided(license_: License) -> Dict[str, Any]:
    decided = {name: license_[member] for name, member in _FROM_LICENSE.items()}
    for ability in plans.ABILITIES:
        decided[ability] = license_[ability[:1].upper() + ability[1:]]
    return decided
