# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Organization connections: where the billing sync token is kept."""

from __future__ import annotations

import time
import uuid
from contextlib import nullcontext
from typing import Any, Dict, List, Optional

from flask import Blueprint, Response, jsonify

from . import access, clock, license_files, license_signing
from .access import APPLICATION, policy
from .context import server
from .errors import ApiError, bad_request, empty, invalid, not_found, null_reference
from .json_input import EMPTY_GUID, Member, is_guid, read_model
from .license_signing import InvalidToken, UnsupportedVersion
from .routes import action, json_body, parameters
from .state import Document

blueprint = Blueprint("connections", __name__)
BILLING_SYNC = 1
_TYPES = {"CloudBillingSync": BILLING_SYNC, "Scim": 2}
_NAMES = {number: name for name, number in _TYPES.items()}
_CONTROLLER = "Bit.Api.AdminConsole.Controllers.OrganizationConnectionsController"
_MODEL = {
    "type": Member("enum", "Bit.Core.Enums.OrganizationConnectionType"),
    "organizationId": Member("guid", "System.Guid"),
    "enabled": Member("bool", "System.Boolean"),
    "config": Member("any"),
}
_ABSENT = {"id": None, "type": 0, "organizationId": EMPTY_GUID, "enabled": False, "config": None}


def connections_of(organization: str, kind: int = BILLING_SYNC) -> List[Document]:
    """Return the organization's connections of a type, oldest first: one, unless a race left several."""
    every = server().state.all("connection")
    return [one for one in every if one["organizationId"] == organization and one["type"] == kind]


@blueprint.get("/organizations/connections/enabled")
@policy(APPLICATION)
def enabled() -> Response:
    """Tell whether the running server may talk to the cloud."""
    return jsonify(cloud_communication())


@blueprint.get("/organizations/connections/<organization>/<kind>")
@policy(APPLICATION)
@parameters(organization=("guid", "organizationId"), kind=(_TYPES, "type"))
def read(organization: str, kind: int) -> Response:
    """Return the connection; an empty one where there is none."""
    if not access.is_owner(organization):
        raise bad_request(f"You do not have permission to retrieve a connection of type {_NAMES[kind]}.")
    if kind == BILLING_SYNC and not server().self_hosted:
        raise bad_request("Cannot get a CloudBillingSync connection outside of a self-hosted instance.")
    found = connections_of(organization, kind)
    return jsonify(found[0] if found else _ABSENT)


@blueprint.post("/organizations/connections")
@policy(APPLICATION)
@action(f"{_CONTROLLER}.CreateConnection")
def create() -> Response:
    """Create a connection: one for each type and organization, which only the look before the write ensures."""
    model = _model()
    organization, kind = model["organizationId"], model["type"]
    name = _NAMES.get(kind, str(kind))
    if not access.is_owner(organization):
        raise bad_request(f"You do not have permission to create a connection of type {name}.")
    identifier = str(uuid.uuid4())
    race = float(server().meta("connection-race").get("seconds", 0))
    with nullcontext() if race else server().state.transaction():
        if connections_of(organization, kind):
            raise bad_request(
                f"The requested organization already has a connection of type {name}. "
                "Only one of each connection type may exist per organization."
            )
        document = _document(identifier, model)
        time.sleep(race)
        server().state.put("connection", identifier, document)
    return jsonify(document)


@blueprint.put("/organizations/connections/<connection>")
@policy(APPLICATION)
@action(f"{_CONTROLLER}.UpdateConnection")
def update(connection: str) -> Response:
    """Replace the whole connection: what the request omits is gone."""
    if not is_guid(connection):
        raise _bad_id(connection)
    model = _model()
    found = server().state.get("connection", connection.lower())
    if found is None or found["organizationId"] != model["organizationId"]:
        raise not_found()
    if not access.is_owner(found["organizationId"]):
        raise bad_request("You do not have permission to update this connection.")
    if found["type"] != model["type"]:
        raise bad_request("The connection type cannot be changed.")
    document = _document(found["id"], model)
    server().state.put("connection", found["id"], document)
    return jsonify(document)


@blueprint.delete("/organizations/connections/<connection>")
@policy(APPLICATION)
def delete(connection: str) -> Response:
    """Delete the connection; 404 where it is gone already."""
    if not is_guid(connection):
        raise _bad_id(connection)
    found = server().state.get("connection", connection.lower())
    if found is None:
        raise not_found()
    if not access.is_owner(found["organizationId"]):
        raise bad_request(f"You do not have permission to remove this connection of type {_NAMES[found['type']]}.")
    server().state.delete("connection", found["id"])
    return empty()


def cloud_communication() -> bool:
    """Tell whether the setting allows cloud communication, on a self-hosted server."""
    return server().self_hosted and server().settings.boolean("globalSettings__enableCloudCommunication")


def _model() -> Dict[str, Any]:
    model = read_model(json_body(), _MODEL, "model")
    return {"type": 0, "organizationId": EMPTY_GUID, "enabled": False, "config": None, **model}


def _document(identifier: str, model: Dict[str, Any]) -> Document:
    if model["type"] not in _NAMES:
        raise bad_request(f"Unknown Organization connection Type: {model['type']}")
    config = _config(model["config"])
    if model["type"] == BILLING_SYNC:
        if not server().self_hosted:
            raise bad_request("Cannot create a CloudBillingSync connection outside of a self-hosted instance.")
        config["CloudOrganizationId"] = _cloud_organization(model["organizationId"])
    return {
        "id": identifier,
        "type": model["type"],
        "organizationId": model["organizationId"],
        "enabled": model["enabled"],
        "config": config,
    }


def _config(value: Any) -> Document:
    """Return the configuration in the form it is stored and shown."""
    if value is None:
        raise null_reference()
    if not isinstance(value, dict):
        raise _malformed()
    given = {key.lower(): member for key, member in value.items()}
    key, cloud, last_sync = (given.get(name) for name in ("billingsynckey", "cloudorganizationid", "lastlicensesync"))
    if (
        not (key is None or isinstance(key, str))
        or ("cloudorganizationid" in given and not is_guid(cloud))
        or not (last_sync is None or isinstance(last_sync, str))
    ):
        raise _malformed()
    stored: Optional[str] = clock.stored(last_sync) if last_sync is not None else None
    if last_sync is not None and stored is None:
        raise _malformed()
    return {"BillingSyncKey": key, "CloudOrganizationId": cloud or EMPTY_GUID, "LastLicenseSync": stored}


def _cloud_organization(organization: str) -> str:
    """Return the organization's id in the cloud, from its license file, which must hold."""
    license_ = license_files.read(server(), organization)
    try:
        if license_ is not None:
            key = server().meta("server")["license_public_key"]
            claims = license_signing.token_claims(license_, key, server().clock.now())
            if claims is not None or license_signing.signature_holds(license_, key):
                return str(license_["Id"])
    except UnsupportedVersion as error:
        raise bad_request(str(error)) from error
    except InvalidToken:
        pass
    except ValueError as error:
        raise null_reference() from error
    raise bad_request("Cannot verify license file.")


def _malformed() -> ApiError:
    return bad_request("Organization Connection configuration malformed")


def _bad_id(connection: str) -> ApiError:
    return invalid({"organizationConnectionId": [f"The value '{connection}' is not valid."]})
