# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""License syncs that fail in ways no recording shows; both faces run."""

from __future__ import annotations

import json

import pytest
from standin.replay.data import Data
from standin.replay.recordings import PROJECT, load
from standin.replay.world import World

GENERIC = "An error has occurred. Check your internet connection and ensure the billing token is correct."


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Yield a self-hosted server with the right token, and its cloud."""
    found = World(Data(load(PROJECT)), tmp_path_factory.mktemp("world"))
    found.start(with_connection=True)
    yield found
    found.stop()


@pytest.fixture
def fresh(world):
    """Return the same, as new."""
    world.cloud.control("POST", "reset", {})
    world.self_hosted.control("POST", "reset", {})
    world.cloud.control("POST", "limiter", {}, service="identity")
    world._tokens.clear()
    return world


def _sync(world):
    """Return status, message, the last line of the last failure logged."""
    before = world.self_hosted.control("GET", "log")["next"]
    path = f"/api/organizations/licenses/self-hosted/{world.data.about['organization']}/sync"
    answer = world.self_hosted.ask("POST", path, {"Authorization": f"Bearer {world.token('owner')}"}, b"")
    lines = [line["line"] for line in world.self_hosted.control("GET", f"log?after={before}")["lines"]]
    message = json.loads(answer.body)["message"] if answer.body else None
    return answer.status, message, world.recorded_texts(lines)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"subscription": "none"}, "BadRequest-Bad Request: No active subscription found."),
        ({"subscription": "payment"}, "BadRequest-Bad Request: Unable to generate license due to a payment issue."),
        ({"license_key": "another"}, "BadRequest-Bad Request: Invalid license key."),
        ({"api_keys": {"billing_sync": "another"}}, "BadRequest-Bad Request: Invalid Billing Sync Key"),
        ({"api_keys": {"billing_sync": None}}, "InternalServerError-Internal Server Error: An unhandled server error"),
    ],
)
def test_what_the_cloud_refuses(fresh, change, told):
    body = {"organization": fresh.data.about["cloud_organization"], **change}
    fresh.cloud.control("POST", "organization", body)
    status, message, log = _sync(fresh)
    assert (status, message) == (400, GENERIC)
    assert told in log[1]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"service": "api", "status": 503}, "is unsuccessful with status of ServiceUnavailable-Service Unavailable"),
        ({"service": "api", "close": True}, "The response ended prematurely. (ResponseEnded)"),
        ({"service": "api", "status": 200, "body": "<html>"}, "System.Text.Json.JsonException"),
        ({"service": "identity", "status": 502}, "with status BadGateway-Bad Gateway"),
        ({"service": "identity", "close": True}, "Unable to authenticate with identity server."),
    ],
)
def test_a_cloud_with_a_fault(fresh, fault, told):
    service = fault["service"]
    fresh.cloud.control("POST", "faults", {"path": ".*", **fault}, service=service)
    status, message, log = _sync(fresh)
    assert (status, message) == (400, GENERIC)
    assert told in "\n".join(log)
    assert _sync(fresh)[0] == 200


def test_a_disabled_installation_gets_no_token(fresh):
    fresh.cloud.control("POST", "installation", {"installation": fresh.data.about["installation"], "enabled": False})
    assert "with status BadRequest-Bad Request" in _sync(fresh)[2][1]


def test_a_license_of_a_disabled_organization_is_rejected(fresh):
    fresh.cloud.control(
        "POST", "organization", {"organization": fresh.data.about["cloud_organization"], "enabled": False}
    )
    status, message, log = _sync(fresh)
    assert (status, message) == (400, "Invalid license. Your cloud-hosted organization is currently disabled.")
    assert log == []


def test_the_license_file_is_rewritten(fresh):
    fresh.license_file().write_bytes(b"<html>")
    assert _sync(fresh)[0] == 200
    assert json.loads(fresh.license_file().read_text())["Expires"] == "2027-12-28T00:00:00"
