# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One request over real sockets: each thing that can stop it is told by its layer, with advice."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity import failures
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.endpoints import API, IDENTITY, PUSH
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.http import Network
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.tls import context_of

from .stand_ins import DAY, KNOWN, NAME, UNKNOWN, Authority, ask, endpoint, failing, page


def test_the_cloud_responds(serve, authority, network):
    server = serve(page("200 OK", KNOWN), authority.context())
    found = ask(network, endpoint(server.url()), 5)
    assert (found.ok, found.layer, found.status, found.body) == (True, "", 200, KNOWN)
    assert f"{NAME} (127.0.0.1) port {server.port} responded 200" in found.detail
    assert f"Host: {NAME}:{server.port}" in server.heads[0]


@pytest.mark.parametrize("servers", ["", "192.0.2.53, 192.0.2.54"])
def test_name_not_known(network, monkeypatch, servers):
    def look_up(*args, **keywords):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    found = ask(network._replace(servers=servers), endpoint("https://gone.test/"))
    failing(found, failures.DNS, "gone.test", "Temporary failure in name resolution")
    assert (f"by {servers}:" in found.detail) == bool(servers)


def test_name_servers_that_do_not_respond(network, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: time.sleep(5))
    failing(ask(network, endpoint("https://slow.test/"), 0.2), failures.DNS, "no name server responded in time (0.2s)")


@pytest.mark.parametrize("name", ["a" * 70 + ".test", "\u00fc" * 80 + ".test"])
def test_a_name_that_cannot_be_sent(authority, name):
    found = ask(Network({}, context_of([authority.pem])), endpoint(f"https://{name}/"))
    failing(found, failures.DNS, "not a host name")


def test_connection_refused(network):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"https://{NAME}:{unused.getsockname()[1]}/"
        failing(ask(network, endpoint(url)), failures.TCP, "connection refused")


def test_second_address_is_tried(serve, authority, network, addresses):
    server = serve(page("200 OK", KNOWN), authority.context())
    addresses[:] = ["127.0.0.77", "127.0.0.1"]
    assert ask(network, endpoint(server.url()), 5).ok


def test_a_silent_address_leaves_time_for_the_next(serve, authority, network, addresses):
    server = serve(page("200 OK", KNOWN), authority.context())
    with contextlib.ExitStack() as stack:
        # Nobody takes these connections, so that with a full queue further ones are not responded at all.
        stack.enter_context(socket.create_server(("127.0.0.77", server.port), backlog=0))
        for _count in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.77", server.port))
        addresses[:] = ["127.0.0.77", "127.0.0.1"]
        assert ask(network, endpoint(server.url()), 2).ok


def test_nobody_responds(serve, network):
    failing(ask(network, endpoint(serve(None).url()), 0.3), failures.TLS, "no response in time (0.3s)")


def test_silence_after_tls(authority, network):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def shake() -> None:
            connected = authority.context().wrap_socket(listening.accept()[0], server_side=True)
            connected.recv(4096)
            stop.wait(5)

        stop = threading.Event()
        thread = threading.Thread(target=shake, daemon=True)
        thread.start()
        url = f"https://{NAME}:{listening.getsockname()[1]}/"
        failing(ask(network, endpoint(url), 0.5), failures.HTTP, "no HTTP response: no response in time (0.5s)")
        stop.set()


def test_other_authority_is_named(serve, tmp_path, network):
    server = serve(page("200 OK", KNOWN), Authority(tmp_path, "Firewall Inspection").context())
    found = failing(ask(network, endpoint(server.url())), failures.TLS, "O=Test, CN=Firewall Inspection", "not trusted")
    assert "ca-certificates" in found.advice
    # Nothing was sent to the stranger.
    assert server.heads == []


def test_other_name(serve, authority, network):
    server = serve(page("200 OK", KNOWN), authority.context("other.test"))
    failing(ask(network, endpoint(server.url())), failures.TLS, f"not made out to {NAME}")


@pytest.mark.parametrize(
    ("begins", "ends", "words", "limit"),
    [(-3 * DAY, -DAY, "has expired", "notAfter is "), (DAY, 3 * DAY, "is not valid yet", "notBefore is ")],
)
def test_times_of_a_certificate(serve, authority, network, begins, ends, words, limit):
    server = serve(page("200 OK", KNOWN), authority.context(begins=begins, ends=ends))
    found = failing(ask(network, endpoint(server.url())), failures.TLS, words, limit, "this host's clock says")
    assert "NTP" in found.advice


def test_no_tls_at_all(serve, network):
    failing(ask(network, endpoint(serve(page("400 Bad Request", "")).url())), failures.TLS)


def test_no_http(serve, authority, network):
    found = ask(network, endpoint(serve(b"SSH-2.0-x\r\n", authority.context()).url()))
    failing(found, failures.HTTP, "no HTTP response")


@pytest.mark.parametrize(
    ("name", "response", "ok", "words"),
    [
        (API, page("404 Not Found", UNKNOWN), True, "404"),
        (API, page("429 Too Many Requests", UNKNOWN), True, "429"),
        (API, page("404 Not Found", ""), False, "not Bitwarden's"),
        (API, page("404 Not Found", "{}"), False, "404"),
        (API, page("200 OK", '{"token_endpoint": "x"}'), False, "not Bitwarden's"),
        (API, page("200 OK", "<title>Hotel\n Login</title>"), False, '"Hotel Login"'),
        (API, page("403 Forbidden", "<html><title>Forbidden</title>"), False, '"Forbidden"'),
        (
            API,
            page("302 Found", "", "Location: https://login.hotel.test/x?secret=1"),
            False,
            "points to login.hotel.test",
        ),
        (API, page("503 Service Unavailable", "{}"), False, "503: not available"),
        (API, page("524 A Timeout Occurred", "<title>524</title>"), False, "524: not available"),
        (API, page("500 Internal Server Error", "<title>500</title>"), False, "500: not available"),
        (API, page("401 Unauthorized", "{}"), False, "401"),
        (IDENTITY, page("200 OK", '{"token_endpoint": "x"}'), True, "200"),
        (IDENTITY, page("200 OK", '{"object": "installation"}'), False, "not Bitwarden's"),
        (IDENTITY, page("404 Not Found", "{}"), False, "404"),
        (PUSH, page("404 Not Found", ""), True, "404"),
        (PUSH, page("403 Forbidden", "no"), True, "403"),
    ],
)
def test_who_responds(serve, authority, network, name, response, ok, words):
    found = ask(network, endpoint(serve(response, authority.context()).url(), name), 5)
    assert found.ok == ok and words in found.detail, found
    assert "secret" not in found.detail
    if not ok:
        failing(found, failures.HTTP)


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (page("302 Found", "", "Location: https://[portal/"), "points to another address"),
        (page("200 OK", "[" * 60000), "not Bitwarden's"),
        (b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n", "no HTTP response"),
        (page("200 OK", "").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"zz\r\n", "no HTTP"),
    ],
)
def test_responses_that_nobody_should_give(serve, authority, network, response, words):
    failing(ask(network, endpoint(serve(response, authority.context()).url())), failures.HTTP, words)
