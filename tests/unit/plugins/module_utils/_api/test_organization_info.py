# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import PERMISSION, REQUEST, ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.subscription import judge
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.organization_info import perform

from .recorded_server import (
    BAD_GATEWAY,
    CONNECTION_PATH,
    NAME,
    ORGANIZATION,
    SUBSCRIPTION_PATH,
    TOKEN,
    RecordedServer,
    Reply,
    connection,
    recorded,
    recorded_at,
)

LIST = "/api/organizations"


@pytest.fixture
def options(params: dict[str, Any]) -> dict[str, Any]:
    return {**params, "wait_timeout": "0s", "sponsorships_max_age": "26h"}


def organizations(*changed: dict[str, Any]) -> Reply:
    """Return the recorded list of organizations with one entry (the enterprise one) for each of these changes."""
    reply = copy.deepcopy(recorded_at("reading.json", 6))
    (entry,) = (item for item in reply.body["data"] if item["id"] == ORGANIZATION)
    reply.body["data"] = [{**entry, **change} for change in changed]
    return reply


def test_all_facts(server: RecordedServer, options: dict[str, Any]) -> None:
    server.on("GET", CONNECTION_PATH, connection(last="2026-11-22T09:00:00.5+00:00"))
    result = perform(options, False)
    assert TOKEN not in repr(result)
    # The clock goes on while the requests are made.
    assert 3599 <= result.pop("last_license_sync_age") <= 3605
    assert result["license"].pop("days_left") == 399
    assert result["sponsorships"].pop("note").startswith("No sponsorship is visible")
    assert result == {
        "changed": False,
        "reachable": True,
        "organization": {"id": ORGANIZATION, "name": NAME, "enabled": True, "plan": "Enterprise", "seats": 10},
        "version": "2026.8.0",
        "server_time": "2026-11-22T10:00:00Z",
        "cloud_communication": True,
        "connection": {
            "id": "0e6f4a52-9a35-4a7e-93a2-b2e500f1e001",
            "enabled": True,
            "billing_sync_token_set": True,
            "cloud_organization_id": "ac5d6e7f-9081-4c23-9e4f-b2e500f1d003",
            "last_license_sync": "2026-11-22T09:00:00Z",
        },
        "last_license_sync": "2026-11-22T09:00:00Z",
        "last_sponsorship_sync": None,
        "sponsorships": {
            "visible": 0,
            "counts": {"offered": 0, "active": 0, "waiting": 0, "to_be_removed": 0, "expired": 0},
            "last_sync": None,
            "overdue": False,
            "obstacles": [],
        },
        "license": {
            "state": "ok",
            "expires": "2027-12-27T00:00:00Z",
            "expires_without_grace": None,
            "message": "",
            "advice": "",
        },
        "problems": [],
        "sync_problem": None,
        "warnings": [],
    }
    assert server.writes == []


@pytest.mark.parametrize("token", [None, "", "  "])
def test_a_connection_without_a_token(server: RecordedServer, options: dict[str, Any], token: Any) -> None:
    server.on("GET", CONNECTION_PATH, connection(token=token))
    assert perform(options, False)["connection"]["billing_sync_token_set"] is False


def test_no_connection_and_no_cloud_communication(server: RecordedServer, options: dict[str, Any]) -> None:
    server.on("GET", "/api/organizations/connections/enabled", recorded_at("connections.json", 70))
    result = perform(options, False)
    assert (result["connection"], result["last_license_sync"], result["last_license_sync_age"]) == (None, None, None)
    assert result["cloud_communication"] is False


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        (recorded("connections.json", "subscription: license file missing"), "unknown"),
        (recorded("connections.json", "subscription: license file trailing junk"), "unknown"),
        (recorded("connections.json", "subscription: license token signature broken"), "invalid"),
        (recorded_at("connections.json", 28), "unknown"),  # camelCase
        (recorded_at("reading.json", 25), "unreadable"),  # 401 "Unauthorized."
        (recorded_at("disabled.json", 9), "expired"),
    ],
)
def test_a_license_problem_is_a_state(
    server: RecordedServer, options: dict[str, Any], reply: Reply, state: str
) -> None:
    server.on("GET", SUBSCRIPTION_PATH, reply)
    result = perform(options, False)
    assert result["license"]["state"] == state
    assert result["license"]["message"]
    assert result["version"] == "2026.8.0"  # the other facts are still there


NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("expires", "without_grace", "state", "days"),
    [
        (60, None, "ok", 60),
        (30, None, "ok", 30),
        (29.9, None, "expiring", 29),
        (0.5, None, "expiring", 0),
        (0, None, "expired", 0),
        (-3, -63, "expired", -3),
        (50, -10, "grace", 50),
        (90, 30, "ok", 90),
    ],
)
def test_state_of_a_license(expires: float, without_grace: Any, state: str, days: int) -> None:
    grace = None if without_grace is None else NOW + timedelta(days=without_grace)
    found = judge(NOW + timedelta(days=expires), grace, NOW)
    assert (found.state, found.days_left) == (state, days)


