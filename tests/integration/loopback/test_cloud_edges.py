# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a cloud, a gateway, or a task can do wrong: each is an error, and its advice is about the cloud."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import (
    billing_sync_token as billing_sync_key,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.dates import format_date

from .standin_pair import CANARIES, CLOUD_ADMIN, CLOUD_ADMIN_KEY, CLOUD_ORGANIZATION, PASSWORD, TOKEN, Pair, answer

Task = Callable[..., dict[str, Any]]
NOT_UTF_8 = "p\udce4ss"
FORBIDDEN = re.compile(r"\burl\b|\bapi_url\b|\bcontainer\b|\bserver runs\b|\bversion is too old\b|\bSMTP\b")


@pytest.fixture
def task(cloud_params: dict[str, Any]) -> Task:
    def run(**changed: Any) -> dict[str, Any]:
        own = {"state": "present", "max_age": None, "rotated_before": None, "otp": None}
        return billing_sync_key.perform({**cloud_params, **own, **changed}, False)

    return run


def failure(task: Task, **changed: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        task(**changed)
    assert not [canary for canary in CANARIES if canary in repr(caught.value.result())]
    assert not FORBIDDEN.search(caught.value.advice), "of a self-hosted server"
    return caught.value


def cloud_answers(pair: Pair, path: str, status: int, body: Any = "") -> None:
    """Let the cloud answer so; a read is asked for up to three times."""
    answer(pair.cloud, path, status, body, service="any", times=3)


@pytest.mark.parametrize(("code", "words", "cause", "advice"), [
    ("invalid_client", None, "login", "Check client_id and client_secret"),
    ("invalid_client_version", "Please update your app", "login", "needs a newer version of this collection"),
    ("device_error", "No device information provided", "login", "The cloud requires device data in another form"),
    ("invalid_grant", "Legacy encryption without a userkey is no longer supported.", "login", "Bitwarden's support"),
    ("invalid_request", None, "login", "check option cloud"),
    ("version_header_missing", "No client version header found", "version_header", "A proxy or firewall removed"),
])  # fmt: skip
def test_each_refused_login_has_its_advice(
    pair: Pair, task: Task, code: str, words: Any, cause: str, advice: str
) -> None:
    model = {"ErrorModel": {"Object": "error", "Message": words}} if words else {}
    cloud_answers(pair, "/connect/token", 400, {"error": code, **model})
    error = failure(task)
    assert (error.result()["cause"], error.layer) == (cause, "login")
    assert error.message.startswith("The cloud refused the login: ")
    assert advice in error.advice
    assert ("client_secret" in error.advice) is (code == "invalid_client")


@pytest.mark.parametrize(("path", "status", "layer"), [
    ("/organizations", 401, "permission"),
    ("/organizations", 403, "network"),
    ("/organizations", 404, "request"),
    ("/organizations", 500, "server"),
    ("/organizations", 503, "server"),
    ("/organizations", 302, "network"),
    ("/organizations", 200, "network"),
    ("/connect/token", 401, "network"),
    ("/connect/token", 404, "network"),
    ("/connect/token", 500, "server"),
    ("/connect/token", 200, "network"),
    (".*/api-key-information/1", 500, "server"),
])  # fmt: skip
def test_an_answer_out_of_place_says_nothing_of_owners(
    pair: Pair, task: Task, path: str, status: int, layer: str
) -> None:
    cloud_answers(pair, path, status)
    error = failure(task)
    assert (error.layer, error.status) == (layer, status)
    assert error.advice
    assert error.result().get("cause") in (None, "login")


def test_who_is_no_owner_is_told_so(pair: Pair, task: Task) -> None:
    error = failure(task, client_id=f"user.{CLOUD_ADMIN}", client_secret=CLOUD_ADMIN_KEY)
    assert (error.result()["cause"], error.status) == ("not_owner", None)


@pytest.mark.parametrize("state", ["present", "rotated"])
@pytest.mark.parametrize(("tier", "fits"), [(0, False), (1, False), (2, True), (3, True), (4, False), (9, True)])
def test_plans_without_billing_sync_are_not_asked_for_a_key(
    pair: Pair, task: Task, tier: int, fits: bool, state: str
) -> None:
    mine = {"id": CLOUD_ORGANIZATION, "name": "Mine", "type": 0, "productTierType": tier}
    cloud_answers(pair, "/organizations", 200, {"data": [mine]})
    if fits:
        assert task(organization="Mine", state=state)["billing_sync_token"]
    else:
        assert failure(task, organization="Mine", state=state).result()["cause"] == "plan_without_billing_sync"
        assert not [one for one in pair.cloud.control("GET", "requests") if "api-key" in one["path"]]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_connection(task: Task, scheme: str) -> None:
    url = f"{scheme}://127.0.0.1:1"
    assert "option cloud" in failure(task, cloud={"api_url": url, "identity_url": url}).advice


@pytest.mark.parametrize(("body", "works"), [
    ({"data": [None]}, True),
    ({"data": ["x", 1, []]}, True),
    ({"data": [{"keyType": 1, "revisionDate": 5}]}, True),
    ({"data": None}, False),
    ([], False),
    ("[" * 200_000, False),
])  # fmt: skip
def test_odd_answers_about_keys(pair: Pair, task: Task, body: Any, works: bool) -> None:
    cloud_answers(pair, ".*/api-key-information/1", 200, body)
    if works:
        assert task()["billing_sync_token"] == TOKEN
    else:
        assert failure(task).layer == "network"


@pytest.mark.parametrize(("options", "says"), [
    ({"max_age": ""}, "max_age is empty"),
    ({"rotated_before": ""}, "rotated_before is empty"),
    ({"rotated_before": "2099-01-01T00:00:00Z"}, "in the future"),
    ({"rotated_before": format_date(datetime.now(timezone.utc) + timedelta(hours=3))}, "in the future"),
    ({"max_age": "200000w"}, "max_age is longer than 10000w"),
    ({"max_age": "9" * 400 + "w"}, "max_age is longer than 10000w"),
    ({"retry_timeout": "200000w"}, "retry_timeout is longer than 10000w"),
    ({"otp": '"123456"'}, "otp has quotes around it"),
    ({"master_password": f"{PASSWORD}\n"}, "master_password has a line end behind it"),
])  # fmt: skip
def test_a_rotation_that_is_not_meant_so(pair: Pair, task: Task, options: dict[str, Any], says: str) -> None:
    assert says in failure(task, state="rotated", **options).message
    assert not pair.cloud.control("GET", "requests"), "nothing is asked"


@pytest.mark.parametrize("options", [
    {"rotated_before": format_date(datetime.now(timezone.utc) + timedelta(seconds=30))},
    {"max_age": "10000w"},
    {"timeout": "10000w"},
])  # fmt: skip
def test_what_is_just_allowed(task: Task, options: dict[str, Any]) -> None:
    assert task(state="rotated", **options)["organization"]


@pytest.mark.parametrize(("options", "says"), [
    ({"master_password": NOT_UTF_8}, "master_password is not UTF-8 text"),
    ({"client_secret": NOT_UTF_8}, "client_secret is not UTF-8 text"),
    ({"otp": NOT_UTF_8}, "one-time password"),
    ({"organization": NOT_UTF_8}, "no organization of the name"),
    ({"cloud": {"api_url": f"http://{NOT_UTF_8}", "identity_url": "http://i"}}, "api_url is not an address"),
    ({"cloud": {"api_url": "http://a", "identity_url": f"http://i/{NOT_UTF_8}"}}, "identity_url is not an address"),
])  # fmt: skip
def test_what_is_not_in_utf_8(pair: Pair, task: Task, options: dict[str, Any], says: str) -> None:
    error = failure(task, **options)
    assert says in error.message
    error.message.encode("utf-8")


@pytest.mark.parametrize("kdf", [
    {"KdfType": 0, "Iterations": 600000.0},
    {"KdfType": 0, "Iterations": "600000"},
    {"KdfType": 1, "Iterations": 3.0, "Memory": 16, "Parallelism": 1},
    {"KdfType": 1, "Iterations": 3, "Memory": 16.0, "Parallelism": 1},
    {"KdfType": 1, "Iterations": 3, "Memory": 16, "Parallelism": "1"},
    {"KdfType": [], "Iterations": {}},
])  # fmt: skip
def test_hashing_with_what_is_no_whole_number(pair: Pair, task: Task, kdf: dict[str, Any]) -> None:
    options = {"HasMasterPassword": True, "MasterPasswordUnlock": {"Kdf": kdf, "Salt": "owner@example.com"}}
    token = {"access_token": "any", "expires_in": 3600, "UserDecryptionOptions": options}
    listed = {"data": [{"id": "1", "name": "One", "type": 0, "productTierType": 3}]}
    cloud_answers(pair, "/connect/token", 200, token)
    cloud_answers(pair, "/organizations", 200, listed)
    cloud_answers(pair, ".*/api-key-information/1", 200, {"data": []})
    error = failure(task, organization="One")
    assert "does not make" in error.message and PASSWORD not in str(error)


@pytest.mark.parametrize("header", ["\u00b2", "9" * 5000, "soon", "-1", "Wed, 99 Oct 2026 07:28:00 GMT"])
def test_a_pause_that_makes_no_sense(pair: Pair, task: Task, header: str) -> None:
    fault = {"path": "/organizations", "service": "any", "status": 429, "headers": {"Retry-After": header}}
    pair.cloud.control("POST", "faults", fault)
    assert failure(task).result()["cause"] == "rate_limit"


@pytest.mark.parametrize("path", ["/connect/token", "/organizations", ".*/api-key", "/installations/.*"])
def test_unusual_traffic_has_a_cause(pair: Pair, task: Task, path: str) -> None:
    """The cloud's edge says so to any request, with a status that is otherwise of the request itself."""
    said = "Traffic from your network looks unusual. Connect to a different network or try again later. [Error Code 6]"
    cloud_answers(pair, path, 400, {"message": said})
    error = failure(task)
    assert (error.result()["cause"], error.layer) == ("unusual_traffic", "network")
    assert "has flagged requests from this address" in error.advice and said in error.message
