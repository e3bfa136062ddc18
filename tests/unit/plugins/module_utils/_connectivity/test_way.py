# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One question to the cloud over real sockets: each thing that can stop it is told by its layer, with advice."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity import layers
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.endpoints import API, IDENTITY, PUSH
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.names import UnknownName
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.probe import probe

from .on_the_way import DAY, KNOWN, NAME, UNKNOWN, Authority, dated, endpoint, failing, page


def test_the_cloud_answers(serve, authority, view):
    server = serve(page("200 OK", KNOWN), authority.context())
    found = probe(endpoint(server.url()), view, 5)
    assert (found.ok, found.layer, found.status, found.body) == (True, "", 200, KNOWN)
    assert f"{NAME} (127.0.0.1) port {server.port} answered 200" in found.detail
    assert f"Host: {NAME}:{server.port}" in server.heads[0]


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


def test_a_path_beyond_ascii(serve, authority, view):
    server = serve(page("200 OK", KNOWN), authority.context())
    assert probe(endpoint(server.url() + "b\u00fc%20 c?x=\u00fc"), view, 5).ok
    assert server.heads[0].startswith("GET /b%C3%BC%20%20c?x=%C3%BC HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (page("302 Found", "", "Location: https://[portal/"), "points to another address"),
        (page("200 OK", "[" * 60000), "not Bitwarden's"),
        (b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n", "no HTTP answer"),
        (page("200 OK", "").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"zz\r\n", "no HTTP answer"),
    ],
)
def test_answers_that_nobody_should_give(serve, authority, view, answer, words):
    failing(probe(endpoint(serve(answer, authority.context()).url()), view, 5), layers.HTTP, words)


@pytest.mark.parametrize(
    ("headers", "skew"),
    [
        ([], 0),
        ([0], 0),
        ([900], 900),
        ([-900], -900),
        # What a cache has kept is as old as it says.
        ([-900, "Age: 900"], 0),
        (["Date: yesterday"], 0),
        (["Date: Mon, 01 Jan 9999999 00:00:00 GMT"], 0),
    ],
)
def test_the_clock_of_the_answer(serve, authority, view, headers, skew):
    # A number of seconds is a date that far from now, which is not when tests are collected.
    headers = [dated(one) if isinstance(one, int) else one for one in headers]
    found = probe(endpoint(serve(page("200 OK", KNOWN, *headers), authority.context()).url()), view, 5)
    assert found.ok and abs(found.skew - skew) < 60


def test_a_name_that_cannot_be_sent(view):
    failing(probe(endpoint("https://" + "\u00fc" * 80 + ".test/"), view, 5), layers.DNS, "no name of a host")
