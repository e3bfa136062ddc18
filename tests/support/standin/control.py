# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Control endpoints for tests, under ``/_standin/``. Only with STANDIN_CONTROL=1."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, Dict

from flask import Blueprint, Response, current_app, jsonify, request

from . import faults, license_files, seed, sponsorships
from .connections import connections_of
from .context import server
from .errors import bad_request, empty, not_found
from .jobs import JOBS
from .json_input import EMPTY_GUID
from .limiter import Limiter
from .state import Document

blueprint = Blueprint("control", __name__, url_prefix="/_standin")
PREFIX = "/_standin/"
_MEMBERS = {"license_key": "licenseKey", "billing_email": "billingEmail"}
_OF_ORGANIZATION = (
    "enabled",
    "subscription",
    "license_key",
    "billing_email",
    "expires",
    "name",
    "seats",
    "members",
    "api_keys",
    "usage",
)


@blueprint.get("/state")
def state() -> Response:
    """Return what the server remembers, secrets included."""
    kinds = ("user", "organization", "installation", "connection", "sponsorship", "fault", "otp")
    known = {kind: server().state.all(kind) for kind in kinds}
    return jsonify({**known, "clock": server().meta("clock"), "now": server().clock.text()})


@blueprint.post("/reset")
def reset() -> Response:
    """Begin again from the seed."""
    seed.plant_anew(server(), _body().get("seed"))
    return empty()


@blueprint.get("/faults")
def list_faults() -> Response:
    """List the faults still to come."""
    return jsonify(server().state.all("fault"))


@blueprint.post("/faults")
def add_fault() -> Response:
    """Add a fault."""
    try:
        return jsonify(faults.add(server(), _body()))
    except ValueError as error:
        raise bad_request(str(error)) from error


@blueprint.delete("/faults")
def remove_faults() -> Response:
    """Remove all faults."""
    server().state.clear("fault")
    return empty()


@blueprint.post("/clock")
def set_clock() -> Response:
    """Let the clock run off."""
    body = _body()
    with server().state.transaction("fault"):
        setting = server().clock_setting()
        shift = body.get("shift", setting.shift) + body.get("advance", 0)
        server().state.put("meta", "clock", {"shift": shift, "frozen": body.get("frozen", setting.frozen)})
    return jsonify({**server().meta("clock"), "now": server().clock.text()})


@blueprint.post("/last-sync")
def set_last_sync() -> Response:
    """Set another date of the last license sync."""
    body = _body()
    days = body.get("days_ago")
    moment = None if days is None else (server().clock.now() - timedelta(days=days)).astimezone()
    for connection in connections_of(_organization(body)["id"]):
        connection["config"]["LastLicenseSync"] = moment and moment.isoformat()
        server().state.put("connection", connection["id"], connection)
    return empty()


@blueprint.post("/connections")
def set_connections() -> Response:
    """Give one organization as many connections as are asked for."""
    body = _body()
    organization = _organization(body)["id"]
    found = connections_of(organization)
    pattern: Document = (
        found[0] if found else {"type": 1, "organizationId": organization, "enabled": True, "config": {}}
    )
    license_ = license_files.read(server(), organization) or {"Id": EMPTY_GUID}
    config = {
        "BillingSyncKey": None,
        "CloudOrganizationId": license_["Id"],
        "LastLicenseSync": None,
        **pattern["config"],
    }
    if "billing_sync_key" in body:
        config["BillingSyncKey"] = body["billing_sync_key"]
    made = []
    for connection in found:
        server().state.delete("connection", connection["id"])
    for _count in range(body.get("count", 1)):
        identifier = str(uuid.uuid4())
        document = {**pattern, "id": identifier, "enabled": body.get("enabled", pattern["enabled"]), "config": config}
        server().state.put("connection", identifier, document)
        made.append(document)
    return jsonify(made)


@blueprint.post("/connection-race")
def set_connection_race() -> Response:
    """Widen the gap between looking for a connection and writing it."""
    server().state.put("meta", "connection-race", {"seconds": _body().get("seconds", 1)})
    return empty()


@blueprint.post("/organization")
def change_organization() -> Response:
    """Change fields of an organization."""
    body = _body()
    organization = _organization(body)
    changes: Dict[str, Any] = {name: body[name] for name in _OF_ORGANIZATION if name in body}
    for kind, key in changes.pop("api_keys", {}).items():
        if key is None:
            organization["api_keys"].pop(kind, None)
        else:
            revision = body.get("revision", server().clock.text())
            organization["api_keys"][kind] = {"key": key, "revision": revision}
    for member in changes.get("members", []):
        member.setdefault("id", str(uuid.uuid4()))
    organization.update({_MEMBERS.get(name, name): value for name, value in changes.items()})
    server().state.put("organization", organization["id"], organization)
    return jsonify(organization)


@blueprint.post("/migration")
def set_migration() -> Response:
    """Let the scripts of a release fail."""
    server().state.put("meta", "migration", {"fails": _body().get("fails")})
    return empty()


@blueprint.post("/installation")
def change_installation() -> Response:
    """Change or add an installation."""
    body = _body()
    identifier = body.pop("installation", "")
    installation = {"enabled": True, **(server().state.get("installation", identifier) or {"id": identifier}), **body}
    server().state.put("installation", identifier, installation)
    return jsonify(installation)


@blueprint.post("/redemption")
def redeem() -> Response:
    """Let a family take the offer sent to its address."""
    body = _body()
    return jsonify(sponsorships.redeem(body["email"], body["valid_until"]))


@blueprint.post("/jobs/<name>")
def run_job(name: str) -> Response:
    """Run a background job; its log comes back."""
    if name not in JOBS:
        raise not_found()
    before, _rest = server().console.lines()
    JOBS[name]()
    _rest, lines = server().console.lines(before)
    return jsonify({"log": [line["line"] for line in lines]})


@blueprint.get("/requests")
def requests() -> Response:
    """List what was asked; only the last ones with ``?last=N``."""
    return jsonify(server().state.requests()[-int(request.args.get("last", 0)) :])


@blueprint.delete("/requests")
def forget_requests() -> Response:
    """Empty the list."""
    server().state.forget_requests()
    return empty()


@blueprint.get("/log")
def log() -> Response:
    """Return the log of this process, Information included."""
    number, lines = server().console.lines(int(request.args.get("after", 0)))
    return jsonify({"next": number, "lines": lines})


@blueprint.post("/limiter")
def set_limiter() -> Response:
    """Switch the cloud's limiter."""
    limiter: Limiter = current_app.extensions["limiter"]
    body = _body()
    limiter.on = bool(body.get("on", limiter.on))
    limiter.scale = float(body.get("scale", limiter.scale))
    limiter.forget()
    return empty()


def _body() -> Dict[str, Any]:
    body = request.get_json(silent=True) or {}
    if not isinstance(body, dict):
        raise bad_request("an object is needed")
    return body


def _organization(body: Dict[str, Any]) -> Document:
    found = server().organization(str(body.pop("organization", "")).lower())
    if found is None:
        raise not_found()
    return found
