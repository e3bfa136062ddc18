# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Identity's routes: the token endpoint, prelogin, discovery."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any, Dict, Optional

from flask import Blueprint, Response, jsonify, request

from . import grants, json_input
from .context import VERSION, server
from .errors import invalid
from .grants import Form, TokenError
from .state import Document

blueprint = Blueprint("identity", __name__)
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+$")
_LONGEST_EMAIL = 256
_TOKEN_HEADERS = {"Cache-Control": "no-store, no-cache, max-age=0", "Pragma": "no-cache"}
# What an unknown address may be said to have: type, iterations, memory, parallelism. The first is the usual one.
_FAKES = [(0, 600000, None, None), (0, 100000, None, None), (0, 5000, None, None), (1, 3, 64, 4), (1, 6, 32, 4)]
_LIMITS = {
    "client_id": 100,
    "client_secret": 100,
    "password": 100,
    "refresh_token": 100,
    "grant_type": 100,
    "scope": 300,
}


@blueprint.route("/connect/token", methods=["GET", "POST"])
def token() -> Response:
    """Return a token; every error is a 400."""
    try:
        return _token_response(200, grants.answer(_form()))
    except TokenError as error:
        return _token_response(400, error.body)


@blueprint.post("/accounts/prelogin")
@blueprint.post("/accounts/prelogin/password")
def prelogin() -> Response:
    """Return the parameters for the master password's hash; an unknown address gets some too."""
    model = json_input.read_model(request.get_data(), {"email": json_input.Member("text", "System.String")}, "model")
    email = (model.get("email") or "").strip().lower()
    if not email:
        raise invalid({"Email": ["The Email field is required."]})
    problems = [] if _EMAIL.match(email) else ["The Email field is not a valid e-mail address."]
    if len(email) > _LONGEST_EMAIL:
        problems.append(f"The field Email must be a string with a maximum length of {_LONGEST_EMAIL}.")
    if problems:
        raise invalid({"Email": problems})
    user = next((user for user in server().state.all("user") if user["email"].lower() == email), None)
    known = user or _fake(email)
    kdf = known["kdf"]
    return jsonify(
        {
            "kdf": kdf["type"],
            "kdfIterations": kdf["iterations"],
            "kdfMemory": kdf["memory"],
            "kdfParallelism": kdf["parallelism"],
            "kdfSettings": {
                "kdfType": kdf["type"],
                "iterations": kdf["iterations"],
                "memory": kdf["memory"],
                "parallelism": kdf["parallelism"],
            },
            "salt": known["salt"],
        }
    )


@blueprint.get("/alive")
@blueprint.get("/now")
def alive() -> Response:
    """Return the server's time."""
    return jsonify(server().clock.text())


@blueprint.get("/version")
def version() -> Response:
    """Return the server's version."""
    return jsonify(VERSION)


@blueprint.get("/.well-known/openid-configuration")
def discovery() -> Response:
    """Return the discovery document; also what the container's health check asks for."""
    own = f"{request.scheme}://{request.host}"
    vault = server().settings.text("globalSettings__baseServiceUri__vault", own)
    identity = server().settings.text("globalSettings__baseServiceUri__identity", f"{vault}/identity")
    text = Path(__file__).with_name("discovery.json").read_text(encoding="utf-8")
    return _json(json.loads(text.replace("{own}", f"{own}/identity").replace("{identity}", identity)))


def _fake(email: str) -> Document:
    """Return the parameters of an account that does not exist: the same for an address, so that nobody can tell."""
    kind, iterations, memory, parallelism = _FAKES[_picked(email, len(_FAKES))]
    salts: list[Optional[str]] = [email, None]
    return {
        "kdf": {"type": kind, "iterations": iterations, "memory": memory, "parallelism": parallelism},
        "salt": salts[_picked(f"{email}:salt", len(salts))],
    }


def _picked(text: str, count: int) -> int:
    """Pick a number below ``count`` that nobody without the server's key can foresee; without a key the first."""
    key = server().settings.text("globalSettings__kdfDefaultHashKey")
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()[0] % count if key else 0


def _form() -> Form:
    if request.method != "POST" or request.mimetype != "application/x-www-form-urlencoded":
        raise TokenError("invalid_request")
    form: Form = {name.lower(): value for name, value in request.form.items()}
    basic = request.authorization
    if basic is not None and basic.type == "basic":
        form["client_id"], form["client_secret"] = basic.username or "", basic.password or ""
    if not form.get("client_id") or any(len(form.get(name, "")) > limit for name, limit in _LIMITS.items()):
        raise TokenError("invalid_request")
    return form


def _token_response(status: int, body: Dict[str, Any]) -> Response:
    response = _json(body)
    response.status_code = status
    response.headers.update(_TOKEN_HEADERS)
    return response


def _json(body: Any) -> Response:
    return Response(json.dumps(body), headers={"Content-Type": "application/json; charset=UTF-8"})
