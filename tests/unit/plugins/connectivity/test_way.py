# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One question to the cloud over real sockets: each thing that can stop it is told by its layer, with advice."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import ssl
import threading

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils.connectivity import layers
from ansible_collections.selfhosted.bitwarden.plugins.module_utils.connectivity.endpoints import (
    API,
    IDENTITY,
    PUSH,
    Endpoint,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils.connectivity.names import UnknownName
from ansible_collections.selfhosted.bitwarden.plugins.module_utils.connectivity.probe import probe
from ansible_collections.selfhosted.bitwarden.plugins.module_utils.connectivity.trust import context_of
from on_the_way import DAY, NAME, Authority, dated, page

KNOWN = json.dumps({"object": "installation", "id": "x", "enabled": True})
UNKNOWN = json.dumps({"object": "error", "message": "Resource not found."})


def endpoint(url, name=API):
    return Endpoint(name, f"setting_of_{name}", url, url)


def test_the_cloud_answers(serve, authority, view):
    server = serve(page("200 OK", KNOWN), authority.context())
    found = probe(endpoint(server.url()), view, 5)
    assert (found.ok, found.layer, found.status, found.body) == (True, "", 200, KNOWN)
    assert f"{NAME} (127.0.0.1) port {server.port} answered 200" in found.detail
    assert f"Host: {NAME}:{server.port}" in server.heads[0]


def failing(found, layer, *words):
    assert (found.ok, found.layer) == (False, layer), found
    assert found.advice
    for word in words:
        assert word in found.detail, found.detail
    return found


def test_name_not_known(view):
    def look_up(name, deadline):
        raise UnknownName("name server 127.0.0.11 knows no address of it", True)

    failing(
        probe(endpoint("https://gone.test/"), view._replace(look_up=look_up), 5), layers.DNS, "gone.test", "127.0.0.11"
    )


def test_connection_refused(view):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"https://{NAME}:{unused.getsockname()[1]}/"
        failing(probe(endpoint(url), view, 5), layers.TCP, "connection refused")


def test_second_address_is_tried(serve, authority, view):
    server = serve(page("200 OK", KNOWN), authority.context())
    several = view._replace(look_up=lambda name, deadline: ["127.0.0.77", "127.0.0.1"])
    assert probe(endpoint(server.url()), several, 5).ok


def test_a_silent_address_leaves_time_for_the_next(serve, authority, view):
    server = serve(page("200 OK", KNOWN), authority.context())
    with contextlib.ExitStack() as stack:
        # Nobody takes these connections, so that with a full queue further ones are not answered at all.
        stack.enter_context(socket.create_server(("127.0.0.77", server.port), backlog=0))
        for _count in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.77", server.port))
        several = view._replace(look_up=lambda name, deadline: ["127.0.0.77", "127.0.0.1"])
        assert probe(endpoint(server.url()), several, 2).ok


def test_nobody_answers(serve, view):
    failing(probe(endpoint(serve(None).url()), view, 0.3), layers.TLS, "no answer in time")


def test_silence_after_tls(authority, view):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def shake() -> None:
            connected = authority.context().wrap_socket(listening.accept()[0], server_side=True)
            connected.recv(4096)
            stop.wait(5)

        stop = threading.Event()
        thread = threading.Thread(target=shake, daemon=True)
        thread.start()
        url = f"https://{NAME}:{listening.getsockname()[1]}/"
        failing(probe(endpoint(url), view, 0.5), layers.HTTP, "no HTTP answer: no answer in time")
        stop.set()


def test_other_authority_is_named(serve, tmp_path, view):
    server = serve(page("200 OK", KNOWN), Authority(tmp_path, "Firewall Inspection").context())
    found = failing(probe(endpoint(server.url()), view, 5), layers.TLS, "O=Test, CN=Firewall Inspection", "not trusted")
    assert "ca-certificates" in found.advice
    # What was sent to the stranger holds nothing of the question.
    assert [head.split("\r\n")[0] for head in server.heads] == ["HEAD / HTTP/1.1"]


def test_other_name(serve, authority, view):
    server = serve(page("200 OK", KNOWN), authority.context("other.test"))
    failing(probe(endpoint(server.url()), view, 5), layers.TLS, f"not made out to {NAME}")


@pytest.mark.parametrize(
    ("begins", "ends", "shift", "words", "clock"),
    [
        (-3 * DAY, -DAY, 0, "has expired", False),
        (-3 * DAY, -DAY, -2 * 86400, "has expired", True),
        (DAY, 3 * DAY, 2 * 86400, "is not valid yet", True),
        (DAY, 3 * DAY, 0, "is not valid yet", False),
    ],
)
def test_times_of_a_certificate(serve, authority, view, begins, ends, shift, words, clock):
    server = serve(page("200 OK", KNOWN, dated(shift)), authority.context(begins=begins, ends=ends))
    found = failing(probe(endpoint(server.url()), view, 5), layers.TLS, words, "this host's clock says")
    assert ("this host's clock is wrong" in found.detail) == clock
    assert ("NTP" in found.advice) == clock


def test_no_tls_at_all(serve, view):
    failing(probe(endpoint(serve(page("400 Bad Request", "")).url()), view, 5), layers.TLS)


def test_no_http(serve, authority, view):
    failing(probe(endpoint(serve(b"SSH-2.0-x\r\n", authority.context()).url()), view, 5), layers.HTTP, "no HTTP answer")


@pytest.mark.parametrize(
    ("name", "answer", "ok", "words"),
    [
        (API, page("404 Not Found", UNKNOWN), True, "404"),
        (API, page("429 Too Many Requests", UNKNOWN), True, "429"),
        (API, page("404 Not Found", ""), False, "not Bitwarden's"),
        (API, page("404 Not Found", "{}"), False, "404"),
        (API, page("200 OK", '{"token_endpoint": "x"}'), False, "not Bitwarden's"),
        (API, page("200 OK", "<title>Hotel\n Login</title>"), False, '"Hotel Login"'),
        (API, page("403 Forbidden", "<html><title>Blocked</title>"), False, '"Blocked"'),
        (
            API,
            page("302 Found", "", "Location: https://login.hotel.test/x?secret=1"),
            False,
            "points to login.hotel.test",
        ),
        (API, page("503 Service Unavailable", "{}"), False, "503"),
        (API, page("401 Unauthorized", "{}"), False, "401"),
        (IDENTITY, page("200 OK", '{"token_endpoint": "x"}'), True, "200"),
        (IDENTITY, page("200 OK", '{"object": "installation"}'), False, "not Bitwarden's"),
        (IDENTITY, page("404 Not Found", "{}"), False, "404"),
        (PUSH, page("404 Not Found", ""), True, "404"),
        (PUSH, page("403 Forbidden", "no"), True, "403"),
    ],
)
def test_who_answers(serve, authority, view, name, answer, ok, words):
    found = probe(endpoint(serve(answer, authority.context()).url(), name), view, 5)
    assert found.ok == ok and words in found.detail, found
    assert "secret" not in found.detail
    if not ok:
        failing(found, layers.HTTP)


def through(view, port, login="", scheme="http"):
    return view._replace(environment={"HTTPS_PROXY": f"{scheme}://{login}127.0.0.1:{port}"})


@pytest.mark.parametrize(
    ("status", "words", "advice"),
    [
        ("403 Forbidden", "refuses this name", "Allow this name"),
        ("407 Proxy Authentication Required", "asks for user and password", "secret_settings"),
        ("503 Service Unavailable", "could not connect", "NO_PROXY"),
        ("500 Oops", "does not let it through (status 500 Oops)", "log"),
    ],
)
def test_proxy_says_no(serve, view, status, words, advice):
    server = serve(page(status, ""))
    found = failing(probe(endpoint("https://api.cloud.test/"), through(view, server.port), 5), layers.PROXY, words)
    assert advice in found.advice
    assert server.heads[0].startswith("CONNECT api.cloud.test:443 HTTP/1.1\r\n")


def test_proxy_gets_its_password_and_shows_it_nowhere(serve, view):
    server = serve(page("403 Forbidden", ""))
    found = probe(endpoint("https://api.cloud.test/"), through(view, server.port, "me:p%40ss@"), 5)
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'me:p@ss').decode()}" in server.heads[0]
    assert "p@ss" not in str(found) and "p%40ss" not in str(found)


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n\r\n", b""])
def test_proxy_that_is_none(serve, view, answer):
    failing(
        probe(endpoint("https://api.cloud.test/"), through(view, serve(answer).port), 5), layers.PROXY, "no HTTP proxy"
    )


def test_proxy_that_is_not_there(view):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        found = probe(endpoint("https://api.cloud.test/"), through(view, unused.getsockname()[1]), 5)
    failing(found, layers.PROXY, "connection refused")


def test_proxy_of_another_kind_is_told(view):
    failing(probe(endpoint("https://api.cloud.test/"), through(view, 1, scheme="socks5"), 5), layers.PROXY, "socks5")


def test_a_proxy_that_is_not_trusted_gets_no_password(serve, tmp_path, view):
    server = serve(page("200 OK", ""), Authority(tmp_path, "Stranger").context("127.0.0.1"))
    found = probe(endpoint("https://api.cloud.test/"), through(view, server.port, "me:word@", "https"), 5)
    failing(found, layers.TLS)
    assert server.heads == []


def test_unreadable_authorities_spoil_nothing(serve, authority, view):
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
    trusting = view._replace(context=context_of([broken, authority.pem]))
    assert probe(endpoint(serve(page("200 OK", KNOWN), authority.context()).url()), trusting, 5).ok
    assert trusting.context.verify_mode == ssl.CERT_REQUIRED
