# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each write that was carried out, and whose answer a gateway lost: what the server has then decides."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api import client, transport
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import (
    billing_sync,
    billing_sync_token,
    cloud_license,
    license_sync,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import license as license_upload
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.host_reading import NotOnHost

from .standin_pair import (
    CLOUD_ORGANIZATION,
    INSTALLATION,
    NAME,
    ORGANIZATION,
    OWNER,
    OWNER_KEY,
    TOKEN,
    Pair,
    StandIn,
)

CONNECTIONS = "/organizations/connections"
LOST = [
    {"status": 524, "body": "<html><title>524: A timeout occurred</title></html>"},
    {"status": 500, "body": "<html><title>500 Internal Server Error</title></html>"},
    {"status": 503, "body": '{"message": "Service Unavailable"}', "headers": {"Content-Type": "application/json"}},
    {"status": 408},
    {"status": 200, "body": "<html><title>Please wait</title></html>"},
    {"status": 202},
    {"close": True},
]
lost_in_each_way = pytest.mark.parametrize("lost", LOST, ids=lambda lost: str(lost.get("status", "closed")))


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(transport, "_GATEWAY_STATUSES", ())


def lose(process: StandIn, method: str, path: str, fault: dict[str, Any], **more: Any) -> None:
    body = {"service": "api", "method": method, "path": path, "times": 1, "after": True, **fault, **more}
    process.control("POST", "faults", body)


def writes(process: StandIn) -> list[str]:
    return [
        f"{one['method']} {one['path'].rpartition('/')[2]}"
        for one in process.control("GET", "requests")
        if one["method"] != "GET" and not one["path"].endswith("/connect/token")
    ]


@pytest.fixture
def save(params: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    def run(**changed: Any) -> dict[str, Any]:
        own = {"state": "present", "billing_sync_token": TOKEN, "enabled": True, "keep_last_sync": True}
        return billing_sync.perform({**params, **own, **changed}, False)

    return run


def connections(pair: Pair) -> list[Any]:
    return list(pair.server.control("GET", "state")["connection"])


@lost_in_each_way
def test_a_token_is_saved_once(pair: Pair, save: Callable[..., Any], lost: dict[str, Any]) -> None:
    lose(pair.server, "POST", CONNECTIONS, lost)
    assert save()["changed"] is True
    assert writes(pair.server) == ["POST connections"]
    assert save()["changed"] is False


@lost_in_each_way
def test_a_connection_is_disabled_once(pair: Pair, save: Callable[..., Any], lost: dict[str, Any]) -> None:
    save()
    pair.server.control("DELETE", "requests")
    lose(pair.server, "PUT", f"{CONNECTIONS}/.*", lost)
    result = save(enabled=False)
    assert (result["changed"], result["connection"]["after"]["enabled"]) == (True, False)
    assert len(writes(pair.server)) == 1
    assert save(enabled=False)["changed"] is False


@lost_in_each_way
def test_a_new_token_replaces_all_connections(pair: Pair, save: Callable[..., Any], lost: dict[str, Any]) -> None:
    """The server shows but one of several: also after a lost answer none may keep the old token."""
    body = {"organization": ORGANIZATION, "count": 3, "billing_sync_key": "OldBillingSyncToken", "enabled": True}
    pair.server.control("POST", "connections", body)
    lose(pair.server, "PUT", f"{CONNECTIONS}/.*", lost)
    assert save()["changed"] is True
    assert [one["config"]["BillingSyncKey"] for one in connections(pair)] == [TOKEN]


@lost_in_each_way
def test_a_connection_is_removed(pair: Pair, save: Callable[..., Any], lost: dict[str, Any]) -> None:
    save()
    lose(pair.server, "DELETE", f"{CONNECTIONS}/.*", lost)
    assert save(state="absent", billing_sync_token=None)["changed"] is True
    assert connections(pair) == []


@lost_in_each_way
def test_a_sync_is_seen_by_its_date(
    pair: Pair, params: dict[str, Any], save: Callable[..., Any], lost: dict[str, Any]
) -> None:
    save()
    own = {"max_age": "7d", "force": False, "retry_timeout": "0s", "diagnose": False, "bwdata": "", "egress": "",
           "syncs_per_minute": 0, "license_expiry_warning": "30d"}  # fmt: skip
    lose(pair.server, "POST", ".*/sync", lost)
    result = license_sync.perform({**params, **own}, False)
    assert (result["changed"], result["attempts"]) == (True, 1)
    assert license_sync.perform({**params, **own}, False)["changed"] is False


@lost_in_each_way
def test_a_license_is_uploaded_once(pair: Pair, params: dict[str, Any], lost: dict[str, Any]) -> None:
    pair.server.license_file.unlink()
    content = _license(pair)
    lose(pair.server, "POST", ".*/self-hosted/[^/]*", lost)
    result = _upload(params, content)
    assert (result["changed"], result["uploaded"]) == (True, True)
    assert len(writes(pair.server)) == 1
    assert _upload(params, content)["changed"] is False


def _license(pair: Pair) -> bytes:
    """Return the license that the cloud issues."""
    cloud = pair.cloud.addresses
    account = {"client_id": f"user.{OWNER}", "client_secret": OWNER_KEY, "organization": NAME}
    more = {"cloud": cloud, "timeout": "10s", "retry_timeout": "0s", "installation_id": INSTALLATION, "dest": None}
    return str(cloud_license.perform({**account, **more}, False)["license"]).encode()


def _upload(params: dict[str, Any], content: bytes) -> dict[str, Any]:
    own = {"force": False, "license_expiry_warning": "30d"}
    return license_upload.perform({**params, **own}, False, content, lambda _id: NotOnHost("not here"))


@pytest.fixture
def rotate(cloud_params: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    def run(**changed: Any) -> dict[str, Any]:
        own = {"state": "rotated", "max_age": None, "rotated_before": None, "otp": None}
        return billing_sync_token.perform({**cloud_params, **own, **changed}, False)

    return run


def key(pair: Pair) -> Any:
    found = pair.cloud.control("GET", "state")["organization"]
    return next(one for one in found if one["id"] == CLOUD_ORGANIZATION)["api_keys"].get("billing_sync", {}).get("key")


@lost_in_each_way
def test_a_rotated_token_is_found_and_rotated_once(
    pair: Pair, rotate: Callable[..., Any], lost: dict[str, Any]
) -> None:
    lose(pair.cloud, "POST", ".*/rotate-api-key", lost)
    result = rotate()
    assert (result["changed"], result["action"]) == (True, "rotated")
    assert result["billing_sync_token"] == key(pair) != TOKEN
    assert writes(pair.cloud) == ["POST rotate-api-key", "POST api-key"]


@lost_in_each_way
@pytest.mark.parametrize("exists", [True, False])
def test_a_token_is_fetched_again(pair: Pair, rotate: Callable[..., Any], lost: dict[str, Any], exists: bool) -> None:
    if not exists:
        body = {"organization": CLOUD_ORGANIZATION, "api_keys": {"billing_sync": None}}
        pair.cloud.control("POST", "organization", body)
    lose(pair.cloud, "POST", ".*/api-key", lost)
    result = rotate(state="present")
    assert (result["changed"], result["action"]) == (not exists, "none" if exists else "created")
    assert result["billing_sync_token"] == key(pair)


def test_a_one_time_password_that_is_used_up(pair: Pair, rotate: Callable[..., Any]) -> None:
    """The token was rotated, and cannot be fetched: the failure says so, and that it was changed."""
    _mail_one_time_password(pair)
    lose(pair.cloud, "POST", ".*/rotate-api-key", LOST[0])
    otp = pair.cloud.control("GET", "state")["otp"][0]["otp"]
    with pytest.raises(ApiError) as caught:
        rotate(otp=otp, master_password=None)
    result = caught.value.result()
    assert (result["cause"], result["changed"], result["action"]) == ("unknown_outcome", True, "rotated")
    assert "rotated all the same" in result["msg"] and "with a new one" in result["msg"]
    assert key(pair) != TOKEN


def _mail_one_time_password(pair: Pair) -> None:
    """Have the cloud mail one, as the account asks for it."""
    form = {"grant_type": "client_credentials", "client_id": f"user.{OWNER}", "client_secret": OWNER_KEY,
            "scope": "api", "deviceType": "25", "deviceIdentifier": "x", "deviceName": "x"}  # fmt: skip
    headers = {"Bitwarden-Client-Version": client.CLIENT_VERSION}
    login = requests.post(f"{pair.cloud.url}/identity/connect/token", data=form, headers=headers, timeout=10)
    headers = {"Authorization": f"Bearer {login.json()['access_token']}"}
    requests.post(f"{pair.cloud.url}/api/accounts/request-otp", headers=headers, timeout=10).raise_for_status()


def test_a_wrong_password_makes_the_first_token_all_the_same(pair: Pair, rotate: Callable[..., Any]) -> None:
    """As the cloud makes it before it checks the password."""
    body = {"organization": CLOUD_ORGANIZATION, "api_keys": {"billing_sync": None}}
    pair.cloud.control("POST", "organization", body)
    for changed in (True, False):
        with pytest.raises(ApiError) as caught:
            rotate(state="present", master_password="wrong")
        assert caught.value.result()["cause"] == "wrong_password"
        assert caught.value.result().get("changed", False) is changed
    assert key(pair)
