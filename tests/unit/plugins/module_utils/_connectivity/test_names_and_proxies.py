# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names: asking a container's name servers, and as this host does; proxies: which one .NET takes."""

from __future__ import annotations

import base64
import contextlib
import socket
import struct
import threading
import time

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity import names
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.names import (
    Resolver,
    UnknownName,
    ask_server,
    look_up_here,
    read_answer,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.proxies import proxy_for

A, AAAA, CNAME = 1, 28, 5
ALIAS = (CNAME, b"\x04edge\xc0\x0c")
FOUR, SIX = (A, socket.inet_aton("192.0.2.7")), (AAAA, socket.inet_pton(socket.AF_INET6, "2001:db8::7"))


def record(kind, content):
    return b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(content)) + content


@contextlib.contextmanager
def name_server(answer):
    """At a port of loopback; ``answer(kind)`` gives code and records, ``None`` for silence."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def run():
            with contextlib.suppress(OSError):
                while True:
                    query, client = server.recvfrom(4096)
                    kind = struct.unpack(">H", query[-4:-2])[0]
                    said = answer(kind)
                    if said is None:
                        continue
                    code, records = said
                    head = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(records), 0, 0)
                    # A stranger's answer first: it must not be taken.
                    server.sendto(b"\0\0" + head[2:] + query[12:], client)
                    server.sendto(head + query[12:] + b"".join(record(*one) for one in records), client)

        threading.Thread(target=run, daemon=True).start()
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ({A: [FOUR], AAAA: []}, ["192.0.2.7"]),
        ({A: [], AAAA: [SIX]}, ["2001:db8::7"]),
        ({A: [ALIAS, FOUR], AAAA: [ALIAS, SIX]}, ["192.0.2.7", "2001:db8::7"]),
    ],
)
def test_addresses(records, expected):
    with name_server(lambda kind: (0, records[kind])) as port:
        assert ask_server("127.0.0.1", "api.cloud.test", 2, port) == expected


@pytest.mark.parametrize(
    ("said", "answered", "words"),
    [((3, []), True, "knows no address"), ((0, []), True, "knows no address"), ((2, []), False, "failed (code 2)"),
     ((5, []), False, "failed (code 5)"), (None, False, "did not answer in time")],
)  # fmt: skip
def test_no_address(said, answered, words):
    with name_server(lambda kind: said) as port, pytest.raises(UnknownName, match="name server") as caught:
        ask_server("127.0.0.1", "api.cloud.test", 0.3, port)
    assert caught.value.answered == answered
    assert words in str(caught.value)


def test_nobody_there():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(UnknownName, match="Connection refused"):
        ask_server("127.0.0.1", "api.cloud.test", 1, port)


@pytest.mark.parametrize("data", [b"", b"\0\1", b"\0\1\x81\x80\0\1\0\1\0\0\0\0\xc0", b"\xff" * 40])
def test_broken_answers_are_no_traceback(data):
    assert read_answer(data)[1:] in ((1, []), (15, []))


HOSTS = "127.0.0.1 localhost\n10.0.0.5\tproxy.internal Proxy # ours\nfe00::0 ip6\n\n"


@pytest.fixture
def asked(monkeypatch):
    """Notes (server, name); answers as ``known`` says."""
    notes = []

    def ask(server, name, timeout):
        notes.append((server, name))
        answer = known.get((server, name), UnknownName("no such name", True))
        if isinstance(answer, UnknownName):
            raise answer
        return answer

    known = {}
    monkeypatch.setattr(names, "ask_server", ask)
    return notes, known


def soon():
    return time.monotonic() + 5


def test_hosts_file_comes_first(asked):
    resolver = Resolver.parse(HOSTS, "nameserver 127.0.0.11\n")
    assert resolver.look_up("PROXY.internal", soon()) == resolver.look_up("proxy", soon()) == ["10.0.0.5"]
    assert asked[0] == []


@pytest.mark.parametrize(
    ("options", "name", "expected"),
    [
        ("", "proxy", ["proxy.corp.test"]),
        ("", "proxy.", ["proxy"]),
        ("", "proxy.dc", ["proxy.dc"]),
        ("options timeout:2 ndots:2\n", "proxy.dc", ["proxy.dc.corp.test", "proxy.dc"]),
        # What Docker writes.
        ("options edns0 trust-ad ndots:0\n", "proxy", ["proxy"]),
        ("options ndots:x\n", "proxy", ["proxy.corp.test"]),
    ],
)
def test_search_domains_are_for_names_with_few_dots(asked, options, name, expected):
    """As musl has it, the C library of the images."""
    asked[1].update({("127.0.0.11", found): ["10.0.0.6"] for found in (expected[-1],)})
    resolver = Resolver.parse("", f"search corp.test. .\nnameserver 127.0.0.11\n{options}")
    assert resolver.look_up(name, soon()) == ["10.0.0.6"]
    assert [found for _server, found in asked[0]] == expected


def test_silent_servers_are_not_asked_for_other_names(asked):
    asked[1][("127.0.0.11", "proxy.corp.test")] = UnknownName("silent")
    with pytest.raises(UnknownName, match="silent"):
        Resolver.parse("", "search corp.test\nnameserver 127.0.0.11\n").look_up("proxy", soon())
    assert {name for _server, name in asked[0]} == {"proxy.corp.test"}


def test_next_server_is_asked_when_one_does_not_know_better(asked):
    asked[1].update({("192.0.2.1", "x.test"): UnknownName("silent"), ("192.0.2.2", "x.test"): ["10.0.0.7"]})
    resolver = Resolver.parse("", "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver nonsense\n")
    assert resolver.look_up("x.test", soon()) == ["10.0.0.7"]
    asked[1][("192.0.2.2", "x.test")] = UnknownName("silent, too")
    with pytest.raises(UnknownName, match="silent, too"):
        resolver.look_up("x.test", soon())
    with pytest.raises(UnknownName, match="in time"):
        resolver.look_up("x.test", time.monotonic() - 1)


def test_as_this_host_does_it(monkeypatch):
    assert "127.0.0.1" in look_up_here("localhost", soon())
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: time.sleep(5))
    with pytest.raises(UnknownName, match="in time"):
        look_up_here("slow.test", time.monotonic() + 0.1)


def test_what_is_no_name():
    with pytest.raises(UnknownName):
        look_up_here("a" * 70 + ".test", soon())
    with pytest.raises(UnknownName):
        ask_server("127.0.0.1", "a" * 70 + ".test", 1, 9)


URL = "https://api.bitwarden.com/x"
PROXY = "http://proxy.test:3128"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": PROXY}, "proxy.test port 3128"),
        ({"https_proxy": PROXY, "HTTPS_PROXY": "http://other.test"}, "proxy.test port 3128"),
        ({"HTTP_PROXY": PROXY}, None),
        ({"ALL_PROXY": PROXY}, "proxy.test port 3128"),
        ({"HTTPS_PROXY": ""}, None),
        ({"HTTPS_PROXY": "proxy.test:8080"}, "proxy.test port 8080"),
        ({"HTTPS_PROXY": "http://proxy.test"}, "proxy.test port 80"),
        ({"HTTPS_PROXY": "http://proxy.test/"}, "proxy.test port 80"),
        ({"HTTPS_PROXY": "https://me:word@proxy.test"}, "proxy.test port 443"),
        ({"HTTPS_PROXY": "http://:99999999"}, None),
        # What follows the digits of a port does not matter, a port without digits does.
        ({"HTTPS_PROXY": "http://proxy.test:3128/x?y"}, "proxy.test port 3128"),
        ({"HTTPS_PROXY": "HTTP://proxy.test:3128 # ours"}, "proxy.test port 3128"),
        ({"HTTPS_PROXY": "http://proxy.test:"}, None),
        ({"HTTPS_PROXY": "http://proxy.test:70000"}, None),
        ({"HTTPS_PROXY": "http://proxy.test:\u00b2"}, None),
        ({"HTTPS_PROXY": "http://[2001:db8::7]:3128"}, "2001:db8::7 port 3128"),
        ({"HTTPS_PROXY": "http://[2001:db8::7]"}, "2001:db8::7 port 80"),
        ({"HTTPS_PROXY": "http://two words:3128"}, None),
        # The first that can be read counts, not the first that is there.
        (
            {"https_proxy": "http://:x", "HTTPS_PROXY": "http://proxy.test:y", "ALL_PROXY": PROXY},
            "proxy.test port 3128",
        ),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "api.bitwarden.com"}, None),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "localhost, .BITWARDEN.com"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": ".api.bitwarden.com"}, None),
        # An empty one hides the other.
        ({"HTTPS_PROXY": PROXY, "no_proxy": "", "NO_PROXY": "api.bitwarden.com"}, "proxy.test port 3128"),
        # As .NET has it, unlike curl: a name without a dot in front is that name alone, and there is no *.
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "bitwarden.com,*,.en.com"}, "proxy.test port 3128"),
    ],
)
def test_proxy_of_an_environment(environment, expected):
    found = proxy_for(URL, environment)
    assert (None if found is None else str(found)) == expected


@pytest.mark.parametrize(
    ("login", "pair"),
    [
        ("", None),
        ("me:word@", "me:word"),
        ("me@", "me:"),
        ("me:p%40ss%zz@", "me:p@ss%zz"),
        ("DOMAIN\\me:a:b@", "DOMAIN\\me:a:b"),
        # Raw characters that would end the host in a URL, or its port.
        ("me:a#b@", "me:a#b"),
        ("me:80/b@", "me:80/b"),
        ("me:a?b@", "me:a?b"),
        ("me:[b@", "me:[b"),
        ("me:a@b@", "me:a@b"),
        ("m\u00e9:a@", "m\u00e9:a"),
    ],
)
@pytest.mark.parametrize("scheme", ["", "http://", "socks5://"])
def test_user_and_password_end_at_the_last_at(scheme, login, pair):
    found = proxy_for(URL, {"HTTPS_PROXY": f"{scheme}{login}proxy.test:3128"})
    assert str(found) == "proxy.test port 3128" and found.scheme == (scheme[:-3] or "http")
    expected = "" if pair is None else "Basic " + base64.b64encode(pair.encode()).decode()
    assert found.authorization == expected
