# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Flask application of one service."""

from __future__ import annotations

from http.client import responses
from typing import Optional

from flask import Flask, Response, current_app, g, request

from . import cloud_api, connections, control, errors, faults, identity, keys_api, licenses, reading, sponsorships
from .console import client_address
from .context import Server, attach, server
from .limiter import API_RULES, IDENTITY_RULES, Limiter
from .routes import GuidConverter

_NOT_NOTED = ("/alive", "/.well-known/openid-configuration")
_API = (reading, connections, licenses, keys_api, sponsorships, cloud_api)


def build(instance: Server, with_control: bool, limits: bool, limits_scale: float) -> Flask:
    """Build the application of ``instance``."""
    app = Flask(__name__, static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.converters["guid"] = GuidConverter
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    attach(app, instance)
    rules = IDENTITY_RULES if instance.service == "identity" else API_RULES
    app.extensions["limiter"] = Limiter(
        rules, instance.clock.timestamp, limits_scale, limits and not instance.self_hosted
    )
    errors.install(app)
    app.before_request(_before)
    app.after_request(_after)
    for module in (identity,) if instance.service == "identity" else _API:
        app.register_blueprint(module.blueprint)
    if with_control:
        app.register_blueprint(control.blueprint)
    return app


def _before() -> Optional[Response]:
    if request.path.startswith(control.PREFIX):
        return None
    server().console.request_begins()
    limiter: Limiter = current_app.extensions["limiter"]
    refused = limiter.refuse(client_address(), request.method, request.path)
    if refused is not None:
        response = errors.error_response(429, f"Slow down! Too many requests. Try again in {refused.period}.")
        response.headers["Retry-After"] = str(refused.retry_after)
        return response
    return faults.strike(server())


def _after(response: Response) -> Response:
    response.status = f"{response.status_code} {responses.get(response.status_code, 'Unknown')}"
    if response.mimetype == "application/json" and "charset" not in response.headers.get("Content-Type", ""):
        response.headers["Content-Type"] = "application/json; charset=utf-8"
    if not request.path.startswith(control.PREFIX) and request.path not in _NOT_NOTED:
        server().state.note_request(
            {
                "service": server().service,
                "method": request.method,
                "path": request.path,
                "status": response.status_code,
                "deliberate_delay": g.get("deliberate_delay", 0),
                "at": server().clock.text(),
            }
        )
    return faults.lose(response)
