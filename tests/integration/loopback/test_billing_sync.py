# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import (
    LICENSE,
    PERMISSION,
    REQUEST,
    SERVER,
    ApiError,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import billing_sync

from .standin_pair import (
    ADMIN,
    ADMIN_KEY,
    CANARIES,
    CLOUD_ORGANIZATION,
    FAILED,
    NAME,
    ORGANIZATION,
    REFUSED,
    TOKEN,
    WRONG_TOKEN,
    Pair,
    answer,
)

Task = Callable[..., dict[str, Any]]
KEYS = ("enabled", "billing_sync_token", "last_license_sync")


@pytest.fixture
def task(params: dict[str, Any]) -> Task:
    def run(check_mode: bool = False, **changed: Any) -> dict[str, Any]:
        own = {"state": "present", "enabled": True, "keep_last_sync": True}
        given = {**params, **own, "billing_sync_token": TOKEN, **changed}
        try:
            result = billing_sync.perform(given, check_mode)
        except ApiError as error:
            assert not [canary for canary in CANARIES if canary in repr(error.result())]
            raise
        assert not [canary for canary in CANARIES if canary in repr(result)]
        return result

    return run


def actions(result: dict[str, Any]) -> dict[str, str]:
    return {change["key"]: change["action"] for change in result["changes"]}


def connections(pair: Pair) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pair.server.control("GET", "state")["connection"]
    return found


def test_the_cycle_each_step_checked_first_and_repeated(pair: Pair, task: Task) -> None:
    """Create, change, disable, remove: check mode predicts and writes nothing, the second run changes nothing."""
    steps: list[tuple[dict[str, Any], dict[str, str]]] = [
        ({}, dict.fromkeys(KEYS[:2], "added")),
        ({"enabled": False}, {"enabled": "changed"}),
        ({"enabled": False, "billing_sync_token": WRONG_TOKEN}, {"billing_sync_token": "changed"}),
        ({}, {"enabled": "changed", "billing_sync_token": "changed"}),
        ({"state": "absent", "billing_sync_token": None}, dict.fromkeys(KEYS[:2], "removed")),
    ]
    for changed, expected in steps:
        pair.server.control("DELETE", "requests")
        predicted = task(check_mode=True, **changed)
        assert pair.writes() == []
        real = task(**changed)
        written = len(pair.writes())
        assert predicted["changed"] is real["changed"] is True
        assert actions(predicted) == actions(real) == expected
        assert predicted["diff"] == real["diff"]
        again = task(**changed)
        assert (again["changed"], again["changes"]) == (False, [])
        assert again["connection"]["before"] == again["connection"]["after"] == real["connection"]["after"]
        assert len(pair.writes()) == written > 0


def test_what_a_new_connection_is_like(pair: Pair, task: Task) -> None:
    result = task()
    after = result["connection"]["after"]
    assert (result["connection"]["before"], len(after.pop("id"))) == (None, 36)
    assert after == {
        "enabled": True,
        "billing_sync_token_set": True,
        "cloud_organization_id": CLOUD_ORGANIZATION,
        "last_license_sync": None,
    }
    assert result["organization"] == {"id": ORGANIZATION, "name": NAME}
    assert "billing_sync_token=********" in result["diff"]["after"]


def test_the_last_sync_is_kept_by_the_same_token_and_by_enabling_it_again(pair: Pair, task: Task) -> None:
    task()
    pair.server.control("POST", "last-sync", {"organization": ORGANIZATION, "days_ago": 1})
    kept = task()["connection"]["after"]["last_license_sync"]
    assert kept is not None
    for enabled in (False, True):
        result = task(enabled=enabled)
        assert actions(result) == {"enabled": "changed"}
        assert result["connection"]["after"]["last_license_sync"] == kept