@pytest.mark.parametrize(
    ("wanted", "known", "found"),
    [
        (None, [{}], ORGANIZATION),
        (" ", [{}], ORGANIZATION),
        (NAME, [{}], ORGANIZATION),
        (NAME.upper(), [{}], ORGANIZATION),
        (ORGANIZATION.upper(), [{}], ORGANIZATION),
        (NAME, [{}, {}], ORGANIZATION),  # one organization, two sponsorships
        (None, [{}, {"id": "1", "type": 1}], ORGANIZATION),  # of two only one is owned
        ("example enterprise", [{}, {"id": "1", "name": "example enterprise"}], "1"),  # the exact name first
    ],
)
def test_which_organization(
    server: RecordedServer, options: dict[str, Any], wanted: Any, known: list[dict[str, Any]], found: str
) -> None:
    server.on("GET", LIST, organizations(*known))
    for kind in ("connections/{0}/1", "{0}/subscription"):
        server.on("GET", "/api/organizations/" + kind.format("1"), recorded_at("connections.json", 0))
    server.on("GET", "/api/organization/sponsorship/1/sync-status", recorded_at("reading.json", 15))
    assert perform({**options, "organization": wanted}, False)["organization"]["id"] == found


@pytest.mark.parametrize(
    ("wanted", "known", "layer", "says"),
    [
        ("Nobody", [{}], REQUEST, "no organization of the name 'Nobody'. It is in: 'Example Enterprise'"),
        ("ac5d6e7f-9081-4c23-9e4f-b2e500f1d003", [{}], REQUEST, "have another id there"),
        ("Nobody", [], REQUEST, "It is in none."),
        (NAME, [{}, {"id": "1"}], REQUEST, f"in 2 organizations of the name '{NAME}': {ORGANIZATION}, 1."),
        (NAME, [{"type": 1}], PERMISSION, "not its owner"),
        (None, [{"type": 1}], PERMISSION, "owns no organization"),
        (None, [{}, {"id": "1", "name": "Other"}], REQUEST, "the account owns 2: 'Example Enterprise'"),
    ],
)
def test_an_organization_that_is_not_clear(
    server: RecordedServer, options: dict[str, Any], wanted: Any, known: list[dict[str, Any]], layer: str, says: str
) -> None:
    server.on("GET", LIST, organizations(*known))
    with pytest.raises(ApiError) as caught:
        perform({**options, "organization": wanted}, False)
    assert says in str(caught.value)
    assert caught.value.layer == layer


def test_a_server_that_is_too_old(server: RecordedServer, options: dict[str, Any]) -> None:
    server.on("GET", "/api/version", Reply(200, "2023.1.1", {"content-type": "application/json"}))
    with pytest.raises(ApiError, match=r"The server's version is 2023\.1\.1; this needs 2023\.2\.0 or later"):
        perform(options, False)


def test_waiting_for_a_server_that_starts(
    server: RecordedServer, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    server.on("GET", "/api/alive", *[BAD_GATEWAY] * 4, *server.replies[("GET", "/api/alive")])
    server.on("POST", "/identity/connect/token", BAD_GATEWAY, recorded_at("identity.json", 0))
    assert perform({**options, "wait_timeout": "30s"}, False)["reachable"] is True
    assert server.count("POST", "/identity/connect/token") == 2


def test_waiting_ends(server: RecordedServer, options: dict[str, Any]) -> None:
    server.on("GET", "/api/alive", BAD_GATEWAY)
    with pytest.raises(ApiError, match=r"The server did not answer within 1s\. Could not reach the server's API"):
        perform({**options, "wait_timeout": "1s"}, False)


def test_what_does_not_pass_is_not_waited_for(server: RecordedServer, options: dict[str, Any]) -> None:
    server.on("POST", "/identity/connect/token", recorded_at("identity.json", 14))
    with pytest.raises(ApiError, match="invalid_client"):
        perform({**options, "wait_timeout": "1h"}, False)


def test_check_mode_of_a_role_that_would_have_started_the_server(
    server: RecordedServer, options: dict[str, Any]
) -> None:
    server.on("GET", "/api/alive", BAD_GATEWAY)
    result = perform({**options, "assume_ready": True, "wait_timeout": "1h"}, True)
    assert (result["reachable"], result["changed"], len(result["warnings"])) == (False, False, 1)
    with pytest.raises(ApiError):
        perform({**options, "assume_ready": True}, False)
