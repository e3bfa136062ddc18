# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Through a proxy: what it refuses, what cannot be tried, and what it gets to see."""

from __future__ import annotations

import base64
import socket

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity import layers
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.probe import probe

from .on_the_way import NAME, Authority, endpoint, failing, page


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


@pytest.mark.parametrize("scheme", ["socks4", "socks4a", "socks5"])
def test_proxy_of_another_kind_is_not_tried(view, scheme):
    found = probe(endpoint("https://api.cloud.test/"), through(view, 1, scheme=scheme), 5)
    assert (found.untried, found.ok) == (True, False) and scheme in found.detail and found.advice


def test_a_proxy_that_speaks_tls_is_greeted_and_not_tried(serve, authority, view):
    server = serve(page("200 OK", ""), authority.context())
    environment = {"HTTPS_PROXY": f"https://me:word@{NAME}:{server.port}"}
    found = probe(endpoint("https://api.cloud.test/"), view._replace(environment=environment), 5)
    assert (found.untried, found.ok) == (True, False) and "(https)" in found.detail
    assert server.heads == []


def test_a_proxy_without_tls_is_told(serve, view):
    server = serve(page("400 Bad Request", ""))
    found = probe(endpoint("https://api.cloud.test/"), through(view, server.port, "me:word@", "https"), 1)
    assert "Write the proxy's address with http://" in failing(found, layers.PROXY, "no TLS connection").advice
    assert "word" not in str(server.heads)


def test_a_proxy_that_is_not_trusted_gets_no_password(serve, tmp_path, view):
    server = serve(page("200 OK", ""), Authority(tmp_path, "Stranger").context("127.0.0.1"))
    found = probe(endpoint("https://api.cloud.test/"), through(view, server.port, "me:word@", "https"), 5)
    assert "http://" in failing(found, layers.PROXY, "not trusted").advice
    assert server.heads == []


@pytest.mark.parametrize(
    ("offered", "words"),
    [
        ([], ["refuses the user and password", "(status 407)"]),
        (["Proxy-Authenticate: Basic realm=x"], ["refuses the user and password", "(status 407)"]),
        (["Proxy-Authenticate: Negotiate", "Proxy-Authenticate: NTLM"], ["asks for Negotiate, NTLM"]),
    ],
)
def test_user_and_password_that_are_refused(serve, view, offered, words):
    server = serve(page("407 Proxy Authentication Required", "", *offered))
    found = probe(endpoint("https://api.cloud.test/"), through(view, server.port, "me:word@"), 5)
    assert "Correct user and password" in failing(found, layers.PROXY, *words).advice
    assert "word@" not in str(found)


@pytest.mark.parametrize(
    "status", ["\u00b2\u00b2\u00b2 x", "9" * 5000, "20 x", ""], ids=["superscript", "endless", "short", "none"]
)
def test_a_status_that_is_no_number(serve, view, status):
    server = serve(page(status, ""))
    failing(probe(endpoint("https://api.cloud.test/"), through(view, server.port), 5), layers.PROXY, "no HTTP proxy")


def test_a_name_beyond_ascii_through_a_proxy(serve, view):
    server = serve(page("403 Forbidden", ""))
    failing(probe(endpoint("https://b\u00fccher.test/"), through(view, server.port), 5), layers.PROXY)
    assert server.heads[0].startswith("CONNECT xn--bcher-kva.test:443 ")
