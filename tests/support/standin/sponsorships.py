# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Families sponsorships: offers on the self-hosted server, their sync in the cloud."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any, Dict, Iterable, Optional

from flask import Blueprint, Response, jsonify

from . import access, clock, plans
from .access import APPLICATION, INSTALLATION, policy
from .cloud_api import check_billing_sync_key
from .context import server
from .errors import ApiError, Unhandled, bad_request, empty, invalid, not_found, null_reference
from .json_input import EMPTY_GUID, Member, read_model
from .organization_views import list_of
from .routes import action, json_body, only, parameters
from .state import Document

blueprint = Blueprint("sponsorships", __name__)
_CONTROLLER = "Bit.Api.Controllers.SelfHosted.SelfHostedOrganizationSponsorshipsController"
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
_ENCRYPTED = re.compile(r"^[0-7]\.[A-Za-z0-9+/=|]+$")
# An organization that has been disabled for longer gives no new sponsorships.
_GRACE = timedelta(days=93)
_OFFER = {
    "planSponsorshipType": Member("enum", "Bit.Core.Enums.PlanSponsorshipType"),
    "sponsoredEmail": Member("text", "System.String"),
    "friendlyName": Member("text", "System.String"),
    "isAdminInitiated": Member("bool", "System.Nullable`1[System.Boolean]"),
    "notes": Member("text", "System.String"),
}
_SYNC = {
    "billingSyncKey": Member("text", "System.String"),
    "sponsoringOrganizationCloudId": Member("guid", "System.Guid"),
    "sponsorshipsBatch": Member("any"),
}
SENT = (
    "sponsoringOrganizationUserId", "friendlyName", "offeredToEmail", "planSponsorshipType", "lastSyncDate",
    "validUntil", "toDelete",
)  # fmt: skip


@blueprint.get("/organization/sponsorship/<organization>/sync-status")
@action("Bit.Api.Controllers.OrganizationSponsorshipsController.GetSyncStatus")
@parameters(organization=("guid", "sponsoringOrgId"))
def sync_status(organization: str) -> Response:
    """Return the date of the last sync. Asks for no login, so without one it stumbles over what is not there."""
    if access.bearer() is None or server().organization(organization) is None:
        raise null_reference()
    if not access.is_owner(organization):
        raise not_found()
    dates = [one["lastSyncDate"] for one in of(organization) if one["lastSyncDate"]]
    return jsonify({"lastSyncDate": max(dates, default=None), "object": "syncStatus"})


@blueprint.get("/organization/sponsorship/self-hosted/<guid:organization>/sponsored")
@policy(APPLICATION)
@only(self_hosted=True)
def sponsored(organization: str) -> Response:
    """List the sponsorships that an admin has initiated."""
    if server().organization(organization) is None:
        raise not_found()
    if not access.is_admin(organization):
        raise ApiError(401, "Unauthorized.")
    return jsonify(list_of(_view(one) for one in of(organization) if one["isAdminInitiated"]))


@blueprint.get("/organization/sponsorship/<guid:organization>/sponsored")
@policy(APPLICATION)
@only(self_hosted=False)
def sponsored_in_the_cloud(organization: str) -> Response:
    """List the same on the cloud."""
    if not access.is_admin(organization):
        raise not_found()
    return jsonify(list_of(_view(one) for one in of(organization) if one["isAdminInitiated"]))


@blueprint.post("/organization/sponsorship/self-hosted/<organization>/families-for-enterprise")
@policy(APPLICATION)
@only(self_hosted=True)
@action(f"{_CONTROLLER}.CreateSponsorship")
@parameters(organization=("guid", "sponsoringOrgId"))
def offer(organization: str) -> Response:
    """Make a new offer, the same again, or another one instead. Those that an admin initiates come on top."""
    model = _offer()
    found = server().organization(organization)
    member = _member(found)
    if found is None or member is None:
        raise null_reference()
    admin_initiated = bool(model.get("isAdminInitiated"))
    if admin_initiated and not found["useAdminSponsoredFamilies"]:
        raise bad_request("Sponsoring organization cannot send admin-initiated sponsorship invitations")
    same = [one for one in _own(member) if not admin_initiated or one["friendlyName"] == model.get("friendlyName")]
    own = same[0] if same else {"id": str(uuid.uuid4()), "lastSyncDate": None, "validUntil": None}
    document = {
        **own,
        "organization": organization,
        "sponsoringOrganizationUserId": member["id"],
        "friendlyName": model.get("friendlyName"),
        "offeredToEmail": model["sponsoredEmail"],
        "planSponsorshipType": model.get("planSponsorshipType", 0),
        "toDelete": False,
        "isAdminInitiated": admin_initiated,
        "notes": model.get("notes"),
    }
    server().state.put("sponsorship", document["id"], document)
    return empty()


