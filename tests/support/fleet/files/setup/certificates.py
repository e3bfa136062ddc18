# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificates that the setup tool makes: valid for a hundred years, RSA with 4096 bits."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any, Optional, Tuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

_DAYS = 36500
# Making such a key takes seconds. Tests of the tool that do not look at it ask for a smaller one.
_BITS = int(os.environ.get("BWFLEET_RSA_BITS", "4096"))


def write_bundle(path: Path, name: str, password: str) -> None:
    """Write a new key with its certificate in a PKCS#12 file."""
    path.parent.mkdir(exist_ok=True)
    key, certificate = _signed_by_itself(name)
    _export(path, key, certificate, password)


def write_self_signed(folder: Path, domain: str) -> None:
    """Write ``certificate.crt`` and ``private.key`` for a domain."""
    folder.mkdir(parents=True, exist_ok=True)
    key, certificate = _signed_by_itself(domain, domain)
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "private.key").write_bytes(private)
    (folder / "private.key").chmod(0o600)
    (folder / "certificate.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def write_parameters(folder: Path) -> None:
    """Write ``dhparam.pem``: the parameters of RFC 3526, where the real tool takes minutes to find its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dhparam.pem").write_text(_PARAMETERS)


def renew_bundle(path: Path, password: Optional[str]) -> None:
    """Write a file with two certificates or in an old encryption again, with its own key and certificate.

    One that is missing or has another password is left as it is, as nobody looks at what openssl says.
    """
    try:
        content = path.read_bytes()
        key, certificate, others = pkcs12.load_key_and_certificates(content, (password or "").encode())
    except (OSError, ValueError):
        return
    old = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01" in content  # the object identifiers of pbeWithSHA1And…
    if key is not None and certificate is not None and (others or old):
        _export(path, key, certificate, password or "")


def _export(path: Path, key: Any, certificate: x509.Certificate, password: str) -> None:
    encryption = serialization.BestAvailableEncryption(password.encode())
    path.write_bytes(pkcs12.serialize_key_and_certificates(None, key, certificate, None, encryption))
    path.chmod(0o600)


def _signed_by_itself(name: str, domain: str = "") -> Tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(65537, _BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=_DAYS))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=False)
    if domain:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(domain)]), critical=False)
    return key, builder.sign(key, hashes.SHA256())


# Group 14; of public knowledge, so that nothing has to be searched.
_PARAMETERS = """\
-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA///////////JD9qiIWjCNMTGYouA3BzRKQJOCIpnzHQCC76mOxOb
IlFKCHmONATd75UZs806QxswKwpt8l8UN0/hNW1tUcJF5IW1dmJefsb0TELppjft
awv/XLb0Brft7jhr+1qJn6WunyQRfEsf5kkoZlHs5Fs9wgB8uKFjvwWY2kg2HFXT
mmkWP6j9JM9fg2VdI9yjrZYcYvNWIIVSu57VKQdwlpZtZww1Tkq8mATxdGwIyhgh
fDKQXkYuNs474553LBgOhgObJ4Oi7Aeij7XFXfBvTFLJ3ivL9pVYFxg5lUl86pVq
5RXSJhiY+gUQFXKOWoqsqmj//////////wIBAg==
-----END DH PARAMETERS-----
"""
