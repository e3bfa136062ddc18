# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.argspec import read_options
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.auth import Account
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.client import Client
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import (
    NETWORK,
    PERMISSION,
    REQUEST,
    SERVER,
    TLS,
    ApiError,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .recorded_server import ACCESS_TOKEN, BAD_GATEWAY, CLIENT_SECRET, RecordedServer, Reply, recorded_at

PORTAL = Reply(200, "<html><title>Welcome to Hotel WiFi</title></html>", {"content-type": "text/html"})


def account(params: dict[str, Any], **changed: Any) -> Account:
    return Account(Client(read_options({**params, **changed})))


def failure(what: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        what()
    assert CLIENT_SECRET not in str(caught.value)
    assert ACCESS_TOKEN not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("reply", "layer", "says"),
    [
        (recorded_at("reading.json", 41), PERMISSION, "answered 401. Identity issued this token a moment ago"),
        (recorded_at("reading.json", 49), NETWORK, "answered 403. The access token of a user's key is not refused"),
        (recorded_at("reading.json", 53), REQUEST, "answered 404. The server has no such address"),
        (recorded_at("reading.json", 54), REQUEST, "answered 405. The server has no such address"),
        (recorded_at("reading.json", 26), REQUEST, 'answered 404: "Resource not found."'),
        (recorded_at("reading.json", 25), PERMISSION, 'answered 401: "Unauthorized."'),
        (recorded_at("reading.json", 19), PERMISSION, "The API key must be that of an owner"),
        (recorded_at("reading.json", 31), SERVER, 'answered 500: "An unhandled server error has occurred."'),
        (recorded_at("reading.json", 33), REQUEST, "organizationId: The value 'notaguid' is not valid."),
        (recorded_at("rate-limit.json", 4), SERVER, "Slow down! Too many requests. Try again in 1s."),
        (BAD_GATEWAY, SERVER, 'answered 502 with a page: "502 Bad Gateway"'),
        (Reply(503), SERVER, "down or still starting"),
        (Reply(504), SERVER, "down or still starting"),
        (Reply(500), SERVER, "answered 500."),
        (PORTAL, NETWORK, "is not JSON"),
        (Reply(200), NETWORK, "is not JSON"),
        (Reply(400, "<title>400 No required SSL certificate was sent</title>"), TLS, "set client_cert and client_key"),
        (Reply(400, "<title>400 The SSL certificate error</title>"), TLS, "does not accept client_cert"),
        (Reply(400, "<title>400 The plain HTTP request was sent to HTTPS port</title>"), TLS, "Write https"),
        (Reply(407, "<title>407 Proxy Authentication Required</title>"), NETWORK, "write them into HTTPS_PROXY"),
        (Reply(403, "<h1>Forbidden</h1>"), NETWORK, "answered 403 with a page."),
        (Reply(302, "", {"Location": "https://login.example/?t=1"}), NETWORK, "points to https://login.example/."),
        (Reply(400, {"object": "error", "message": "No", "errors": {"Name": ["too long"]}}), REQUEST, "Name: too long"),
    ],
)
def test_each_shape_of_error_names_its_layer(
    server: RecordedServer, params: dict[str, Any], reply: Reply, layer: str, says: str
) -> None:
    server.on("GET", "/api/x", reply)
    error = failure(lambda: account(params).get("/x", "read x"))
    assert says in str(error)
    assert error.layer == layer
    assert error.status == reply.status


def test_a_redirect_is_not_followed(server: RecordedServer, params: dict[str, Any]) -> None:
    server.on("POST", "/identity/connect/token", Reply(307, "", {"Location": f"{server.url}/elsewhere"}))
    failure(lambda: account(params).login())
    assert [item.path for item in server.requests] == ["/identity/connect/token"]


def test_secrets_that_a_server_repeats_are_masked(server: RecordedServer, params: dict[str, Any]) -> None:
    server.on("GET", "/api/x", Reply(400, {"message": f"bad token {ACCESS_TOKEN} of {CLIENT_SECRET}"}))
    assert "bad token ******** of ********" in str(failure(lambda: account(params).get("/x", "read x")))


def test_headers_go_along_with_each_request_and_are_masked(server: RecordedServer, params: dict[str, Any]) -> None:
    headers = {"CF-Access-Client-Id": "Canary-id.access", "CF-Access-Client-Secret": "CanaryAccess1"}
    user = account(params, headers=headers)
    user.client.probe()
    server.on("GET", "/api/x", Reply(400, {"message": "You sent CanaryAccess1"}))
    assert "You sent ********" in str(failure(lambda: user.get("/x", "read x")))
    assert [request.path for request in server.requests] == ["/api/alive", "/identity/connect/token", "/api/x"]
    for request in server.requests:
        assert headers.items() <= request.headers.items()


@pytest.mark.parametrize("reply", [BAD_GATEWAY, Reply(close=True)])
def test_a_read_is_repeated_a_write_never(server: RecordedServer, params: dict[str, Any], reply: Reply) -> None:
    user = account(params)
    server.on("GET", "/api/x", reply, reply, Reply(200, {"fine": True}))
    assert user.get("/x", "read x") == {"fine": True}
    for method in ("POST", "PUT", "DELETE"):
        server.on(method, "/api/x", reply, Reply(200, {}))
        error = failure(lambda method=method: user.call(method, "/x", "write x", {}))
        assert error.unknown_outcome and error.transient
        assert server.count(method, "/api/x") == 1


def test_an_answer_that_takes_too_long(server: RecordedServer, params: dict[str, Any]) -> None:
    user = account(params, timeout="0.3s")
    user.login()
    server.on("POST", "/api/x", Reply(200, {}, hang=2))
    error = failure(lambda: user.call("POST", "/x", "write x", {}))
    assert "did not answer in time (0.3s)." in str(error)
    assert (error.layer, error.unknown_outcome) == (NETWORK, True)


def test_a_refused_connection(params: dict[str, Any]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        error = failure(lambda: account(params, url=url).call("POST", "/x", "write x"))
    assert "the connection was refused" in str(error)
    # It never arrived: asking again is safe.
    assert (error.layer, error.transient, error.unknown_outcome) == (NETWORK, True, False)


def test_an_unknown_name(params: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = failure(account(params, url="https://vault.example").client.probe)
    assert "its name is not known" in str(error)
    assert error.layer == NETWORK


def test_a_proxy_that_is_not_there(params: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTP_PROXY", f"http://user:Canary1234@127.0.0.1:{unused.getsockname()[1]}")
        error = failure(account(params).client.probe)
    assert "the proxy did not let the connection through" in str(error)
    assert "Canary1234" not in str(error)


def test_a_proxy_is_used(server: RecordedServer, params: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    failure(account(params, url="http://vault.example").client.probe)
    assert server.requests[0].path == "http://vault.example/api/alive"


def test_a_netrc_does_not_replace_the_token(
    server: RecordedServer, params: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login me password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    account(params).get("/organizations", "list")
    assert [item.headers.get("Authorization") for item in server.requests] == [None, f"Bearer {ACCESS_TOKEN}"]


@pytest.mark.parametrize("reply", [PORTAL, Reply(200, "alive"), Reply(302, "", {"Location": "https://x/"})])
def test_the_key_is_not_shown_to_what_is_no_bitwarden_server(
    server: RecordedServer, params: dict[str, Any], reply: Reply
) -> None:
    server.on("GET", "/api/alive", reply)
    user = account(params)
    assert failure(user.client.probe).layer == NETWORK
    assert [item.path for item in server.requests] == ["/api/alive"]


def test_age_goes_by_the_servers_clock(server: RecordedServer, params: dict[str, Any]) -> None:
    server.on("GET", "/api/alive", Reply(200, "2031-01-01T00:00:00Z", {"content-type": "application/json"}))
    client = account(params).client
    client.probe()
    assert client.server_time().strftime("%Y-%m-%dT%H:%M") == "2031-01-01T00:00"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a certificate for 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[RecordedServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    running = RecordedServer(context)
    yield running
    running.close()


def test_a_certificate_is_checked(
    tls_server: RecordedServer, params: dict[str, Any], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = failure(account(params, url=tls_server.url).client.probe)
    assert (error.layer, tls_server.requests) == (TLS, [])
    assert "certificate is not trusted: self-signed certificate" in str(error)
    account(params, url=tls_server.url, ca_path=str(certificate)).client.probe()
    # An environment that trusts others must not undo validate_certs=false, or ca_path.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    account(params, url=tls_server.url, validate_certs=False).client.probe()
    account(params, url=tls_server.url, ca_path=str(certificate)).client.probe()


def test_a_name_that_is_not_in_the_certificate(
    tls_server: RecordedServer, params: dict[str, Any], certificate: Path
) -> None:
    url = tls_server.url.replace("127.0.0.1", "localhost")
    error = failure(account(params, url=url, ca_path=str(certificate)).client.probe)
    assert error.layer == TLS
    assert "localhost" in str(error)


def test_tls_to_a_port_without(server: RecordedServer, params: dict[str, Any]) -> None:
    error = failure(account(params, url=server.url.replace("http:", "https:")).client.probe)
    assert (error.layer, "does not speak TLS" in str(error)) == (TLS, True)


def test_no_tls_to_a_port_with(tls_server: RecordedServer, params: dict[str, Any]) -> None:
    assert failure(account(params, url=tls_server.url.replace("https:", "http:")).client.probe).layer == NETWORK


@pytest.mark.parametrize("option", ["ca_path", "client_cert"])
def test_a_file_that_is_no_certificate(
    tls_server: RecordedServer, params: dict[str, Any], tmp_path: Path, option: str
) -> None:
    (tmp_path / "junk.pem").write_text("junk")
    error = failure(account(params, url=tls_server.url, **{option: str(tmp_path / "junk.pem")}).client.probe)
    assert (error.layer, "could not be loaded" in str(error)) == (TLS, True)