@blueprint.delete("/organization/sponsorship/self-hosted/<organization>")
@policy(APPLICATION)
@only(self_hosted=True)
@action(f"{_CONTROLLER}.RevokeSponsorship")
@parameters(organization=("guid", "sponsoringOrgId"))
def revoke(organization: str) -> Response:
    """Revoke an offer; one that the cloud knows is only marked: it goes with the next sync."""
    member = _member(server().organization(organization))
    if member is None:
        raise null_reference()
    own = next(iter(_own(member)), None)
    if own is None:
        raise bad_request("You are not currently sponsoring an organization.")
    if own["lastSyncDate"] is None:
        server().state.delete("sponsorship", own["id"])
    else:
        server().state.put("sponsorship", own["id"], {**own, "toDelete": True})
    return empty()


@blueprint.post("/organization/sponsorship/sync")
@policy(INSTALLATION)
@only(self_hosted=False)
def sync() -> Response:
    """Do the cloud's side of the daily job."""
    model = read_model(json_body(), _SYNC, "model")
    organization = server().organization(model.get("sponsoringOrganizationCloudId", EMPTY_GUID))
    if organization is None:
        raise bad_request("Invalid organization")
    check_billing_sync_key(organization, model.get("billingSyncKey"))
    offers = model.get("sponsorshipsBatch") or []
    known = by_member(of(organization["id"])) if offers else {}
    batch = [_synced(organization, known.get(item.get("sponsoringOrganizationUserId")), item) for item in offers]
    return jsonify({"sponsorshipsBatch": [item for item in batch if item is not None]})


def of(organization: str) -> list[Document]:
    """Return the organization's sponsorships."""
    return [one for one in server().state.all("sponsorship") if one["organization"] == organization]


def by_member(sponsorships: Iterable[Document]) -> Dict[str, Document]:
    """Index by the member who gave each; two of one member end the whole sync, here as in the cloud."""
    found: Dict[str, Document] = {}
    for one in sponsorships:
        member = one["sponsoringOrganizationUserId"]
        if member in found:
            raise Unhandled(
                "System.ArgumentException", f"An item with the same key has already been added. Key: {member}"
            )
        found[member] = one
    return found


def redeem(email: str, valid_until: Optional[str]) -> Document:
    """Do the cloud's part when a family takes an offer: it holds until then, which only the next sync tells."""
    found = next((one for one in server().state.all("sponsorship") if one["offeredToEmail"] == email), None)
    if found is None:
        raise not_found()
    redeemed = {**found, "validUntil": valid_until}
    server().state.put("sponsorship", found["id"], redeemed)
    return redeemed


def _synced(organization: Document, known: Optional[Document], item: Document) -> Optional[Document]:
    """Return one offer of the self-hosted server as synced; None where the cloud leaves it out."""
    sent = {name: item.get(name) for name in SENT}
    if not plans.is_enterprise(organization):
        return None
    if known is None:
        if (sent["toDelete"] and sent["lastSyncDate"] is None) or _disabled_for_long(organization):
            return None
        known = {
            **sent,
            "id": str(uuid.uuid4()),
            "organization": organization["id"],
            "validUntil": None,
            "toDelete": False,
            "isAdminInitiated": False,
            "notes": None,
        }
    # One that a family uses is only marked: it runs out.
    removed = bool(sent["toDelete"]) and known["validUntil"] is None
    told = {"lastSyncDate": server().clock.text(), "validUntil": known["validUntil"]}
    if removed:
        server().state.delete("sponsorship", known["id"])
    else:
        marked = bool(known["toDelete"] or sent["toDelete"])
        server().state.put("sponsorship", known["id"], {**known, **told, "toDelete": marked})
    return {**sent, **told, "cloudSponsorshipRemoved": removed, "isAdminInitiated": False}


def _disabled_for_long(organization: Document) -> bool:
    if organization["enabled"]:
        return False
    expired = organization["expires"]
    return expired is None or server().clock.now() - clock.parse(expired) > _GRACE


def _offer() -> Dict[str, Any]:
    model = read_model(json_body(), _OFFER, "model")
    errors: Dict[str, Any] = {}
    email = model.get("sponsoredEmail")
    if not email:
        errors["SponsoredEmail"] = ["The SponsoredEmail field is required."]
    if not _EMAIL.match(email or ""):
        errors.setdefault("SponsoredEmail", []).append(
            "The SponsoredEmail field is not a supported e-mail address format."
        )
    if model.get("notes") is not None and not _ENCRYPTED.match(model["notes"]):
        errors["Notes"] = ["Notes is not a valid encrypted string."]
    if errors:
        raise invalid(errors)
    return model


def _member(organization: Optional[Document]) -> Optional[Document]:
    members = organization["members"] if organization else []
    return next((member for member in members if member["user"] == access.user_id()), None)


def _own(member: Document) -> list[Document]:
    """Return the sponsorships that the member has given."""
    return [one for one in server().state.all("sponsorship") if one["sponsoringOrganizationUserId"] == member["id"]]


def _view(sponsorship: Document) -> Document:
    shown = {name: sponsorship[name] for name in (*SENT, "isAdminInitiated", "notes")}
    return {**shown, "cloudSponsorshipRemoved": False, "object": "organizationSponsorship"}
