# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Through a proxy: what it refuses, what cannot be tried, and what it gets to see."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity import failures

from .stand_ins import KNOWN, NAME, ask, endpoint, failing, page

CLOUD = endpoint("https://api.cloud.test/")


def through(network, port, login="", scheme="http"):
    return network._replace(environment={"HTTPS_PROXY": f"{scheme}://{login}127.0.0.1:{port}"})


@pytest.mark.parametrize(
    ("status", "words", "advice"),
    [
        ("403 Forbidden", "refuses this name", "Allow this name"),
        ("407 Proxy Authentication Required", "asks for user and password", "secret_settings"),
        ("503 Service Unavailable", "does not connect (status 503 Service Unavailable)", "NO_PROXY"),
        ("500 Oops", "does not connect (status 500 Oops)", "log"),
    ],
)
def test_proxy_says_no(serve, network, status, words, advice):
    server = serve(page(status, ""))
    found = failing(ask(through(network, server.port), CLOUD), failures.PROXY, words)
    assert advice in found.advice
    assert server.heads[0].startswith("CONNECT api.cloud.test:443 HTTP/1.")


def test_proxy_gets_its_password_and_shows_it_nowhere(serve, network):
    server = serve(page("403 Forbidden", ""))
    found = ask(through(network, server.port, "me:p%40ss@"), CLOUD)
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'me:p@ss').decode()}" in server.heads[0]
    assert "p@ss" not in str(found) and "p%40ss" not in str(found)


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n\r\n", b""])
def test_proxy_that_is_none(serve, network, answer):
    failing(ask(through(network, serve(answer).port), CLOUD), failures.PROXY, "not an HTTP proxy")


def test_proxy_that_is_not_there(network):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        found = ask(through(network, unused.getsockname()[1]), CLOUD)
    failing(found, failures.PROXY, "connection refused")


@pytest.mark.parametrize("scheme", ["socks4", "socks4a", "socks5"])
def test_proxy_of_another_kind_is_not_tried(network, scheme):
    found = ask(through(network, 1, scheme=scheme), CLOUD)
    assert (found.skipped, found.ok) == (True, False) and scheme in found.detail and found.advice


def test_a_proxy_that_speaks_tls_is_not_tried(serve, authority, network):
    server = serve(page("200 OK", ""), authority.context("127.0.0.1"))
    found = ask(through(network, server.port, "me:word@", "https"), CLOUD)
    assert (found.skipped, found.ok) == (True, False) and "(https)" in found.detail
    assert "http://" in found.advice and server.heads == []


def test_user_and_password_that_are_refused(serve, network):
    server = serve(page("407 Proxy Authentication Required", "", "Proxy-Authenticate: Negotiate"))
    found = ask(through(network, server.port, "me:word@"), CLOUD)
    failing(found, failures.PROXY, "refuses the user and password", "(status 407")
    assert "Correct user and password" in found.advice and "allow Basic" in found.advice
    assert "word@" not in str(found)


@pytest.mark.parametrize(
    "status", ["\u00b2\u00b2\u00b2 x", "9" * 5000, "20 x", ""], ids=["superscript", "endless", "short", "none"]
)
def test_a_status_that_is_no_number(serve, network, status):
    server = serve(page(status, ""))
    failing(ask(through(network, server.port), CLOUD), failures.PROXY, "not an HTTP proxy")


def test_a_proxy_whose_name_is_not_known(network, monkeypatch):
    def look_up(*args, **keywords):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    found = ask(network._replace(environment={"HTTPS_PROXY": "http://proxy.test"}), CLOUD)
    failing(found, failures.PROXY, "proxy.test", "Name or service not known")


def test_a_proxy_that_says_nothing(serve, network):
    failing(ask(through(network, serve(None).port), CLOUD, 0.3), failures.PROXY, "no response in time")


def test_the_cloud_through_a_proxy(network, authority, serve):
    """What the tunnel carries: TLS with the cloud itself."""
    cloud = serve(page("200 OK", KNOWN), authority.context())
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def relay():
            client = listening.accept()[0]
            head = client.recv(4096)
            with socket.create_connection(("127.0.0.1", cloud.port)) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                heads.append(head.decode())
                threading.Thread(target=pump, args=(server, client), daemon=True).start()
                pump(client, server)

        def pump(source, target):
            with contextlib.suppress(OSError):
                while data := source.recv(4096):
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)

        heads: list[str] = []
        threading.Thread(target=relay, daemon=True).start()
        found = ask(through(network, listening.getsockname()[1]), endpoint(f"https://{NAME}/"))
    assert found.ok and f"{NAME} through the proxy 127.0.0.1 port" in found.detail
    assert heads[0].startswith(f"CONNECT {NAME}:443 HTTP/1.") and f"\r\nHost: {NAME}:443\r\n" in heads[0]
    assert f"\r\nHost: {NAME}\r\n" in cloud.heads[0] and "Proxy" not in cloud.heads[0]
