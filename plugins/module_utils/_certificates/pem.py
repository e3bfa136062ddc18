# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates in PEM, read with the standard library: names, dates and fingerprint, and which hosts they cover."""

from __future__ import annotations

import _ssl
import hashlib
import ipaddress
import re
import ssl
import tempfile
import time
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from .._common.errors import BitwardenError

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----\s.*?-----END CERTIFICATE-----", re.DOTALL)
_SHORT = {"commonName": "CN", "organizationName": "O", "organizationalUnitName": "OU", "countryName": "C"}


class CertificateError(BitwardenError):
    """A certificate that cannot be read. The message says why."""


class Certificate(NamedTuple):
    """One certificate. ``names`` are those of subjectAltName; ``not_before`` and ``not_after`` are in seconds."""

    subject: str
    issuer: str
    names: Tuple[str, ...]
    not_before: float
    not_after: float
    fingerprint: str

    @property
    def from_text(self) -> str:
        """When it becomes valid, in UTC."""
        return _time(self.not_before)

    @property
    def until_text(self) -> str:
        """When it ends, in UTC."""
        return _time(self.not_after)

    def days_left(self, now: float) -> int:
        """Return how many whole days it is still valid, negative after its end."""
        return int((self.not_after - now) // 86400)

    def covers(self, host: str) -> bool:
        """Tell whether it is for ``host``, a name or an address."""
        return any(covers(name, host) for name in self.names)


def certificates_in(text: str) -> List[str]:
    """Return the certificates in a PEM text, each in PEM."""
    return [f"{block}\n" for block in _BLOCK.findall(text)]


def fingerprint_of(der: bytes) -> str:
    """Return the SHA-256 fingerprint of a certificate as ``openssl x509 -fingerprint`` prints it."""
    digest = hashlib.sha256(der).hexdigest().upper()
    return ":".join(digest[index : index + 2] for index in range(0, len(digest), 2))


def fingerprints_in(text: str) -> List[str]:
    """Return the fingerprints of the certificates in a PEM text. Raises ``CertificateError``."""
    try:
        return [fingerprint_of(ssl.PEM_cert_to_DER_cert(block)) for block in certificates_in(text)]
    except ValueError:
        raise CertificateError("The file holds a certificate that is not valid PEM. Export it again.") from None


def read_certificate(text: str) -> Certificate:
    """Return the first certificate of a PEM text. Raises ``CertificateError``."""
    blocks = certificates_in(text)
    if not blocks:
        raise CertificateError("The file holds no certificate in PEM. Export it again.")
    data = decode(blocks[0])
    names = tuple(value for kind, value in data.get("subjectAltName", ()) if kind in ("DNS", "IP Address"))
    return Certificate(
        _name(data.get("subject", ())),
        _name(data.get("issuer", ())),
        names,
        float(ssl.cert_time_to_seconds(data["notBefore"])),
        float(ssl.cert_time_to_seconds(data["notAfter"])),
        fingerprints_in(blocks[0])[0],
    )


def covers(name: str, host: str) -> bool:
    """Tell whether a name of a certificate stands for ``host``; a ``*`` stands for its first label only."""
    if _address(name) or _address(host):
        return _address(name) == _address(host)
    name, host = name.lower().rstrip("."), host.lower().rstrip(".")
    if name.startswith("*."):
        label, dot, rest = host.partition(".")
        return bool(label and dot) and rest == name[2:] and "." in rest
    return name == host


def _address(text: str) -> object:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def decode(block: str) -> Dict[str, Any]:
    """Return what is in a certificate: OpenSSL reads it, through a function that Python keeps for its own tests.

    Raises ``CertificateError``.
    """
    decode = getattr(_ssl, "_test_decode_cert", None)
    if decode is None:
        raise CertificateError("This host's Python cannot read certificates. Use the one of its distribution.")
    with tempfile.NamedTemporaryFile("w", suffix=".crt") as file:
        file.write(block)
        file.flush()
        try:
            found: Dict[str, Any] = decode(file.name)
        except (ssl.SSLError, ValueError):
            raise CertificateError("The file holds a certificate that OpenSSL cannot read. Export it again.") from None
    return found


def _name(parts: Sequence[Sequence[Tuple[str, str]]]) -> str:
    return ", ".join(f"{_SHORT.get(key, key)}={value}" for part in parts for key, value in part)


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
