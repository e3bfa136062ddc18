# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Api's reads: health, config, profile, organizations, subscription, the public Api."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Dict, List, Optional

from flask import Blueprint, Response, jsonify

from . import access, clock, license_fields, license_files, license_signing
from .access import APPLICATION, CONFIRMED, ORGANIZATION, policy
from .context import VERSION, server
from .errors import Unhandled, bad_request, empty, not_found, null_reference
from .grants import ENCRYPTED, keys_of_account
from .json_input import is_guid
from .organization_views import list_of, membership_views, organization_view, subscription_view
from .routes import action
from .state import Document

blueprint = Blueprint("reading", __name__)
_GRACE = timedelta(days=60)
_CLOUD_DEFAULTS = {"notifications": "https://notifications.bitwarden.com", "sso": "https://sso.bitwarden.com"}


@blueprint.get("/alive")
@blueprint.get("/now")
def alive() -> Response:
    """Return the server's time."""
    return jsonify(server().clock.text())


@blueprint.get("/version")
def version() -> Response:
    """Return the server's version."""
    return jsonify(VERSION)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer the cloud's health check; a self-hosted server has none."""
    if server().self_hosted:
        return empty(404)
    headers = {"Content-Type": "text/plain", "Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}
    return Response("Healthy", headers=headers)


@blueprint.get("/config")
def config() -> Response:
    """Return what the server tells everybody about itself."""
    settings = server().settings
    vault = settings.text("globalSettings__baseServiceUri__vault", "http://localhost")
    own = {"vault": vault}
    for name in ("api", "identity", "notifications", "sso"):
        default = f"{vault}/{name}" if server().self_hosted else _CLOUD_DEFAULTS.get(name, f"{vault}/{name}")
        own[name] = settings.text(f"globalSettings__baseServiceUri__{name}", default)
    return jsonify(
        {
            "version": VERSION,
            "gitHash": None,
            "server": None,
            "environment": {
                "cloudRegion": settings.raw("globalSettings__baseServiceUri__cloudRegion"),
                **own,
                "fillAssistRules": "https://github.com/bitwarden/map-the-web/releases/latest/download",
            },
            "featureStates": {},
            "push": {"pushTechnology": 0, "vapidPublicKey": None},
            "communication": None,
            "settings": {
                "disableUserRegistration": settings.boolean("globalSettings__disableUserRegistration"),
                "suppressOnboardingInterstitials": False,
            },
            "object": "config",
        }
    )


@blueprint.get("/accounts/profile")
@policy(APPLICATION)
def profile() -> Response:
    """Return the account and its organizations."""
    user = server().state.get("user", access.user_id())
    if user is None:
        raise not_found()
    organizations = _memberships(user["id"])
    return jsonify(
        {
            "id": user["id"],
            "name": user["name"],
            "email": user["email"],
            "emailVerified": True,
            "premium": False,
            "premiumFromOrganization": any(o["enabled"] and o["usersGetPremium"] for o in organizations),
            "culture": "en-US",
            "twoFactorEnabled": user["two_factor"],
            "key": ENCRYPTED,
            "privateKey": ENCRYPTED,
            "accountKeys": keys_of_account(user),
            "securityStamp": user["security_stamp"],
            "forcePasswordReset": False,
            "usesKeyConnector": False,
            "avatarColor": None,
            "creationDate": user["created"],
            "verifyDevices": True,
            "organizations": organizations,
            "organizationsNew": organizations,
            "providers": [],
            "providerOrganizations": [],
            "object": "profile",
        }
    )


@blueprint.get("/organizations")
@policy(APPLICATION)
def organizations() -> Response:
    """Return the account's confirmed memberships."""
    return jsonify(list_of(_memberships(access.user_id())))


@blueprint.get("/organizations/<identifier>")
@policy(APPLICATION)
@action("Bit.Api.AdminConsole.Controllers.OrganizationsController.Get")
def organization(identifier: str) -> Response:
    """Return one organization, for its owner."""
    return jsonify(organization_view(server(), owned(guid(identifier))))


@blueprint.get("/organizations/<guid:identifier>/subscription")
@policy(APPLICATION)
@action("Bit.Api.Billing.Controllers.OrganizationsController.GetSubscription")
def subscription(identifier: str) -> Response:
    """Return the subscription; on a self-hosted server its dates come from the license, so they fail with it."""
    found = owned(identifier)
    if not server().self_hosted:
        expires = clock.utc(clock.parse(found["expires"])) if found["expires"] else None
        return jsonify(subscription_view(server(), found, expires, None))
    license_ = license_files.read(server(), found["id"])
    if license_ is None:
        raise null_reference()
    try:
        claims = license_signing.token_claims(
            license_, server().meta("server")["license_public_key"], server().clock.now()
        )
    except license_signing.InvalidToken as error:
        raise bad_request(f"Invalid license. {error}") from error
    if claims is not None:
        license_ = license_fields.apply_claims(license_, claims)
    expires = license_["Expires"]
    without_grace = license_["ExpirationWithoutGracePeriod"]
    if claims is None and expires and not without_grace and not license_["Trial"]:
        without_grace = clock.utc(clock.parse(expires) - _GRACE)
    return jsonify(subscription_view(server(), found, expires, without_grace))


@blueprint.get("/organizations/<guid:identifier>/billing/vnext/self-host/metadata")
@policy(APPLICATION)
def metadata(identifier: str) -> Response:
    """Return the metadata, of little use: it counts no seats."""
    if not access.is_member(identifier):
        raise not_found()
    return jsonify({"isOnSecretsManagerStandalone": False, "organizationOccupiedSeats": 0})


@blueprint.get("/public/members")
@policy(ORGANIZATION)
def public_members() -> Response:
    """Return the members, for the organization's own key."""
    found = server().organization(access.user_id())
    if found is None:
        raise not_found()
    return jsonify({"object": "list", "data": [_public_member(member) for member in found["members"]]})


@blueprint.get("/public/organization/subscription")
@policy(ORGANIZATION)
def public_subscription() -> Response:
    """Reject it on a self-hosted server (it is not needed of the cloud)."""
    if server().self_hosted:
        raise bad_request("Only allowed when not self hosted.")
    raise not_found()


def owned(identifier: str) -> Document:
    """Return the organization, if the token says that its user owns it; otherwise 404."""
    found = server().organization(identifier)
    if found is None or not access.is_owner(identifier):
        raise not_found()
    return found


def guid(identifier: str) -> str:
    """Return the id of a route that takes any text; what is not a GUID ends in a 500."""
    if not is_guid(identifier):
        raise Unhandled("System.FormatException", "Unrecognized Guid format.")
    return identifier.lower()


def _memberships(user: str) -> List[Document]:
    found = []
    for organization_ in server().state.all("organization"):
        member: Optional[Document] = next((m for m in organization_["members"] if m["user"] == user), None)
        if member and member["status"] == CONFIRMED:
            found.extend(membership_views(server(), organization_, member))
    return found


def _public_member(member: Document) -> Dict[str, Any]:
    user = server().state.get("user", member["user"]) or {}
    return {
        "object": "member",
        "id": member["id"],
        "userId": member["user"],
        "name": user.get("name"),
        "email": user.get("email"),
        "twoFactorEnabled": user.get("two_factor", False),
        "status": member["status"],
        "collections": [],
        "resetPasswordEnrolled": False,
        "ssoExternalId": None,
        "type": member["type"],
        "externalId": None,
        "permissions": None,
    }
