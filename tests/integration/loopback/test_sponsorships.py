# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Families sponsorships of the stand-in server: states, what an account sees, what is overdue, what cannot be known."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import (
    organization_info,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import (
    sponsorships_info as sponsorships,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.status import summarize
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._sync_log.parser import Failure, find_failures

from .standin_pair import ADMIN, ADMIN_KEY, NAME, ORGANIZATION, OWNER, OWNER_KEY, TOKEN, Pair

Task = Callable[..., dict[str, Any]]
JOB = "jobs/SelfHostedSponsorshipSyncJob"
SYNC_FAILED = f"Sponsorship sync for organization {NAME} Failed"


def at(hours: float) -> str:
    """Return a time that many hours from now."""
    return (datetime.now(timezone.utc) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def given(pair: Pair) -> Callable[..., None]:
    """Let the server have these sponsorships (members of the stand-in's seed)."""

    def seed(*listed: dict[str, Any]) -> None:
        content = pair._server_seed()
        defaults = {"user": OWNER, "email": "family@example.org", "friendly_name": "Home", "admin_initiated": True}
        content["organizations"][0]["sponsorships"] = [{**defaults, **one} for one in listed]
        content["organizations"][0]["abilities"] = {"useAdminSponsoredFamilies": True}
        pair.server.plant(content)

    return seed


@pytest.fixture
def connected(pair: Pair, given: Callable[..., None]) -> Callable[..., None]:
    """Return the same, with a connection with the cloud's token."""

    def seed(*listed: dict[str, Any]) -> None:
        given(*listed)
        pair.server.control("POST", "connections", {"organization": ORGANIZATION, "billing_sync_key": TOKEN})

    return seed


def run_job(pair: Pair) -> tuple[list[str], list[Failure]]:
    """Run the daily job: what it logs (without the scope of the request that starts it), and what the console tells."""
    before = len(pair.server.log.read_text())
    lines = pair.server.control("POST", JOB)["log"]
    return lines, find_failures(pair.server.log.read_text()[before:])


def asked_of_the_cloud(pair: Pair) -> list[str]:
    return [item["path"].rpartition("/")[2] for item in pair.cloud.control("GET", "requests")]


@pytest.fixture
def task(params: dict[str, Any]) -> Task:
    return lambda **changed: sponsorships.perform({**params, "max_age": "26h", **changed}, False)


@pytest.mark.parametrize(("members", "state"), [
    ({}, "waiting"),
    ({"last_sync": at(-1)}, "offered"),
    ({"last_sync": at(-1), "valid_until": at(99)}, "active"),
    ({"last_sync": at(-1), "valid_until": at(-1)}, "expired"),
    ({"to_delete": True}, "to_be_removed"),
    ({"last_sync": at(-1), "to_delete": True}, "to_be_removed"),
    ({"last_sync": at(-1), "valid_until": at(99), "to_delete": True}, "to_be_removed"),
    ({"last_sync": at(-1), "valid_until": at(-1), "to_delete": True}, "expired"),
])  # fmt: skip
def test_states(given: Any, task: Task, members: dict[str, Any], state: str) -> None:
    given(members)
    result = task()
    assert [one["state"] for one in result["sponsorships"]] == [state]
    assert {name for name, count in result["counts"].items() if count} == {state}


def test_what_an_account_sees(pair: Pair, given: Any, task: Task) -> None:
    given(
        {"email": "one@example.org", "friendly_name": "One"},
        {"email": "two@example.org", "friendly_name": "Two", "user": ADMIN},
        {"email": "own@example.org", "friendly_name": "Own", "admin_initiated": False},
        {"email": "other@example.org", "friendly_name": "Other", "admin_initiated": False, "user": ADMIN},
    )
    result = task()
    seen = {one["friendly_name"]: (one["admin_initiated"], one["own"], one["email"]) for one in result["sponsorships"]}
    assert seen == {
        "One": (True, False, "one@example.org"),
        "Two": (True, False, "two@example.org"),
        "Own": (False, True, None),
    }
    assert pair.writes() == []


@pytest.mark.parametrize(("members", "max_age", "overdue", "said"), [
    ([], "26h", False, "No sponsorship is visible"),
    ([{}], "26h", False, "never synced"),
    ([{"last_sync": at(-20)}], "26h", False, ""),
    ([{"last_sync": at(-27)}], "26h", True, "only in the server's log"),
    ([{"last_sync": at(-27)}, {"last_sync": at(-2), "user": ADMIN}], "26h", False, ""),
    ([{"last_sync": at(-27)}, {"last_sync": at(-2)}], "26h", False, "more than one sponsorship"),
    ([{"last_sync": at(-2)}], "1h", True, "only in the server's log"),
    # The account's own, and one that it gave as an admin.
    ([{"last_sync": at(-2), "admin_initiated": False}, {"last_sync": at(-2)}], "26h", False, "more than one"),
    # Another member's own: not visible, but the organization's date tells that there is one.
    ([{"last_sync": at(-27), "user": ADMIN, "admin_initiated": False}], "26h", True, "only in the server's log"),
])  # fmt: skip
def test_overdue_and_what_is_said_of_it(
    connected: Any, task: Task, params: dict[str, Any], members: Any, max_age: str, overdue: bool, said: str
) -> None:
    connected(*members)
    result = task(max_age=max_age)
    assert result["overdue"] is overdue
    assert said in result["note"] and bool(result["note"]) is bool(said)
    # The same code behind organization_info, and so behind the table of a fleet.
    options = {**params, "wait_timeout": "0s", "sponsorships_max_age": max_age}
    facts = organization_info.perform(options, False)["sponsorships"]
    assert facts == {**{name: result[name] for name in ("counts", "last_sync", "overdue", "obstacles", "note")},
                     "visible": len(result["sponsorships"])}  # fmt: skip


def test_the_date_comes_and_goes_with_the_sponsorships(pair: Pair, connected: Any, task: Task) -> None:
    connected({"admin_initiated": False})
    assert (task()["last_sync"], task()["counts"]["waiting"]) == (None, 1)
    assert run_job(pair) == ([], [])
    synced = task()
    assert synced["last_sync"] and synced["last_sync_age"] < 60 and synced["counts"]["offered"] == 1
    revoke(pair)
    assert task()["counts"]["to_be_removed"] == 1
    assert run_job(pair) == ([], [])
    assert (task()["last_sync"], task()["sponsorships"]) == (None, [])


def test_one_that_a_family_uses_becomes_active_by_a_sync_and_runs_out(pair: Pair, connected: Any, task: Task) -> None:
    def only() -> tuple[str, Any]:
        (one,) = task()["sponsorships"]
        return one["state"], one["valid_until"]

    connected({"admin_initiated": False, "email": "family@example.org"})
    run_job(pair)
    end = at(99)
    pair.cloud.control("POST", "redemption", {"email": "family@example.org", "valid_until": end})
    assert only() == ("offered", None), "only the cloud knows"
    run_job(pair)
    assert only() == ("active", end)
    revoke(pair)
    run_job(pair)
    assert only() == ("to_be_removed", end)


@pytest.mark.parametrize("members", [{"plan": "teams"}, {"enabled": False, "expires": at(-94 * 24)}])
def test_an_offer_that_the_cloud_leaves_out_waits(
    pair: Pair, connected: Any, task: Task, members: dict[str, Any]
) -> None:
    content = pair._cloud_seed()
    content["organizations"][0].update(members)
    pair.cloud.plant(content)
    connected({})
    assert run_job(pair) == ([], [])
    result = task()
    assert (result["last_sync"], result["counts"]["waiting"]) == (None, 1)
    assert "never synced" in result["note"]


def test_two_of_one_member_let_every_sync_fail(pair: Pair, connected: Any, task: Task) -> None:
    connected({"friendly_name": "One"})
    run_job(pair)
    synced = task()["last_sync"]
    assert synced
    pair.cloud.control("DELETE", "requests")
    offer = {"planSponsorshipType": 0, "sponsoredEmail": "two@example.org", "isAdminInitiated": True}
    with organization_info.connected({**pair_params(pair)}) as account:
        path = f"/organization/sponsorship/self-hosted/{ORGANIZATION}/families-for-enterprise"
        for name in ("One", "Two"):  # the first is there already
            account.call("POST", path, "offer", {**offer, "friendlyName": name})
    assert task()["counts"]["waiting"] == 1
    (member,) = {one["sponsoringOrganizationUserId"] for one in pair.server.control("GET", "state")["sponsorship"]}
    text = f"System.ArgumentException: An item with the same key has already been added. Key: {member}"
    for _day in range(2):
        lines, failures = run_job(pair)
        assert lines[:3] == ["fail: Bit.Api.Jobs.SelfHostedSponsorshipSyncJob[0]", SYNC_FAILED, text]
        assert [(one.organization, one.message, one.cause) for one in failures] == [
            (NAME, text, "duplicate_sponsorships")
        ]
    assert asked_of_the_cloud(pair) == [], "it fails before anything is sent"
    found = task()
    assert (found["last_sync"], len(found["sponsorships"])) == (synced, 2)
    assert "more than one sponsorship" in found["note"]


def test_two_of_one_member_in_the_cloud_let_every_sync_fail(pair: Pair, connected: Any, task: Task) -> None:
    content = pair._cloud_seed()
    own = {"user": OWNER, "admin_initiated": True}
    content["organizations"][0]["sponsorships"] = [{**own, "email": f"{name}@example.org"} for name in ("one", "two")]
    pair.cloud.plant(content)
    connected({})
    lines, failures = run_job(pair)
    assert SYNC_FAILED in lines
    assert [one.organization for one in failures] == [NAME]
    assert "is unsuccessful with status of InternalServerError-Internal Server Error" in failures[0].message
    assert (task()["last_sync"], task()["counts"]["waiting"]) == (None, 1)


def revoke(pair: Pair) -> None:
    with organization_info.connected({**pair_params(pair)}) as account:
        account.call("DELETE", f"/organization/sponsorship/self-hosted/{ORGANIZATION}", "revoke")


def pair_params(pair: Pair) -> dict[str, Any]:
    return {"url": pair.server.url, "client_id": f"user.{OWNER}", "client_secret": OWNER_KEY, "timeout": "10s"}


@pytest.mark.parametrize(("status", "body", "said"), [
    (401, {"object": "error", "message": "Unauthorized."}, "may not see them"),
    (404, None, "version does not tell"),
])  # fmt: skip
def test_a_list_that_is_not_shown(pair: Pair, given: Any, task: Task, status: int, body: Any, said: str) -> None:
    given({"friendly_name": "Mine"})
    fault = {"path": ".*/sponsored", "status": status, "body": json.dumps(body) if body else "", "times": -1}
    pair.server.control("POST", "faults", fault)
    result = task()
    # What an admin gave to this very account is in its own row.
    assert [one["friendly_name"] for one in result["sponsorships"]] == ["Mine"]
    assert said in result["note"]


def test_failures(pair: Pair, task: Task, params: dict[str, Any]) -> None:
    pair.server.control("POST", "faults", {"path": ".*/sponsored", "status": 500, "times": -1})
    with pytest.raises(ApiError, match="list the sponsorships"):
        task()
    info = organization_info.perform({**params, "wait_timeout": "0s", "sponsorships_max_age": "26h"}, False)
    assert info["sponsorships"] is None and "list the sponsorships" in info["warnings"][0]
    with pytest.raises(ApiError, match="not its owner"):
        task(client_id=f"user.{ADMIN}", client_secret=ADMIN_KEY)
    with pytest.raises(ApiError, match="max_age"):
        task(max_age="soon")


def test_cloud_communication_off_is_said_and_no_job_fails(pair: Pair, connected: Any, task: Task) -> None:
    connected({})
    pair.server.restart(globalSettings__enableCloudCommunication="false")
    try:
        assert run_job(pair) == ([], []), "it is not scheduled"
        assert "Cloud communication is off" in task()["note"]
    finally:
        pair.server.restart()


def without_connection(pair: Pair) -> None:
    pair.server.control("POST", "connections", {"organization": ORGANIZATION, "count": 0})


def connection_with(**members: Any) -> Callable[[Pair], None]:
    body = {"organization": ORGANIZATION, "billing_sync_key": TOKEN, **members}
    return lambda pair: pair.server.control("POST", "connections", body)


def disabled(pair: Pair) -> None:
    pair.server.control("POST", "organization", {"organization": ORGANIZATION, "enabled": False})


OBSTACLES: dict[str, tuple[Callable[[Pair], None], str]] = {
    "organization disabled": (disabled, "The organization is disabled on the server"),
    "no connection": (without_connection, "no connection to the cloud"),
    "connection disabled": (connection_with(enabled=False), "connection to the cloud is disabled"),
    "no token": (connection_with(billing_sync_key=" "), "holds no billing sync token"),
}


@pytest.mark.parametrize("members", [{}, {"last_sync": at(-27)}, {"last_sync": at(-2)}], ids=["never", "old", "young"])
@pytest.mark.parametrize("name", OBSTACLES)
def test_what_the_api_tells_nobody_has_to_read_in_a_log(
    pair: Pair, connected: Any, task: Task, params: dict[str, Any], name: str, members: dict[str, Any]
) -> None:
    """The daily job skips these silently."""
    make, says = OBSTACLES[name]
    connected(members)
    make(pair)
    assert run_job(pair)[1] == [] or name == "no token"
    result = task()
    (obstacle,) = result["obstacles"]
    assert says in obstacle
    doubtful = members.get("last_sync", "") < at(-3)
    assert (says in result["note"]) is doubtful
    assert "log" not in result["note"]
    options = {**params, "wait_timeout": "0s", "sponsorships_max_age": "26h"}
    info = organization_info.perform(options, False)
    assert any(says in warning for warning in summarize({"info": info})["warnings"])


@pytest.mark.parametrize("name", OBSTACLES)
def test_what_keeps_those_of_others_from_a_sync_is_told_also_where_none_is_visible(
    pair: Pair, connected: Any, task: Task, name: str
) -> None:
    connected({"user": ADMIN, "admin_initiated": False})
    make, says = OBSTACLES[name]
    make(pair)
    result = task()
    assert result["sponsorships"] == [] and result["last_sync"] is None
    assert [says in obstacle for obstacle in result["obstacles"]] == [True]


def test_a_server_that_is_down_in_check_mode(params: dict[str, Any]) -> None:
    down = {**params, "url": "http://127.0.0.1:1", "max_age": "26h", "assume_ready": True}
    assert sponsorships.perform(down, True)["warnings"]
    with pytest.raises(ApiError):
        sponsorships.perform(down, False)
