# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes over the wire, and what comes back: real sockets on loopback."""

from __future__ import annotations

import gzip
import socket
import ssl
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api import transport as transport_file
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.argspec import read_options
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.auth import Account
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.client import CLIENT_VERSION, USER_AGENT, Client
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import (
    NETWORK,
    REQUEST,
    TLS,
    ApiError,
    Response,
)

from .authority import Authority
from .recorded_server import RecordedServer, Reply
from .wire import CLOSE, Wire, page

LOGIN = "Basic dXNlcjpDYW5hcnkgMQ=="  # user:Canary 1
BEARER = "Bearer token-1"


@pytest.fixture(autouse=True)
def no_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def wire() -> Iterator[Any]:
    running: list[Wire] = []

    def start(*answers: Any, **more: Any) -> Wire:
        running.append(Wire(*answers, **more))
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Authority]:
    folder = tmp_path_factory.mktemp("authorities")
    root = Authority(folder, "root")
    return {"root": root, "leaf": Authority(folder, "leaf", root), "other": Authority(folder, "other")}


@pytest.fixture
def tls(authorities: dict[str, Authority]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authorities["leaf"].pem)
    return context


@pytest.fixture
def send(params: dict[str, Any]) -> Any:
    """Send one request, by a client of its own."""

    def run(url: str, method: str = "GET", path: str = "/x", *, body: Any = None, **options: Any) -> Response:
        client = Client(read_options({**params, "url": url, **options}))
        try:
            return client.send(method, f"{url}{path}", "ask", token="token-1", **(body or {}))
        finally:
            client.close()

    return run


