# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The authority that issues certificates: the fleet's own, for 90 days."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAYS = 90


class Issued(NamedTuple):
    """A new certificate, what it is signed by, and its key, in PEM."""

    certificate: bytes
    chain: bytes
    key: bytes


class Authority:
    """Certificate and key in a folder: ``ca.pem`` and ``ca.key``."""

    def __init__(self, folder: Path) -> None:
        self._chain = (folder / "ca.pem").read_bytes()
        self._certificate = x509.load_pem_x509_certificate(self._chain)
        self._key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)

    def issue(self, domain: str) -> Issued:
        """Issue a certificate for a domain."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = x509.CertificateBuilder(
            issuer_name=self._certificate.subject,
            subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domain)]),
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - datetime.timedelta(hours=1),
            not_valid_after=now + datetime.timedelta(days=_DAYS),
        ).add_extension(x509.SubjectAlternativeName([x509.DNSName(domain)]), critical=False)
        signed = builder.sign(cast("Any", self._key), hashes.SHA256())
        encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
        return Issued(signed.public_bytes(encoding), self._chain, private)