def test_a_last_sync_that_proves_nothing_any_more_is_set_back(pair: Pair, task: Task) -> None:
    task()
    assert task(keep_last_sync=False)["changed"] is False, "there is none"
    pair.server.control("POST", "last-sync", {"organization": ORGANIZATION, "days_ago": 1})
    for check_mode in (True, False):
        result = task(check_mode=check_mode, keep_last_sync=False)
        assert actions(result) == {"last_license_sync": "changed"}
        assert result["connection"]["after"]["last_license_sync"] is None
    (connection,) = connections(pair)
    assert connection["config"]["LastLicenseSync"] is None and connection["config"]["BillingSyncKey"] == TOKEN
    assert task()["changed"] is task(keep_last_sync=False)["changed"] is False


def test_another_token_sets_the_last_sync_back_to_never(pair: Pair, task: Task) -> None:
    task()
    pair.server.control("POST", "last-sync", {"organization": ORGANIZATION, "days_ago": 1})
    result = task(billing_sync_token=WRONG_TOKEN)
    assert actions(result) == {"billing_sync_token": "changed", "last_license_sync": "changed"}
    assert result["connection"]["before"]["last_license_sync"] is not None
    assert result["connection"]["after"]["last_license_sync"] is None
    assert "last_license_sync=never" in result["diff"]["after"]
    # Both sides of a secret show that it changed, none shows it.
    assert "billing_sync_token=********\n" in result["diff"]["before"]
    assert "billing_sync_token=******** (changed)\n" in result["diff"]["after"]
    # And back: nothing is proven for this one either.
    assert task()["connection"]["after"]["last_license_sync"] is None


@pytest.mark.parametrize("count", [2, 8])
def test_several_connections_left_by_a_race_become_one(pair: Pair, task: Task, count: int) -> None:
    body = {"organization": ORGANIZATION, "count": count, "billing_sync_key": WRONG_TOKEN, "enabled": True}
    pair.server.control("POST", "connections", body)
    result = task()
    assert result["warnings"] == [
        f"The organization had {count} connections, left by clients that wrote at the same time; all were removed."
    ]
    (left,) = connections(pair)
    assert left["id"] == result["connection"]["after"]["id"]
    assert task()["changed"] is False


def test_clients_that_write_at_the_same_time_leave_one(pair: Pair, task: Task) -> None:
    pair.server.control("POST", "connection-race", {"seconds": 0.5})
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: task(), range(4)))
    pair.server.control("POST", "connection-race", {"seconds": 0})
    (left,) = connections(pair)
    assert {result["connection"]["after"]["id"] for result in results} == {left["id"]}
    assert task()["changed"] is False


def test_absent_removes_all_of_several(pair: Pair, task: Task) -> None:
    body = {"organization": ORGANIZATION, "count": 5, "billing_sync_key": TOKEN, "enabled": True}
    pair.server.control("POST", "connections", body)
    task(state="absent", billing_sync_token=None)
    assert connections(pair) == []


@pytest.mark.parametrize("lost", [{"close": True}, {"status": 502, "body": "<html>nginx</html>"}])
def test_an_answer_that_is_lost(pair: Pair, task: Task, lost: dict[str, Any]) -> None:
    pair.server.control("POST", "faults", {"method": "POST", "path": "/organizations/connections", "times": 1, **lost})
    assert task()["connection"]["after"]["billing_sync_token_set"] is True
    assert len(connections(pair)) == 1


FAILS = "It fails to read the organization's license, too"
LICENSE_FILES: dict[str, tuple[Callable[[bytes], Any], str]] = {
    "missing": (lambda text: None, "is missing"),
    "empty": (lambda text: b"", FAILS),
    "trailing junk": (lambda text: text + b"}", FAILS),
    "truncated": (lambda text: text[:100], FAILS),
    "camel case": (
        lambda text: json.dumps({k[0].lower() + k[1:]: v for k, v in json.loads(text).items()}).encode(),
        "field names are in camel case",
    ),
    "signature": (
        lambda text: json.dumps({**json.loads(text), "Token": json.loads(text)["Token"][:-8] + "AAAAAAAA"}).encode(),
        "does not accept the license file",
    ),
}