def failure(what: Any, *args: Any, **named: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        what(*args, **named)
    assert "Canary" not in str(caught.value)
    return caught.value


class TestRequest:
    @pytest.mark.parametrize(
        ("method", "given", "kind", "body"),
        [
            ("GET", {}, None, None),
            ("POST", {}, None, b""),
            ("DELETE", {}, None, b""),
            ("PUT", {"json_body": {"a": [1, None, "\u00e4"]}}, "application/json", b'{"a": [1, null, "\\u00e4"]}'),
            ("POST", {"json_body": {}}, "application/json", b"{}"),
            (
                "POST",
                {"form": {"client_id": "user.1", "secret": "a b&\u00e4/"}},
                "application/x-www-form-urlencoded",
                b"client_id=user.1&secret=a+b%26%C3%A4%2F",
            ),
        ],
    )
    def test_its_bytes(self, wire: Any, send: Any, method: str, given: Any, kind: Any, body: Any) -> None:
        server = wire()
        send(server.url, method, body=given)
        (came,) = server.came
        assert came.line == f"{method} /x HTTP/1.1"
        assert (came.headers.pop("content-type", None), came.body) == (kind, body or b"")
        assert came.headers.pop("content-length", None) == (None if body is None else str(len(body)))
        encodings = came.headers.pop("accept-encoding").split(", ")
        assert {"gzip", "deflate"} <= set(encodings)
        assert came.headers == {
            "host": server.url.partition("//")[2],
            "accept": "application/json",
            "connection": "keep-alive",
            "user-agent": USER_AGENT,
            "bitwarden-client-name": "cli",
            "bitwarden-client-version": CLIENT_VERSION,
            "authorization": BEARER,
        }

    def test_the_parts_of_a_form_with_a_file(self, wire: Any, send: Any) -> None:
        server = wire()
        send(server.url, "POST", body={"files": {"License": ("l\u00ef.json", b"{\r\n}")}})
        (came,) = server.came
        kind, _separator, boundary = came.headers["content-type"].partition("; boundary=")
        assert kind == "multipart/form-data"
        assert came.body.decode() == (
            f"--{boundary}\r\n"
            'Content-Disposition: form-data; name="License"; filename="l\u00ef.json"\r\n\r\n'
            f"{{\r\n}}\r\n--{boundary}--\r\n"
        )

    def test_a_header_of_the_options_replaces_its_own(self, wire: Any, send: Any) -> None:
        server = wire()
        send(server.url, headers={"user-agent": "mine", "Cookie": "a=1"})
        assert (server.came[0].headers["user-agent"], server.came[0].headers["cookie"]) == ("mine", "a=1")

    def test_a_path_with_other_characters(self, wire: Any, send: Any) -> None:
        server = wire()
        send(server.url, path="/\u00e4 b?c=\u00e4")
        assert server.came[0].line == "GET /%C3%A4%20b?c=%C3%A4 HTTP/1.1"

    @pytest.mark.parametrize("library", [True, False])
    def test_a_name_with_other_letters(
        self, wire: Any, send: Any, monkeypatch: pytest.MonkeyPatch, library: bool
    ) -> None:
        server, asked = wire(), []
        if not library:
            monkeypatch.setitem(sys.modules, "idna", None)

        def look_up(host: Any, port: Any, *_args: Any) -> Any:
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        send("http://Vault.B\u00fccher.example:81")
        assert [name.decode() if isinstance(name, bytes) else name for name in asked] == ["vault.xn--bcher-kva.example"]
        assert server.came[0].headers["host"] == "vault.xn--bcher-kva.example:81"

    @pytest.mark.parametrize("name", ["a\u2260\u0338..b", f"{'l' * 64}.example"])
    def test_a_name_that_cannot_be_one(self, send: Any, name: str) -> None:
        error = failure(send, f"http://{name}")
        assert (error.layer, str(error)) == (
            REQUEST,
            f"Could not ask: http://{name}/x is not an address to send requests to.",
        )

    def test_ipv6(self, wire: Any, send: Any) -> None:
        try:
            server = wire(address="::1")
        except OSError:
            pytest.skip("no IPv6 here")
        assert send(server.url).status == 200
        assert server.came[0].headers["host"] == server.url.partition("//")[2]

    def test_a_login_in_an_address_is_refused(self, params: dict[str, Any]) -> None:
        error = failure(read_options, {**params, "url": "https://user:Canary@vault.example"})
        assert error.layer == REQUEST and "must not hold a user name or password" in str(error)

    @pytest.mark.parametrize("token", ["a\nb", "\u20ac", " "])
    def test_a_token_that_no_header_can_hold(self, server: RecordedServer, params: dict[str, Any], token: str) -> None:
        server.on("POST", "/identity/connect/token", Reply(200, {"access_token": token, "expires_in": 3600}))
        error = failure(Account(Client(read_options(params))).get, "/organizations", "list")
        assert error.layer == NETWORK and "not as Bitwarden's Identity does" in str(error)


class TestResponse:
    @pytest.mark.parametrize("encoding", ["gzip", "deflate"])
    def test_a_compressed_one(self, wire: Any, send: Any, encoding: str) -> None:
        packed = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding](b'{"fine": true}')
        assert send(wire(page(packed, f"Content-Encoding: {encoding}")).url).json == {"fine": True}

    def test_one_in_chunks(self, wire: Any, send: Any) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert send(wire(head + b"5\r\n[1, 2\r\n1\r\n]\r\n0\r\n\r\n").url).json == [1, 2]

    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize(
        ("answer", "says"),
        [
            ([page(b"{}", length=9), CLOSE], "sent a response that broke off or cannot be read."),
            (
                [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n{}\r\n", CLOSE],
                "sent a response that broke off or cannot be read.",
            ),
            (
                [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}", CLOSE],
                "sent a response that broke off or cannot be read.",
            ),
            (page(b"junk", "Content-Encoding: gzip"), "sent a response that broke off or cannot be read."),
            ([CLOSE], "closed the connection without a response."),
            ([b"junk\r\n\r\n", CLOSE], "closed the connection without a response."),
            ([1.5], "did not answer in time (0.2s)."),
            ([page(b"{}", length=9), 1.5], "did not answer in time (0.2s)."),
        ],
    )
    def test_none_that_can_be_used(self, wire: Any, send: Any, method: str, answer: Any, says: str) -> None:
        server = wire(answer)
        error = failure(send, server.url, method, timeout="0.2s" if "time" in says else "5s")
        assert str(error).startswith(f"Could not ask: {server.url}/x {says}")
        assert (error.layer, error.transient, error.unknown_outcome) == (NETWORK, True, method == "POST")

    @pytest.mark.parametrize(
        ("method", "status", "times"),
        [("GET", 503, 3), ("GET", 408, 3), ("GET", 425, 3), ("GET", 500, 1), ("GET", 429, 1), ("POST", 503, 1)],
    )
    def test_which_reads_are_repeated(self, wire: Any, send: Any, method: str, status: int, times: int) -> None:
        """Without heed to Retry-After, which may name an hour."""
        server, began = wire(page(b"{}", "Retry-After: 12", status=f"{status} Later")), time.monotonic()
        assert send(server.url, method).status == status
        assert len(server.came) == times
        assert time.monotonic() - began < 10


class TestSession:
    def test_one_connection(self, wire: Any, params: dict[str, Any]) -> None:
        server = wire()
        client = Client(read_options({**params, "url": server.url}))
        for method in ("GET", "POST", "GET"):
            client.send(method, f"{server.url}/x", "ask")
        assert [one.connection for one in server.came] == [1, 1, 1]

    def test_a_cookie_is_kept_for_its_server(self, wire: Any, params: dict[str, Any]) -> None:
        """With one a load balancer has the next request answered by the server that knows the session."""
        server, other = wire(page(b"{}", "Set-Cookie: node=Canary2; path=/; HttpOnly"), page()), wire()
        client = Client(read_options({**params, "url": server.url, "headers": {"X-Key": "1"}}))
        for _time in range(2):
            client.send("POST", f"{server.url}/x", "ask")
        client.send("GET", f"{other.url.replace('127.0.0.1', 'localhost')}/x", "ask")
        assert [one.headers.get("cookie") for one in (*server.came, *other.came)] == [None, "node=Canary2", None]

    def test_a_cookie_of_the_options_stays(self, wire: Any, params: dict[str, Any]) -> None:
        server = wire(page(b"{}", "Set-Cookie: node=2; path=/"))
        client = Client(read_options({**params, "url": server.url, "headers": {"cookie": "mine=1"}}))
        for _time in range(2):
            client.send("GET", f"{server.url}/x", "ask")
        assert [one.headers.get("cookie") for one in server.came] == ["mine=1", "mine=1"]

    def test_no_netrc(self, wire: Any, params: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "netrc").write_text("default login me password other\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        server = wire()
        Client(read_options({**params, "url": server.url})).send("GET", f"{server.url}/x", "ask")
        assert "authorization" not in server.came[0].headers


def test_a_connection_that_nobody_accepts(send: Any) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        error = failure(send, f"http://127.0.0.1:{full.getsockname()[1]}", "POST", timeout="0.2s")
    assert "was not reached: no response in time (0.2s)." in str(error)
    assert (error.layer, error.transient, error.unknown_outcome) == (NETWORK, True, False)


class TestProxy:
    @pytest.mark.parametrize(
        ("environment", "through"),
        [
            ({"http_proxy": "{proxy}"}, True),
            ({"HTTP_PROXY": "{proxy}"}, True),
            ({"all_proxy": "{proxy}"}, True),
            ({"ALL_PROXY": "{proxy}"}, True),
            ({"HTTP_PROXY": "{address}"}, True),
            ({"http_proxy": "{proxy}", "HTTP_PROXY": "http://127.0.0.1:1"}, True),
            ({"HTTPS_PROXY": "{proxy}"}, False),
            ({"HTTP_PROXY": ""}, False),
            ({"HTTP_PROXY": "{proxy}", "NO_PROXY": "*"}, False),
            ({"HTTP_PROXY": "{proxy}", "NO_PROXY": "other.example, 127.0.0.1"}, False),
            ({"HTTP_PROXY": "{proxy}", "no_proxy": "127.0.0.0/8"}, False),
            ({"HTTP_PROXY": "{proxy}", "no_proxy": "junk/8,10.0.0.0/8"}, True),
            ({"HTTP_PROXY": "{proxy}", "NO_PROXY": "27.0.0.1"}, True),
        ],
    )
    def test_which_variables_name_one(
        self, wire: Any, send: Any, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], through: bool
    ) -> None:
        server, proxy = wire(), wire()
        for name, value in environment.items():
            monkeypatch.setenv(name, value.format(proxy=proxy.url, address=proxy.url.partition("//")[2]))
        assert send(server.url).status == 200
        assert (len(server.came), len(proxy.came)) == ((0, 1) if through else (1, 0))

    @pytest.mark.parametrize(
        ("host", "excluded", "through"),
        [
            ("vault.example", "example", False),
            ("vault.example", ".example", False),
            ("vault.example", "vault.example", False),
            ("vault.example", "vault.example:{port}", False),
            ("vault.example", "vault.example:1", True),
            ("vault.example", "ault.example", True),
            ("vault.example", "vault.example.org", True),
        ],
    )
    def test_which_names_go_without(
        self, wire: Any, send: Any, monkeypatch: pytest.MonkeyPatch, host: str, excluded: str, through: bool
    ) -> None:
        server, proxy, real = wire(), wire(), socket.getaddrinfo

        def look_up(name: Any, *args: Any) -> Any:
            return real("127.0.0.1" if name in (host, host.encode()) else name, *args)

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", excluded.format(port=server.port))
        assert send(f"http://{host}:{server.port}").status == 200
        assert (len(server.came), len(proxy.came)) == ((0, 1) if through else (1, 0))

    @pytest.mark.parametrize("login", [True, False])
    def test_http_is_asked_of_it(self, wire: Any, send: Any, monkeypatch: pytest.MonkeyPatch, login: bool) -> None:
        proxy = wire()
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("//", "//user:Canary%201@") if login else proxy.url)
        send("http://vault.example:81", "POST", body={"json_body": {}})
        (came,) = proxy.came
        assert came.line == "POST http://vault.example:81/x HTTP/1.1"
        assert (came.headers["host"], came.headers["accept"]) == ("vault.example:81", "application/json")
        assert came.headers.get("proxy-authorization") == (LOGIN if login else None)
        assert came.headers["authorization"] == BEARER

    @pytest.mark.parametrize("login", [True, False])
    def test_https_goes_through_it(
        self, wire: Any, send: Any, tls: Any, authorities: Any, monkeypatch: pytest.MonkeyPatch, login: bool
    ) -> None:
        server, proxy = wire(tls=tls), wire()
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//user:Canary%201@") if login else proxy.url)
        assert send(server.url, ca_path=str(authorities["root"].pem)).status == 200
        (tunnel,), (came,) = proxy.came, server.came
        assert tunnel.line.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.")
        assert tunnel.headers.get("proxy-authorization") == (LOGIN if login else None)
        assert "authorization" not in tunnel.headers
        assert came.line == "GET /x HTTP/1.1"
        assert (came.headers.get("proxy-authorization"), came.headers["authorization"]) == (None, BEARER)

    @pytest.mark.parametrize("secure", [True, False])
    def test_one_with_tls(
        self, wire: Any, send: Any, tls: Any, authorities: Any, monkeypatch: pytest.MonkeyPatch, secure: bool
    ) -> None:
        server, proxy = wire(tls=tls if secure else None), wire(tls=tls)
        monkeypatch.setenv("ALL_PROXY", proxy.url.replace("//", "//user:Canary%201@"))
        trusted = str(authorities["root"].pem)
        assert send(server.url, ca_path=trusted).status == 200
        assert proxy.came[0].headers["proxy-authorization"] == LOGIN
        assert len(server.came) == (1 if secure else 0)

    @pytest.mark.parametrize(
        ("status", "says", "transient"),
        [
            ("407 Login", "was not reached: the proxy requires a login.", False),
            ("403 No", "was not reached: the proxy did not let the connection through and answered 403.", False),
            ("503 Down", "was not reached: the proxy did not let the connection through and answered 503.", True),
        ],
    )
    def test_one_that_refuses(
        self, wire: Any, send: Any, monkeypatch: pytest.MonkeyPatch, status: str, says: str, transient: bool
    ) -> None:
        monkeypatch.setenv("https_proxy", wire(page(status=status)).url.replace("//", "//user:Canary@"))
        error = failure(send, "https://vault.example", "POST")
        assert f"https://vault.example/x {says}" in str(error)
        assert (error.layer, error.transient, error.unknown_outcome) == (NETWORK, transient, False)

    @pytest.mark.filterwarnings("ignore:SOCKS support")
    @pytest.mark.parametrize("proxy", ["gopher://127.0.0.1:1", "socks5://127.0.0.1:1"])
    def test_one_of_a_kind_that_is_not_known(self, send: Any, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setitem(sys.modules, "socks", None)
        monkeypatch.delitem(sys.modules, "urllib3.contrib.socks", raising=False)
        assert failure(send, "http://vault.example").layer == REQUEST


class TestCertificates:
    @pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
    @pytest.mark.parametrize("kind", ["file", "folder"])
    def test_those_that_the_environment_trusts(
        self, wire: Any, send: Any, tls: Any, authorities: Any, monkeypatch: Any, tmp_path: Path, name: str, kind: str
    ) -> None:
        trusted = authorities["root"].pem if kind == "file" else hashed(authorities["root"], tmp_path)
        monkeypatch.setenv(name, str(trusted))
        assert send(wire(tls=tls).url).status == 200

    def test_a_folder(self, wire: Any, send: Any, tls: Any, authorities: Any, tmp_path: Path) -> None:
        assert send(wire(tls=tls).url, ca_path=str(hashed(authorities["root"], tmp_path))).status == 200

    def test_the_environment_does_not_undo_an_option(
        self, wire: Any, send: Any, tls: Any, authorities: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authorities["root"].pem))
        server = wire(tls=tls)
        error = failure(send, server.url, ca_path=str(authorities["other"].pem))
        assert (error.layer, server.came) == (TLS, [])
        assert "certificate is not trusted" in str(error)

    def test_those_of_certifi(
        self, wire: Any, send: Any, tls: Any, authorities: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Distributions have it name the system's own file."""
        monkeypatch.setattr("certifi.where", lambda: str(authorities["root"].pem))
        assert send(wire(tls=tls).url).status == 200

    def test_those_of_the_system_without_certifi(
        self, wire: Any, send: Any, tls: Any, authorities: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transport_file, "certifi", None)
        server = wire(tls=tls)
        assert failure(send, server.url).layer == TLS
        monkeypatch.setenv("SSL_CERT_FILE", str(authorities["root"].pem))
        assert send(server.url).status == 200

    def test_none_are_looked_at(self, wire: Any, send: Any, tls: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
        assert send(wire(tls=tls).url, validate_certs=False).status == 200

    def test_a_bundle_that_is_not_there(self, wire: Any, send: Any, tls: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
        server = wire(tls=tls)
        assert_not_loaded(failure(send, server.url), server)

    @pytest.mark.parametrize("files", ["one", "two"])
    def test_a_clients_own(self, wire: Any, send: Any, tls: Any, authorities: Any, tmp_path: Path, files: str) -> None:
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_verify_locations(authorities["other"].pem)
        own, server = authorities["other"], wire(tls=tls)
        options = {"client_cert": str(own.pem)}
        if files == "two":
            (tmp_path / "cert.pem").write_bytes(own.text)
            options = {"client_cert": str(tmp_path / "cert.pem"), "client_key": str(own.pem)}
        assert send(server.url, ca_path=str(authorities["root"].pem), **options).status == 200

    @pytest.mark.parametrize("fault", ["other key", "no key", "removed", "key removed"])
    def test_a_clients_own_that_cannot_be_used(
        self, wire: Any, params: dict[str, Any], tls: Any, authorities: Any, tmp_path: Path, fault: str
    ) -> None:
        own, key = tmp_path / "cert.pem", tmp_path / "key.pem"
        own.write_bytes(authorities["other"].text)
        key.write_bytes(authorities["root" if fault == "other key" else "other"].pem.read_bytes())
        given = {"client_cert": str(own)} if fault == "no key" else {"client_cert": str(own), "client_key": str(key)}
        server = wire(tls=tls)
        options = read_options({**params, "url": server.url, "ca_path": str(authorities["root"].pem), **given})
        if "removed" in fault:
            (key if "key" in fault else own).unlink()
        assert_not_loaded(failure(Client(options).send, "POST", f"{server.url}/x", "ask"), server)

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_a_server_that_closes(self, wire: Any, send: Any, tls: Any, authorities: Any, method: str) -> None:
        server = wire([CLOSE], tls=tls)
        error = failure(send, server.url, method, ca_path=str(authorities["root"].pem))
        assert (error.transient, error.unknown_outcome) == (True, method == "POST")

    def test_a_server_that_closes_in_the_handshake(self, send: Any) -> None:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            listening.settimeout(5)
            threading.Thread(target=lambda: [listening.accept()[0].close() for _try in range(3)], daemon=True).start()
            error = failure(send, f"https://127.0.0.1:{listening.getsockname()[1]}")
        assert error.layer in (TLS, NETWORK) and not error.unknown_outcome


def hashed(authority: Authority, folder: Path) -> Path:
    """Return the folder with the certificate under its hash, as OpenSSL looks for it."""
    command = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(authority.pem)]
    name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    (folder / f"{name}.0").write_bytes(authority.text)
    return folder


def assert_not_loaded(error: ApiError, server: Wire) -> None:
    assert (error.layer, server.came) == (TLS, [])
    assert f"{server.url}/x was not asked: the certificates given could not be loaded." in str(error)
    assert not error.unknown_outcome
