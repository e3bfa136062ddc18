# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Advice about certificates fits those that are set."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.argspec import read_options
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.client import Client
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.connect_failures import no_response
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import NETWORK, TLS, ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.tls_errors import tls_error

from .authority import Authority
from .recorded_server import RecordedServer


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Authority]:
    folder = tmp_path_factory.mktemp("chain")
    root = Authority(folder, "root")
    middle = Authority(folder, "middle", root)
    leaf, ended = Authority(folder, "leaf", middle), Authority(folder, "ended", root, ended=True)
    return {"root": root, "middle": middle, "leaf": leaf, "ended": ended, "other": Authority(folder, "other")}


@pytest.fixture
def serve(chain: dict[str, Authority]) -> Iterator[Any]:
    running: list[RecordedServer] = []

    def start(name: str, clients: str = "") -> RecordedServer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain[name].pem)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(chain[clients].pem)
        running.append(RecordedServer(context))
        return running[-1]

    yield start
    for one in running:
        one.close()


def failure(params: dict[str, Any], server: RecordedServer, **more: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        Client(read_options({**params, "url": server.url, **more})).probe()
    return caught.value


@pytest.mark.parametrize(("served", "trusted", "says"), [
    ("leaf", None, "Set ca_path to the certificate of the authority"),
    ("leaf", "root", "the intermediate certificate is missing"),
    ("leaf", "other", "lacks the authority that issued it"),
    ("other", "root", "It is self-signed, and not among those in ca_path"),
    ("ended", "root", "Renew the server's certificate"),
])  # fmt: skip
def test_a_certificate_that_is_not_trusted(
    params: dict[str, Any], chain: dict[str, Authority], serve: Any, served: str, trusted: Optional[str], says: str
) -> None:
    error = failure(params, serve(served), ca_path=str(chain[trusted].pem) if trusted else None)
    assert error.layer == TLS
    assert says in error.advice
    assert ("Set ca_path" in error.advice) is (trusted is None)


def test_a_fault_that_no_trust_mends(params: dict[str, Any]) -> None:
    """As Python 3.13 finds many with old private authorities."""
    cause = ssl.SSLCertVerificationError(1, "strict")
    cause.verify_code, cause.verify_message = 85, "Missing Authority Key Identifier"
    error = tls_error([cause], "x", False, read_options(params))
    assert "Missing Authority Key Identifier" in error.message and "have it issued again" in error.advice


def test_a_folder_without_hashes_is_read_by_nobody(
    params: dict[str, Any], chain: dict[str, Authority], serve: Any, tmp_path: Path
) -> None:
    (tmp_path / "root.pem").write_bytes(chain["root"].text)
    error = failure(params, serve("ended"), ca_path=str(tmp_path))
    assert f"openssl rehash {tmp_path}" in error.advice


def test_what_the_environment_trusts_is_named(
    params: dict[str, Any], chain: dict[str, Authority], serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(chain["root"].pem))
    assert "REQUESTS_CA_BUNDLE of the environment is trusted now" in failure(params, serve("other")).advice


def test_a_name_that_is_not_in_the_certificate(params: dict[str, Any], chain: dict[str, Authority], serve: Any) -> None:
    running = serve("other")
    running.url = running.url.replace("127.0.0.1", "localhost")
    error = failure(params, running, ca_path=str(chain["other"].pem))
    assert "one that is in the certificate" in error.advice and "ca_path" not in error.advice


def test_a_name_that_the_library_has_compared_itself(params: dict[str, Any]) -> None:
    """As urllib3 1.26 does it."""

    class CertificateError(ValueError):
        pass

    cause = CertificateError("hostname 'x' doesn't match 'y'")
    error = tls_error([cause], "Could not x: y", False, read_options(params))
    assert "certificate is not trusted: Hostname mismatch." in error.message
    assert "one that is in the certificate" in error.advice


@pytest.mark.parametrize(("reason", "sent", "advice"), [
    ("TLSV13_ALERT_CERTIFICATE_REQUIRED", None, "set client_cert and client_key"),
    ("TLSV1_ALERT_UNKNOWN_CA", "x.pem", "It may not accept client_cert"),
    ("SSLV3_ALERT_BAD_CERTIFICATE", "x.pem", "It may not accept client_cert"),
    ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "x.pem", "It may not accept client_cert"),
])  # fmt: skip
def test_advice_about_a_client_certificate(params: dict[str, Any], reason: str, sent: Any, advice: str) -> None:
    cause = ssl.SSLError(1, reason)
    cause.reason = reason
    error = tls_error([cause], "Could not x: y", True, read_options(params)._replace(cert=sent))
    assert advice in error.advice
    assert not error.unknown_outcome


def test_a_client_certificate_of_another_authority(
    params: dict[str, Any], chain: dict[str, Authority], serve: Any
) -> None:
    error = failure(params, serve("other", clients="root"), ca_path=str(chain["other"].pem),
                    client_cert=str(chain["leaf"].pem))  # fmt: skip
    # How much of the alert arrives depends on the version of OpenSSL.
    assert "client_cert" in error.advice or error.layer == NETWORK


def test_a_write_that_breaks_off_may_have_arrived(params: dict[str, Any]) -> None:
    cause = ssl.SSLError(8, "EOF occurred in violation of protocol")
    cause.reason = "UNEXPECTED_EOF_WHILE_READING"
    options = read_options(params)
    assert tls_error([cause], "x", True, options).unknown_outcome
    assert not tls_error([cause], "x", False, options).unknown_outcome


class TestProxy:
    """urllib3 wraps what a proxy did in several ways."""

    @pytest.mark.parametrize(("reason", "transient", "unknown", "says"), [
        (OSError("Tunnel connection failed: 407 Proxy Authentication Required"), False, False, "requires a login"),
        (OSError("Tunnel connection failed: 403 Forbidden"), False, False, "and answered 403"),
        (OSError("Tunnel connection failed: 503 Service Unavailable"), True, False, "and answered 503"),
        (ConnectionRefusedError(), True, False, "did not let the connection through"),
        (ConnectionResetError(), True, True, "did not let the connection through"),
    ])  # fmt: skip
    def test_what_it_did(
        self, params: dict[str, Any], reason: Exception, transient: bool, unknown: bool, says: str
    ) -> None:
        exceptions = pytest.importorskip("urllib3.exceptions")
        error = exceptions.ProxyError("proxy", reason)
        found = no_response(error, "write x", "https://x", "POST", read_options(params))
        assert (found.transient, found.unknown_outcome) == (transient, unknown)
        assert says in found.message
