# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""API keys of accounts and organizations; the billing sync token is one of them."""

from __future__ import annotations

import hmac
import secrets
from typing import Any, Dict, Optional

from flask import Blueprint, Response, jsonify

from . import access, passwords, plans
from .access import APPLICATION, policy
from .context import server
from .errors import Unhandled, empty, invalid, not_found
from .json_input import Member, read_model
from .organization_views import list_of
from .reading import guid, owned
from .routes import action, json_body, parameters
from .seed import random_key
from .state import Document

blueprint = Blueprint("keys", __name__)
_CONTROLLER = "Bit.Api.AdminConsole.Controllers.OrganizationsController"
_TYPES = {"Default": 0, "BillingSync": 1, "Scim": 2}
_STORED = {0: "default", 1: "billing_sync", 2: "scim"}
_DEFAULT = 0
_MODEL = {
    "type": Member("enum", "Bit.Core.Enums.OrganizationApiKeyType"),
    "masterPasswordHash": Member("text", "System.String"),
    "otp": Member("text", "System.String"),
}


@blueprint.post("/accounts/api-key")
@policy(APPLICATION)
def account_key() -> Response:
    """Return the personal API key."""
    return _account_key(rotate=False)


@blueprint.post("/accounts/rotate-api-key")
@policy(APPLICATION)
def rotate_account_key() -> Response:
    """Return a new personal API key; the old one is rejected from now on, tokens stay valid."""
    return _account_key(rotate=True)


@blueprint.post("/accounts/request-otp")
@policy(APPLICATION)
def request_otp() -> Response:
    """Make a one-time password for the account. It would be mailed; here the control endpoint ``state`` shows it."""
    user = _user()
    server().state.put("otp", user["id"], {"user": user["id"], "otp": f"{secrets.randbelow(10**6):06}"})
    return empty()


@blueprint.post("/organizations/<identifier>/api-key")
@policy(APPLICATION)
@action(f"{_CONTROLLER}.ApiKey")
def organization_key(identifier: str) -> Response:
    """Return one of an organization's keys, made when it is first asked for."""
    return _organization_key(identifier, rotate=False)


@blueprint.post("/organizations/<identifier>/rotate-api-key")
@policy(APPLICATION)
@action(f"{_CONTROLLER}.RotateApiKey")
def rotate_organization_key(identifier: str) -> Response:
    """Return a new key instead of the old one."""
    return _organization_key(identifier, rotate=True)


@blueprint.get("/organizations/<identifier>/api-key-information", defaults={"kind": None})
@blueprint.get("/organizations/<identifier>/api-key-information/<kind>")
@policy(APPLICATION)
@action(f"{_CONTROLLER}.ApiKeyInformation")
def key_information(identifier: str, kind: Any) -> Response:
    """Tell which keys there are, and since when."""
    return _key_information(identifier) if kind is None else _key_information_of(identifier=identifier, kind=kind)


@parameters(identifier=("guid", "id"), kind=(_TYPES, "type"))
def _key_information_of(identifier: str, kind: int) -> Response:
    return _key_information(identifier, kind)


def _key_information(identifier: str, wanted: Optional[int] = None) -> Response:
    keys = owned(guid(identifier))["api_keys"]
    numbers = {name: number for number, name in _STORED.items()}
    return jsonify(
        list_of(
            {"keyType": numbers[name], "revisionDate": key["revision"], "object": "keyInformation"}
            for name, key in keys.items()
            if wanted is None or numbers[name] == wanted
        )
    )


def _account_key(rotate: bool) -> Response:
    user = _user()
    model = _secret_model()
    if not _verified(user, model):
        server().wait_on_purpose()
        raise invalid({"": ["User verification failed."]})
    if rotate:
        user = {**user, "api_key": random_key(), "api_key_revision": server().clock.text()}
        server().state.put("user", user["id"], user)
    return _key_response(user["api_key"], user["api_key_revision"])


def _organization_key(identifier: str, rotate: bool) -> Response:
    model = _secret_model()
    kind = model.get("type", _DEFAULT)
    organization = owned(guid(identifier))
    if kind != _DEFAULT and not rotate and not plans.has_key_types(organization):
        raise not_found()
    if kind not in _STORED:
        raise Unhandled(
            "System.ArgumentOutOfRangeException", "Specified argument was out of the range of valid values."
        )
    keys: Dict[str, Document] = organization["api_keys"]
    if _STORED[kind] not in keys:
        keys[_STORED[kind]] = {"key": random_key(), "revision": server().clock.text()}
        server().state.put("organization", organization["id"], organization)
    if not _verified(_user(), model):
        server().wait_on_purpose()
        raise invalid({"MasterPasswordHash": ["Invalid password."]})
    if rotate:
        keys[_STORED[kind]] = {"key": random_key(), "revision": server().clock.text()}
        server().state.put("organization", organization["id"], organization)
    return _key_response(keys[_STORED[kind]]["key"], keys[_STORED[kind]]["revision"])


def _secret_model() -> Dict[str, Any]:
    model = read_model(json_body(), _MODEL)
    if not (model.get("masterPasswordHash") or model.get("otp")):
        raise invalid({"": ["MasterPasswordHash, OTP, or AccessCode must be supplied."]})
    return model


def _user() -> Document:
    user = server().state.get("user", access.user_id())
    if user is None:
        raise not_found()
    return user


def _verified(user: Document, model: Dict[str, Any]) -> bool:
    """Tell whether the master password's hash is right, or else the one-time password, which then is used up."""
    given = model.get("masterPasswordHash")
    if not given:
        mailed = server().state.get("otp", user["id"])
        if mailed is None or mailed["otp"] != model.get("otp"):
            return False
        server().state.delete("otp", user["id"])
        return True
    expected = passwords.hash_of(server().state, user)
    return expected is not None and given is not None and hmac.compare_digest(expected.encode(), given.encode())


def _key_response(key: str, revision: str) -> Response:
    return jsonify({"apiKey": key, "revisionDate": revision, "object": "apiKey"})
