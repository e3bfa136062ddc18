# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What answers in front of a server: gateways, logins, allow lists, proxies without a server behind them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.argspec import read_options
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.auth import Account
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.client import Client
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import NETWORK, SERVER, ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.session import server_is_down, wait_for_answer
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import organization_info

from .recorded_server import RecordedServer, Reply, recorded_at

HTML = {"content-type": "text/html"}
PAGE = "<html><head><title>{}</title></head></html>"
PASSING = [
    *(
        Reply(status, PAGE.format(f"{status} Oh"), HTML)
        for status in (408, 425, 500, 502, 503, 504, 520, 524, 527, 530)
    ),
    *(Reply(status) for status in (408, 425, 500, 501, 521, 598)),
    Reply(500, {"message": "Internal server error"}),
    Reply(503, {"error": {"code": "ServiceUnavailable"}}),
    Reply(525, {"title": "Error 525", "status": 525, "cloudflare_error": True}),
    Reply(500, "upstream connect error or disconnect/reset before headers", {"content-type": "text/plain"}),
]


def account(params: dict[str, Any]) -> Account:
    return Account(Client(read_options(params)))


def failure(what: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        what()
    return caught.value


@pytest.mark.parametrize("reply", PASSING, ids=lambda reply: f"{reply.status} {str(reply.body)[:20]}")
def test_what_a_gateway_says_passes_and_tells_nothing_of_a_write(
    server: RecordedServer, params: dict[str, Any], reply: Reply
) -> None:
    user = account(params)
    server.on("POST", "/api/x", reply)
    error = failure(lambda: user.call("POST", "/x", "write x"))
    assert (error.layer, error.transient, error.unknown_outcome, error.text) == (SERVER, True, True, "")
    assert server_is_down(error)
    assert server.count("POST", "/api/x") == 1
    # Repeated at once or by who waits, a read gets its answer.
    server.on("GET", "/api/x", reply, reply, Reply(200, {"fine": True}))
    assert wait_for_answer(lambda: user.get("/x", "read x"), 10, "10s") == {"fine": True}


@pytest.mark.parametrize("reply", [recorded_at("reading.json", 31), recorded_at("connections.json", 53)])
def test_the_servers_own_failure_stays(server: RecordedServer, params: dict[str, Any], reply: Reply) -> None:
    server.on("POST", "/api/x", reply)
    error = failure(lambda: account(params).call("POST", "/x", "write x"))
    assert (error.layer, error.status, error.transient, error.unknown_outcome) == (SERVER, 500, False, False)
    assert error.text == "An unhandled server error has occurred."


FRONT = [
    Reply(401, PAGE.format("401 Authorization Required"), {**HTML, "WWW-Authenticate": 'Basic realm="x"'}),
    Reply(401, "", {"WWW-Authenticate": "Negotiate"}),
    Reply(401, {"message": "Unauthorized"}),
    Reply(401, "Unauthorized.", {"content-type": "text/plain"}),
    Reply(403, PAGE.format("403 Forbidden"), HTML),
    Reply(403, {"error": "forbidden"}),
]


@pytest.mark.parametrize("reply", FRONT, ids=lambda reply: f"{reply.status} {str(reply.body)[:20]}")
@pytest.mark.parametrize("with_token", [True, False])
def test_a_refusal_in_front_of_the_server_is_not_the_keys(
    server: RecordedServer, params: dict[str, Any], reply: Reply, with_token: bool
) -> None:
    server.on("GET", "/api/alive", reply)
    server.on("GET", "/api/x", reply)
    user = account(params)
    error = failure((lambda: user.get("/x", "read x")) if with_token else user.client.probe)
    # Without the server's words: nobody takes a page's title for them.
    assert (error.layer, error.status, error.text) == (NETWORK, reply.status, "")
    assert "Something in front of the server" in error.advice and "headers" in error.advice
    asked = reply.headers.get("WWW-Authenticate", "").partition(" ")[0]
    assert (f"It asks for {asked} authentication" in error.advice) is bool(asked)
    assert "run" not in error.advice and "key" not in error.advice


@pytest.mark.parametrize("status", [401, 403])
def test_without_a_token_also_silence_is_not_the_servers(
    server: RecordedServer, params: dict[str, Any], status: int
) -> None:
    server.on("GET", "/api/alive", Reply(status))
    error = failure(account(params).client.probe)
    assert (error.layer, error.transient) == (NETWORK, False)
    assert "Something in front of the server" in error.advice


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)


@pytest.mark.parametrize("missing", [
    Reply(404, "404 page not found\n", {"content-type": "text/plain"}),
    Reply(404, PAGE.format("404 Not Found"), HTML),
    Reply(404),
    Reply(405, PAGE.format("405 Not Allowed"), HTML),
    Reply(530, PAGE.format("Error 1033"), HTML),
    Reply(500, PAGE.format("500 Internal Server Error"), HTML),
])  # fmt: skip
@pytest.mark.parametrize("path", ["alive", "token"])
def test_a_proxy_without_a_server_behind_it_is_waited_for(
    server: RecordedServer, params: dict[str, Any], missing: Reply, path: str
) -> None:
    at = {"alive": ("GET", "/api/alive"), "token": ("POST", "/identity/connect/token")}[path]
    fine = server.replies[at][0]
    server.on(*at, *[missing] * 5, fine)
    options = {**params, "wait_timeout": "30s", "sponsorships_max_age": "26h"}
    assert organization_info.perform(options, False)["reachable"] is True
    server.on(*at, missing)
    with pytest.raises(ApiError, match=str(missing.status)):
        organization_info.perform({**options, "wait_timeout": "0s"}, False)


def test_unusual_traffic_is_told_as_such(server: RecordedServer, params: dict[str, Any]) -> None:
    said = "Traffic from your network looks unusual. Connect to a different network or try again later. [Error Code 6]"
    server.on("POST", "/identity/connect/token", Reply(400, {"message": said}))
    error = failure(account(params).login)
    assert (error.layer, error.text) == (NETWORK, said)
    assert "has flagged requests from this address" in error.advice
