# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.argspec import read_options
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.auth import Account
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.client import CLIENT_VERSION, Client
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import (
    LOGIN,
    NETWORK,
    PERMISSION,
    SERVER,
    ApiError,
)

from .recorded_server import ACCESS_TOKEN, BAD_GATEWAY, CLIENT_ID, CLIENT_SECRET, RecordedServer, Reply, recorded_at

LOGIN_PATH = "/identity/connect/token"


def account(params: dict[str, Any]) -> Account:
    return Account(Client(read_options(params)))


def test_what_a_login_sends(server: RecordedServer, params: dict[str, Any]) -> None:
    assert account(params).login() == ACCESS_TOKEN
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", LOGIN_PATH)
    assert request.headers["Bitwarden-Client-Version"] == CLIENT_VERSION
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    form = {key: value for key, (value,) in parse_qs(request.body).items()}
    device = form.pop("deviceIdentifier")
    assert len(form.pop("deviceName")) <= 50
    assert form == {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scope": "api",
        "deviceType": "25",
    }
    account(params).login()
    assert parse_qs(server.requests[-1].body)["deviceIdentifier"] == [device]


def test_one_login_for_many_requests_and_a_new_one_when_the_token_ends(
    server: RecordedServer, params: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    user = account(params)
    for _count in range(3):
        user.get("/organizations", "list")
    assert server.count("POST", LOGIN_PATH) == 1
    user._expires -= 3600
    user.get("/organizations", "list")
    assert server.count("POST", LOGIN_PATH) == 2


@pytest.mark.parametrize(
    ("reply", "layer", "says"),
    [
        (recorded_at("identity.json", 3), LOGIN, "No client version header found"),
        (recorded_at("identity.json", 7), LOGIN, "no device information provided (device_error)"),
        (recorded_at("identity.json", 14), LOGIN, "invalid_client. Check client_id and client_secret"),
        (recorded_at("identity.json", 21), LOGIN, "invalid_request"),
        (recorded_at("identity.json", 23), LOGIN, "invalid_scope"),
        (recorded_at("key-rotation.json", 3), LOGIN, "rotated in the meantime"),
        (Reply(400, {"error": "invalid_grant", "ErrorModel": {"message": "Legacy"}}), LOGIN, "Legacy (invalid_grant)"),
        (recorded_at("rate-limit.json", 4), SERVER, "Slow down! Too many requests"),
        (Reply(400, {"error": "invalid_grant", "ErrorModel": {"message": "Legacy"}}), LOGIN, "Bitwarden's support"),
        (Reply(401), NETWORK, "answered 401. Something in front of the server answered"),
        (Reply(403, {"message": "Forbidden"}), NETWORK, "Something in front of the server answered"),
        (Reply(404), NETWORK, "captive portals"),
        (Reply(500), SERVER, "It was tried twice. The reason is in the log of the server's identity container"),
        (BAD_GATEWAY, SERVER, "down or still starting"),
        (Reply(200, "<title>Sign in</title>"), NETWORK, "not as Bitwarden's Identity does"),
        (Reply(200, {"token_type": "Bearer"}), NETWORK, "not as Bitwarden's Identity does"),
        (Reply(200, {"access_token": ""}), NETWORK, "not as Bitwarden's Identity does"),
    ],
)
def test_a_login_that_fails(
    server: RecordedServer, params: dict[str, Any], reply: Reply, layer: str, says: str
) -> None:
    server.on("POST", LOGIN_PATH, reply)
    with pytest.raises(ApiError) as caught:
        account(params).get("/organizations", "list")
    assert says in str(caught.value)
    assert (caught.value.layer, caught.value.status) == (layer, reply.status)
    assert {item.path for item in server.requests} == {LOGIN_PATH}, "nothing after it"
    assert len(server.requests) == (2 if reply == Reply(500) else 1)


def test_every_recorded_login_of_an_api_key_is_understood(server: RecordedServer, params: dict[str, Any]) -> None:
    """Whatever Identity was seen to answer to this grant: a token, or an error of the login."""
    for index in range(35):
        reply = recorded_at("identity.json", index)
        server.on("POST", LOGIN_PATH, reply)
        if reply.status == 200:
            assert account(params).login() == ACCESS_TOKEN
        else:
            with pytest.raises(ApiError) as caught:
                account(params).login()
            assert caught.value.layer == LOGIN


def test_a_first_login_that_fails_without_a_word_is_repeated(server: RecordedServer, params: dict[str, Any]) -> None:
    """As where no mail can be sent: the device is known from then on."""
    server.on("POST", LOGIN_PATH, Reply(500), recorded_at("identity.json", 0))
    assert account(params).login() == ACCESS_TOKEN
    assert server.count("POST", LOGIN_PATH) == 2


@pytest.mark.parametrize("reply", [BAD_GATEWAY, Reply(500), Reply(524), Reply(close=True)])
def test_a_login_changes_nothing_that_has_to_be_looked_for(
    server: RecordedServer, params: dict[str, Any], reply: Reply
) -> None:
    server.on("POST", LOGIN_PATH, reply)
    with pytest.raises(ApiError) as caught:
        account(params).call("POST", "/x", "write x")
    assert (caught.value.transient, caught.value.unknown_outcome) == (True, False)


REFUSED = Reply(401, "", {"WWW-Authenticate": 'Bearer error="invalid_token", error_description="The key is unknown"'})


def test_a_token_that_was_just_issued_is_not_asked_for_again(server: RecordedServer, params: dict[str, Any]) -> None:
    server.on("POST", "/api/x", REFUSED)
    with pytest.raises(ApiError) as caught:
        account(params).call("POST", "/x", "write x")
    assert (caught.value.layer, server.count("POST", LOGIN_PATH), server.count("POST", "/api/x")) == (PERMISSION, 1, 1)
    assert '"The key is unknown"' in caught.value.message and "another run does not help" in caught.value.advice


def test_an_older_token_that_is_refused_is_replaced_once(server: RecordedServer, params: dict[str, Any]) -> None:
    user = account(params)
    user.login()
    user._obtained -= 61
    server.on("POST", "/api/x", REFUSED, Reply(200, {}))
    assert user.call("POST", "/x", "write x").status == 200
    user._obtained -= 61
    server.on("POST", "/api/x", REFUSED)
    with pytest.raises(ApiError, match="another run does not help"):
        user.call("POST", "/x", "write x")
    assert (server.count("POST", LOGIN_PATH), server.count("POST", "/api/x")) == (3, 4)