@pytest.mark.parametrize("kind", LICENSE_FILES)
def test_a_license_file_that_is_not_good_has_its_own_message(pair: Pair, task: Task, kind: str) -> None:
    change, says = LICENSE_FILES[kind]
    before = pair.server.license_file.read_bytes()
    changed = change(before)
    if changed is None:
        pair.server.license_file.unlink()
    else:
        pair.server.license_file.write_bytes(changed)
    predicted = task(check_mode=True)  # does not fail, but says so
    with pytest.raises(ApiError) as caught:
        task()
    assert says in caught.value.message
    assert f"{ORGANIZATION}.json" in str(caught.value)
    # The API does not tell a corrupt file from other failures of the server.
    assert caught.value.layer == (SERVER if says == FAILS else LICENSE)
    assert ("Possible causes" in str(caught.value)) is (says == FAILS)
    assert connections(pair) == []
    assert f"The run {'would' if kind == 'signature' else 'may'} fail" in predicted["warnings"][0]


def test_another_failure_of_the_server_is_not_blamed_on_the_license(pair: Pair, task: Task) -> None:
    answer(pair.server, "/organizations/connections", 500, FAILED, method="POST")
    with pytest.raises(ApiError) as caught:
        task()
    assert (caught.value.layer, "license" in str(caught.value)) == (SERVER, False)


def test_what_was_written_before_a_failure_is_changed(pair: Pair, task: Task) -> None:
    """A new token is saved, then all connections are removed, and then none can be created."""
    task(billing_sync_token=WRONG_TOKEN)
    pair.server.control("POST", "faults", {"method": "POST", "path": "/organizations/connections", "status": 403})
    with pytest.raises(ApiError) as caught:
        task()
    assert connections(pair) == []
    assert caught.value.result()["changed"] is True


def test_a_license_file_that_the_server_may_not_read(pair: Pair, task: Task) -> None:
    """The real one's answer; as root the stand-in can read any file."""
    answer(pair.server, "/organizations/connections", 401, REFUSED, method="POST", times=-1)
    with pytest.raises(ApiError, match="may not read its license file") as caught:
        task()
    assert caught.value.layer == LICENSE


def test_not_the_owner(pair: Pair, task: Task) -> None:
    with pytest.raises(
        ApiError, match="is a member of the organization 'Example Enterprise', but not its owner"
    ) as caught:
        task(client_id=f"user.{ADMIN}", client_secret=ADMIN_KEY)
    assert caught.value.layer == PERMISSION


@pytest.mark.parametrize("token", ["", "   ", f"{TOKEN}\n", f" {TOKEN}", f"'{TOKEN}'"])
def test_a_token_that_can_never_work(pair: Pair, task: Task, token: str) -> None:
    with pytest.raises(ApiError, match=r"billing_sync_token (is empty|has (blanks|quotes))") as caught:
        task(billing_sync_token=token)
    assert caught.value.layer == REQUEST
    assert pair.server.control("GET", "requests") == []


def test_the_cloud_is_not_a_self_hosted_server(pair: Pair, task: Task) -> None:
    with pytest.raises(ApiError, match=r"is Bitwarden's cloud, not a self-hosted server"):
        task(url=pair.cloud.url)


def test_check_mode_of_a_role_that_would_have_started_the_server(pair: Pair, task: Task) -> None:
    down = {"method": "GET", "path": "/alive", "times": -1, "status": 502, "body": "<html>nginx</html>"}
    pair.server.control("POST", "faults", down)
    result = task(check_mode=True, assume_ready=True)
    assert result["changed"] is True
    assert "could not be read" in result["warnings"][0]
    for check_mode, assume_ready in ((True, False), (False, True)):
        with pytest.raises(ApiError, match="still starting"):
            task(check_mode=check_mode, assume_ready=assume_ready)
