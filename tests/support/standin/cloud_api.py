# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Routes of the cloud's Api: installations and licenses."""

from __future__ import annotations

from typing import Optional

from flask import Blueprint, Response, jsonify, request

from . import license_fields, license_issue
from .access import APPLICATION, LICENSING, policy, user_id
from .context import server
from .errors import bad_request, not_found, null_reference
from .json_input import Member, is_guid, read_model
from .reading import guid, owned
from .routes import action, json_body, only, parameters
from .state import Document

blueprint = Blueprint("cloud", __name__)
_SELF_HOSTED_LICENSE = {
    "licenseKey": Member("text", "System.String"),
    "billingSyncKey": Member("text", "System.String"),
}
_PROBLEMS = {
    "none": "No active subscription found.",
    "payment": (
        "Unable to generate license due to a payment issue. "
        "Please update your billing information or contact support for assistance."
    ),
}


@blueprint.get("/installations/<identifier>")
@only(self_hosted=False)
@parameters(identifier=("guid", "id"))
def installation(identifier: str) -> Response:
    """Return the installation, if the cloud of this region knows it; otherwise 404."""
    found = server().state.get("installation", identifier)
    if found is None:
        raise not_found()
    return jsonify({"id": found["id"], "key": None, "enabled": found["enabled"], "object": "installation"})


@blueprint.get("/organizations/<identifier>/license")
@policy(APPLICATION)
@only(self_hosted=False)
@action("Bit.Api.Billing.Controllers.OrganizationsController.GetLicense")
def download(identifier: str) -> Response:
    """Return the license for one installation."""
    organization = owned(guid(identifier))
    wanted = request.args.get("installationId", "")
    known = server().state.get("installation", wanted.lower()) if is_guid(wanted) else None
    return _license(organization, known)


@blueprint.get("/licenses/organization/<identifier>")
@policy(LICENSING)
@only(self_hosted=False)
@action("Bit.Api.Billing.Controllers.LicensesController.OrganizationSync")
def for_self_hosted(identifier: str) -> Response:
    """Return the license for a self-hosted server that shows its license key and billing sync key."""
    model = read_model(json_body(), _SELF_HOSTED_LICENSE, "model")
    organization = server().organization(guid(identifier))
    if organization is None:
        raise not_found()
    if organization["licenseKey"] != model.get("licenseKey"):
        server().wait_on_purpose()
        raise bad_request("Invalid license key.")
    check_billing_sync_key(organization, model.get("billingSyncKey"))
    return _license(organization, server().state.get("installation", user_id()))


def check_billing_sync_key(organization: Document, given: Optional[str]) -> None:
    """Require the organization's billing sync key. Stumbles over an organization that never had one."""
    key = organization["api_keys"].get("billing_sync")
    if key is None and (given or "").strip():
        raise null_reference()
    if key is None or key["key"] != given:
        raise bad_request("Invalid Billing Sync Key")


def _license(organization: Document, installation_: Optional[Document]) -> Response:
    if installation_ is None or not installation_["enabled"]:
        raise bad_request("Invalid installation id")
    problem = _PROBLEMS.get(organization["subscription"])
    if problem:
        raise bad_request(problem)
    return jsonify(license_fields.camel(license_issue.issue(server(), organization, installation_["id"])))
