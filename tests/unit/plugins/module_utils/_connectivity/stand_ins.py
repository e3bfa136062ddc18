# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates, responses and servers that the tests of connectivity meet instead of the cloud."""

from __future__ import annotations

import datetime
import email.utils
import ipaddress
import json
import ssl
import time
from pathlib import Path
from typing import NamedTuple

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.cloud import probe
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.endpoints import API, Endpoint
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NAME = "api.cloud.test"
KNOWN = json.dumps({"object": "installation", "id": "x", "enabled": True})
UNKNOWN = json.dumps({"object": "error", "message": "Resource not found."})
DAY = datetime.timedelta(days=1)


class Authority:
    """Makes certificates; ``pem`` is its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name(
            [
                x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Test"),
                x509.NameAttribute(x509.NameOID.COMMON_NAME, name),
            ]
        )
        self.pem = self._make(self.name, self.key, -DAY, DAY, None).public_bytes(serialization.Encoding.PEM)

    def context(self, name: str = NAME, begins: datetime.timedelta = -DAY, ends: datetime.timedelta = DAY):
        """Return a server's side with a new certificate for ``name``, valid between these moments from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certificate = self._make(subject, key, begins, ends, name)
        file = self.folder / f"{time.monotonic_ns()}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _make(self, subject, key, begins, ends, name):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
            .add_extension(x509.BasicConstraints(ca=name is None, path_length=None), critical=True)
        )
        if name is not None:
            names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName(name)]
            builder = builder.add_extension(x509.SubjectAlternativeName(names[1:]), critical=False)
        return builder.sign(self.key, hashes.SHA256())


class Server(NamedTuple):
    """What listens: its port, and the heads of the requests it got."""

    port: int
    heads: list

    def url(self, name: str = NAME, scheme: str = "https") -> str:
        return f"{scheme}://{name}:{self.port}/"


def page(status: str, body: str, *headers: str) -> bytes:
    """Return an HTTP response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1")


def dated(shift: float) -> str:
    """Return a ``Date`` header that many seconds off."""
    return "Date: " + email.utils.formatdate(time.time() + shift, usegmt=True)


def endpoint(url, name=API):
    """Return an endpoint of that kind at this address."""
    return Endpoint(name, f"setting_of_{name}", url, url)


def ask(network, endpoint, timeout=5):
    """Probe the endpoint; return its outcome."""
    return probe(network, [endpoint], timeout)[endpoint.name]


def failing(found, layer, *words):
    """Return the outcome, after seeing that it failed in this layer and says these words."""
    assert (found.ok, found.layer) == (False, layer), found
    assert found.advice
    for word in words:
        assert word in found.detail, found.detail
    return found
