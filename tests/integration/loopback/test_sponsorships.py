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
from ansible_collections.selfhosted.bitwarden.plugins.module_utils.api import organization_info, sponsorships
from ansible_collections.selfhosted.bitwarden.plugins.module_utils.api.errors import ApiError

from .standin_pair import ADMIN, ADMIN_KEY, ORGANIZATION, OWNER, OWNER_KEY, Pair

Task = Callable[..., dict[str, Any]]


def at(hours: float) -> str:
    """A time that many hours from now."""
    return (datetime.now(timezone.utc) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def given(pair: Pair) -> Callable[..., None]:
    """Let the server have these sponsorships (members of the stand-in's seed)."""

    def seed(*listed: dict[str, Any]) -> None:
        content = pair._server_seed()
        defaults = {"user": OWNER, "email": "family@example.org", "friendly_name": "Home", "admin_initiated": True}
        content["organizations"][0]["sponsorships"] = [{**defaults, **one} for one in listed]
        pair.server.control("POST", "reset", {"seed": content})
        pair.server.control("DELETE", "requests")

    return seed


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
    ([{"last_sync": at(-25)}], "26h", False, ""),
    ([{"last_sync": at(-27)}], "26h", True, "only in the server's log"),
    ([{"last_sync": at(-27)}, {"last_sync": at(-2)}, {}], "26h", False, ""),
    ([{"last_sync": at(-2)}], "1h", True, "only in the server's log"),
    # Another member's own: not visible, but the organization's date tells that there is one.
    ([{"last_sync": at(-27), "user": ADMIN, "admin_initiated": False}], "26h", True, "only in the server's log"),
])  # fmt: skip
def test_overdue_and_what_is_said_of_it(
    given: Any, task: Task, params: dict[str, Any], members: Any, max_age: str, overdue: bool, said: str
) -> None:
    given(*members)
    result = task(max_age=max_age)
    assert result["overdue"] is overdue
    assert said in result["note"] and bool(result["note"]) is bool(said)
    # The same code behind organization_info, and so behind the table of a fleet.
    options = {**params, "wait_timeout": "0s", "sponsorships_max_age": max_age}
    facts = organization_info.perform(options, False)["sponsorships"]
    assert facts == {**{name: result[name] for name in ("counts", "last_sync", "overdue", "note")},
                     "visible": len(result["sponsorships"])}  # fmt: skip


def test_the_date_comes_and_goes_with_the_sponsorships(pair: Pair, given: Any, task: Task) -> None:
    given({"admin_initiated": False})
    token = pair.cloud.control("GET", "state")["organization"][0]["api_keys"]["billing_sync"]["key"]
    pair.server.control("POST", "connections", {"organization": ORGANIZATION, "billing_sync_key": token})
    assert (task()["last_sync"], task()["counts"]["waiting"]) == (None, 1)
    pair.server.control("POST", "jobs/SelfHostedSponsorshipSyncJob")
    synced = task()
    assert synced["last_sync"] and synced["last_sync_age"] < 60 and synced["counts"]["offered"] == 1
    with organization_info.connected({**pair_params(pair)}) as account:
        account.call("DELETE", f"/organization/sponsorship/self-hosted/{ORGANIZATION}", "revoke")
    assert task()["counts"]["to_be_removed"] == 1
    pair.server.control("POST", "jobs/SelfHostedSponsorshipSyncJob")
    assert (task()["last_sync"], task()["sponsorships"]) == (None, [])


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


def test_cloud_communication_off_is_said(pair: Pair, given: Any, task: Task) -> None:
    given({})
    pair.server.control("POST", "faults", {"path": ".*/connections/enabled", "status": 200, "body": "false"})
    assert "Cloud communication is off" in task()["note"]


def test_a_server_that_is_down_in_check_mode(params: dict[str, Any]) -> None:
    down = {**params, "url": "http://127.0.0.1:1", "max_age": "26h", "assume_ready": True}
    assert sponsorships.perform(down, True)["warnings"]
    with pytest.raises(ApiError):
        sponsorships.perform(down, False)
