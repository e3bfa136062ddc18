# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The billing sync token from the stand-in cloud: read, made, rotated, refused; what was asked, and how often."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api import client, organizations
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import (
    billing_sync_token as billing_sync_key,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._cloud.account import CloudAccount, cloud_account

from .standin_pair import (
    CANARIES,
    CLOUD_ADMIN,
    CLOUD_ADMIN_KEY,
    CLOUD_ORGANIZATION,
    CLOUD_SECOND,
    CLOUD_SECOND_KEY,
    FAMILIES_ORGANIZATION,
    OWNER,
    OWNER_KEY,
    SECOND_PASSWORD,
    TOKEN,
    Pair,
)

Task = Callable[..., dict[str, Any]]
SECOND = {"client_id": f"user.{CLOUD_SECOND}", "client_secret": CLOUD_SECOND_KEY, "master_password": SECOND_PASSWORD}


@pytest.fixture
def task(cloud_params: dict[str, Any]) -> Task:
    def run(check_mode: bool = False, **changed: Any) -> dict[str, Any]:
        own = {"state": "present", "max_age": None, "rotated_before": None, "otp": None}
        try:
            return billing_sync_key.perform({**cloud_params, **own, **changed}, check_mode)
        except ApiError as error:
            assert not [canary for canary in CANARIES if canary in repr(error.result())]
            raise

    return run


def asked(pair: Pair) -> list[str]:
    """Return what the cloud was asked, reads apart."""
    return [
        item["path"].rpartition("/")[2] for item in pair.cloud.control("GET", "requests") if item["method"] == "POST"
    ]


def key(pair: Pair) -> Any:
    """Return the organization's keys in the cloud."""
    found = pair.cloud.control("GET", "state")["organization"]
    return next(one for one in found if one["id"] == CLOUD_ORGANIZATION)["api_keys"].get("billing_sync", {}).get("key")


def set_key(pair: Pair, value: Any, revision: str = "2026-01-01T00:00:00Z") -> None:
    body = {"organization": CLOUD_ORGANIZATION, "api_keys": {"billing_sync": value}, "revision": revision}
    pair.cloud.control("POST", "organization", body)


def cause(error: pytest.ExceptionInfo[ApiError]) -> Any:
    return error.value.result().get("cause")


@pytest.mark.parametrize("account", [{}, SECOND], ids=["Argon2id", "PBKDF2"])
def test_an_existing_token_is_returned_with_one_login_and_one_key_request(
    pair: Pair, task: Task, account: dict[str, str]
) -> None:
    for check_mode in (True, False):
        result = task(check_mode, **account)
        assert (result["changed"], result["billing_sync_token"], result["action"]) == (False, TOKEN, "none")
        assert result["organization"]["id"] == CLOUD_ORGANIZATION
        assert result["_ansible_no_log"] is True
    assert asked(pair) == ["token", "api-key"] * 2


def test_a_missing_token_is_predicted_made_and_kept(pair: Pair, task: Task) -> None:
    set_key(pair, None)
    predicted = task(True)
    assert (predicted["changed"], predicted["billing_sync_token"], predicted["action"]) == (True, None, "created")
    assert key(pair) is None and asked(pair) == ["token"]
    made = task()
    assert (made["changed"], made["action"]) == (True, "created")
    assert made["billing_sync_token"] == key(pair)
    again = task()
    assert (again["changed"], again["billing_sync_token"]) == (False, made["billing_sync_token"])


@pytest.mark.parametrize(("options", "rotates"), [
    ({}, True),
    ({"max_age": "1d"}, True),
    ({"max_age": "999w"}, False),
    ({"rotated_before": "2026-02-01T00:00:00Z"}, True),
    ({"rotated_before": "2025-12-31T00:00:00Z"}, False),
])  # fmt: skip
def test_rotation(pair: Pair, task: Task, options: dict[str, str], rotates: bool) -> None:
    set_key(pair, TOKEN)
    predicted = task(True, state="rotated", **options)
    assert predicted["changed"] is rotates and key(pair) == TOKEN
    assert "rotate-api-key" not in asked(pair)
    done = task(state="rotated", **options)
    assert done["changed"] is rotates and (key(pair) != TOKEN) is rotates
    assert done["billing_sync_token"] == key(pair)
    if options:
        assert task(state="rotated", **options)["changed"] is False, "done is done"


def test_rotating_what_is_not_there_makes_it(pair: Pair, task: Task) -> None:
    set_key(pair, None)
    assert task(state="rotated")["action"] == "created"


def test_a_one_time_password_in_place_of_the_master_password(pair: Pair, task: Task) -> None:
    with pytest.raises(ApiError, match="one-time password") as wrong:
        task(otp="000000", master_password=None)
    assert cause(wrong) == "wrong_otp"
    # As the web vault asks for one to be mailed.
    requests_otp(pair)
    (mailed,) = pair.cloud.control("GET", "state")["otp"]
    assert task(otp=mailed["otp"], master_password=None)["billing_sync_token"] == TOKEN
    with pytest.raises(ApiError):
        task(otp=mailed["otp"], master_password=None)


def test_an_account_without_master_password_needs_a_one_time_password(pair: Pair, task: Task) -> None:
    owners = [{"user": CLOUD_ADMIN, "type": 0, "status": 2}]
    pair.cloud.control("POST", "organization", {"organization": CLOUD_ORGANIZATION, "members": owners})
    account = {"client_id": f"user.{CLOUD_ADMIN}", "client_secret": CLOUD_ADMIN_KEY}
    with pytest.raises(ApiError) as error:
        task(**account, master_password="any")
    assert (cause(error), error.value.layer) == ("no_master_password", "login")
    assert "otp" in error.value.advice
    assert "api-key" not in asked(pair), "nothing is guessed at"
    requests_otp(pair, **account)
    (mailed,) = pair.cloud.control("GET", "state")["otp"]
    assert task(**account, otp=mailed["otp"], master_password=None)["billing_sync_token"] == TOKEN


def requests_otp(pair: Pair, **other: str) -> None:
    params = {
        "cloud": pair.cloud.addresses,
        "client_id": f"user.{OWNER}",
        "client_secret": OWNER_KEY,
        "timeout": "10s",
        "retry_timeout": "0s",
        **other,
    }
    with cloud_account(params) as account:
        account.call("POST", "/accounts/request-otp", "have a one-time password mailed")


@pytest.mark.parametrize(("options", "expected", "layer"), [
    ({"master_password": "not it"}, "wrong_password", "login"),
    ({"client_secret": "no such secret"}, "login", "login"),
    ({"client_id": f"user.{CLOUD_ADMIN}", "client_secret": CLOUD_ADMIN_KEY}, "not_owner", "permission"),
    ({"organization": "Home"}, "plan_without_billing_sync", "permission"),
    ({"organization": FAMILIES_ORGANIZATION, "state": "rotated"}, "plan_without_billing_sync", "permission"),
])  # fmt: skip
def test_refusals_have_causes(pair: Pair, task: Task, options: dict[str, str], expected: str, layer: str) -> None:
    with pytest.raises(ApiError) as error:
        task(**options)
    assert (cause(error), error.value.layer) == (expected, layer)
    assert error.value.advice
    assert asked(pair).count("api-key") == (1 if expected == "wrong_password" else 0), "never asked twice"
    assert key(pair) == TOKEN


def with_plan(pair: Pair, plan: str, **keys: str) -> None:
    """Let the organization in the cloud have another plan, and these keys."""
    content = pair._cloud_seed()
    content["organizations"][0].update(plan=plan, api_keys=keys)
    pair.cloud.plant(content)


def test_teams_has_billing_sync(pair: Pair, task: Task) -> None:
    with_plan(pair, "teams")
    made = task()
    assert (made["action"], made["billing_sync_token"]) == ("created", key(pair))
    assert task(state="rotated")["action"] == "rotated"


@pytest.mark.parametrize("state", ["present", "rotated"])
def test_teams_starter_has_none(pair: Pair, task: Task, state: str) -> None:
    with_plan(pair, "teams_starter")
    with pytest.raises(ApiError, match="its plan is Teams Starter") as error:
        task(state=state)
    assert (cause(error), error.value.layer) == ("plan_without_billing_sync", "permission")
    assert key(pair) is None


def test_a_plan_that_is_not_known_is_left_to_the_cloud(pair: Pair, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(organizations, "_PLANS", {})
    assert task()["billing_sync_token"] == TOKEN
    with_plan(pair, "teams_starter")
    with pytest.raises(ApiError, match="its plan is not known") as error:
        task()
    assert cause(error) == "plan_without_billing_sync"


def test_an_account_that_needs_a_newer_client(pair: Pair, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    content = pair._cloud_seed()
    content["users"][0]["v2_encryption"] = True
    pair.cloud.plant(content)
    assert task()["billing_sync_token"] == TOKEN
    monkeypatch.setattr(client, "CLIENT_VERSION", "2025.10.1")
    with pytest.raises(ApiError, match="Please update your app to continue using Bitwarden") as error:
        task()
    assert error.value.layer == "login"


@pytest.mark.parametrize(("options", "message"), [
    ({"master_password": None}, "master_password is missing"),
    ({"max_age": "1d"}, "need state=rotated"),
    ({"state": "rotated", "max_age": "1d", "rotated_before": "2026-01-01T00:00:00Z"}, "both"),
    ({"state": "rotated", "max_age": "soon"}, "max_age"),
    ({"state": "rotated", "rotated_before": "yesterday"}, "rotated_before is not a time"),
    ({"organization": "nobody's"}, "no organization of the name"),
    ({"organization": None}, "owns 2"),
    ({"client_id": None}, "BW_CLOUD_CLIENTID"),
    ({"cloud": "mars"}, "neither US nor EU"),
    ({"cloud": {"api_url": "https://api.example.com"}}, "identity_url is missing"),
])  # fmt: skip
def test_wrong_options(pair: Pair, task: Task, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiError, match=message):
        task(**options)
    assert key(pair) == TOKEN


def test_a_lost_header_is_named(pair: Pair, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CLIENT_VERSION", "removed on the way")
    with pytest.raises(ApiError) as error:
        task()
    assert (cause(error), error.value.layer) == ("version_header", "login")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return how long it would have waited, each time."""
    waited: list[float] = []
    make = CloudAccount.__init__
    monkeypatch.setattr(
        CloudAccount, "__init__", lambda self, client, patience: make(self, client, patience, waited.append)
    )
    return waited


@pytest.mark.parametrize("path", ["/connect/token", "/organizations", ".*/api-key", ".*/api-key-information/1"])
@pytest.mark.parametrize(("headers", "times", "expected"), [
    ({"Retry-After": "7"}, 1, [7]),
    ({"Retry-After": "47"}, 2, [47, 47]),
    ({"Retry-After": "1"}, 1, [1]),
    ({}, 1, [5]),
])  # fmt: skip
def test_the_limit_is_waited_out(
    pair: Pair, task: Task, waits: list[float], path: str, headers: dict[str, str], times: int, expected: list[float]
) -> None:
    fault = {"path": path, "service": "any", "status": 429, "headers": headers, "times": times}
    pair.cloud.control("POST", "faults", fault)
    assert task(retry_timeout="60s")["billing_sync_token"] == TOKEN
    assert waits == expected


def test_a_limit_may_end_at_a_date(pair: Pair, task: Task, waits: list[float]) -> None:
    headers = {"Retry-After": formatdate(time.time() + 40, usegmt=True)}
    pair.cloud.control(
        "POST", "faults", {"path": "/connect/token", "service": "any", "status": 429, "headers": headers}
    )
    assert task(retry_timeout="60s")["billing_sync_token"] == TOKEN
    (waited,) = waits
    assert 20 < waited <= 41


def test_a_limit_that_lasts_longer_than_the_patience_is_not_waited_for(
    pair: Pair, task: Task, waits: list[float]
) -> None:
    fault = {"path": "/connect/token", "service": "any", "status": 429, "headers": {"Retry-After": "30"}, "times": 1}
    pair.cloud.control("POST", "faults", fault)
    with pytest.raises(ApiError) as error:
        task(retry_timeout="20s")
    assert (cause(error), waits) == ("rate_limit", [])


def test_a_rotation_whose_answer_is_lost(pair: Pair, task: Task, waits: list[float]) -> None:
    """It was not carried out, as the date of the token shows, which is looked at for a while."""
    pair.cloud.control("POST", "faults", {"path": ".*/rotate-api-key", "close": True, "delay": 0})
    with pytest.raises(ApiError) as error:
        task(state="rotated")
    assert cause(error) == "unknown_outcome"
    assert "state=present" in error.value.advice
    assert "has not been rotated so far" in error.value.message
    assert asked(pair).count("rotate-api-key") == 1, "not tried again"
    assert len(waits) > 1


def test_older_clouds_tell_the_hashing_elsewhere(pair: Pair, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the salt in the login's answer it is the e-mail address; without any parameters prelogin has them."""
    login = CloudAccount.login
    dropped: list[str] = []

    def forgetful(self: CloudAccount) -> str:
        token = login(self)
        self.login_response = {name: value for name, value in self.login_response.items() if name not in dropped}
        return token

    monkeypatch.setattr(CloudAccount, "login", forgetful)
    for names in (["UserDecryptionOptions"], ["UserDecryptionOptions", "Kdf", "KdfIterations"]):
        dropped[:] = names
        assert task()["billing_sync_token"] == TOKEN
    assert "prelogin" in asked(pair)
