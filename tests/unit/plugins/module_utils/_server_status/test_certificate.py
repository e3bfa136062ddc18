# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificate that nginx serves, whatever is wrong with it."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import threading
import time

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._certificates.pem import CertificateError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._compose.composition import Port
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._server_status import certificate
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._server_status.certificate import (
    certificate_path,
    is_in_file,
    served_certificate,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .._connectivity.stand_ins import DAY, page

NAME = "vault.example.com"


def port(server):
    return Port("127.0.0.1", server.port, "tcp")


@pytest.fixture
def plain():
    """Yield the number of a port that responds to whatever comes as a web server without TLS does."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer():
            with contextlib.suppress(OSError):
                while True:
                    with listening.accept()[0] as connected:
                        connected.recv(4096)
                        connected.sendall(page("400 Bad Request", ""))

        threading.Thread(target=answer, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(("begins", "ends"), [(-DAY, 40 * DAY), (-9 * DAY, -2 * DAY), (DAY, 3 * DAY)])
def test_a_certificate_of_a_private_authority_also_when_it_is_not_valid(serve, authority, begins, ends):
    server = serve(page("200 OK", ""), authority.context(NAME, begins, ends))
    found = served_certificate((port(server),), NAME, 5)
    assert found.names == (NAME,)
    assert found.issuer == "Test, Trusted Authority"
    assert abs(found.expires - time.time() - ends.total_seconds()) < 60


@pytest.mark.parametrize("first", ["plain", "silent"])
def test_the_port_that_speaks_tls_is_found(serve, authority, plain, monkeypatch, first):
    number, tls = plain if first == "plain" else serve(None).port, serve(page("200 OK", ""), authority.context(NAME))
    monkeypatch.setattr(certificate, "_HTTPS", number)  # is tried first
    ports = (Port("", tls.port, "tcp"), Port("", tls.port, "udp"), Port("", number, "tcp"))
    assert served_certificate(ports, NAME, 1).names == (NAME,)


@pytest.mark.parametrize("kind", ["plain", "closed", "silent"])
def test_why_there_is_none(serve, plain, kind):
    said = {"plain": "wrong version number|record layer failure", "closed": "refused", "silent": "no response in time"}
    number = {"plain": plain, "closed": 1, "silent": serve(None).port}[kind]
    with pytest.raises(CertificateError, match=f"port {number}: .*({said[kind]})"):
        served_certificate((Port("", number, "tcp"),), NAME, 0.5)


def test_without_a_port():
    with pytest.raises(CertificateError, match="publishes no port"):
        served_certificate((), NAME, 1)


@pytest.mark.parametrize(
    ("site", "path"),
    [
        (
            "server {\n  ssl_certificate /etc/ssl/vault/certificate.crt;\n  ssl_certificate_key /etc/ssl/key;\n}",
            "/opt/bitwarden/bwdata/ssl/vault/certificate.crt",
        ),
        (
            '  ssl_certificate_key /etc/ssl/k;\n  ssl_certificate "/etc/letsencrypt/live/x/fullchain.pem";\n',
            "/opt/bitwarden/bwdata/letsencrypt/live/x/fullchain.pem",
        ),
        ("ssl_certificate /srv/other.crt;", None),
        ("# ssl_certificate /etc/ssl/old.crt;\nlisten 8080;", None),
    ],
)
def test_the_file_that_nginx_is_configured_with(site, path):
    assert certificate_path("/opt/bitwarden/bwdata", site) == path


def test_the_file_has_the_certificate_that_is_served():
    pem = ssl.DER_cert_to_PEM_cert(b"the certificate")
    found = certificate.Certificate(0.0, (), "", b"the certificate")
    assert is_in_file(found, f"subject=x\n{pem}{ssl.DER_cert_to_PEM_cert(b'its issuer')}") is True
    assert is_in_file(found, ssl.DER_cert_to_PEM_cert(b"renewed") + pem) is False
    assert is_in_file(found, "") is None


def test_a_short_key_is_looked_at(serve, tmp_path):
    """OpenSSL would not take it for a trusted one."""
    key = rsa.generate_private_key(65537, 1024)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder(subject, subject, key.public_key(), 1, now, now + DAY).sign(key, hashes.SHA256())
    file = tmp_path / "short.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(file)
    found = served_certificate((port(serve(page("200 OK", ""), context)),), NAME, 5)
    assert found.names == (NAME,), "by its common name, as it has no other"
