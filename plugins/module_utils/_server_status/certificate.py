# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificate that nginx serves: until when it is valid, and for which names."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import ssl
import time
from typing import Any, List, Mapping, NamedTuple, Optional, Tuple

from .._certificates.pem import CertificateError, certificates_in, decode
from .._compose.composition import Port
from .._connectivity.tls import lenient_context

_HTTPS = 443
_ANY = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
_CONFIGURED = re.compile(r"^\s*ssl_certificate\s+\"?([^\s;\"]+)", re.MULTILINE)
# Where nginx's container has the folders of the data folder.
_MOUNTED = {"/etc/ssl/": "ssl", "/etc/letsencrypt/": "letsencrypt"}


class Certificate(NamedTuple):
    """A served certificate. ``expires`` is in seconds since 1970, ``encoded`` the certificate itself (DER)."""

    expires: float
    names: Tuple[str, ...]
    issuer: str
    encoded: bytes


def served_certificate(ports: Tuple[Port, ...], name: str, timeout: float) -> Certificate:
    """Return the certificate that is served on the first of ``ports`` that speaks TLS, for the host ``name``.

    ``timeout`` in seconds is for all. Raises ``CertificateError``.
    """
    tried, reasons = sorted((one for one in ports if one.protocol == "tcp"), key=_order), []
    for port in tried:
        address = (_ANY.get(port.address, port.address), port.number)
        deadline = time.monotonic() + timeout / len(tried)
        try:
            encoded = _handshake(address, name, deadline)
            return _certificate(encoded, decode(ssl.DER_cert_to_PEM_cert(encoded)))
        except (OSError, ValueError, CertificateError) as error:
            reasons.append(f"port {port.number}: {_reason(error)}")
    raise CertificateError(f"nginx serves no certificate ({'; '.join(reasons) or 'it publishes no port'}).")


def certificate_path(bwdata: str, site: str) -> Optional[str]:
    """Return the file of the certificate that nginx is configured with, from the text of its site."""
    found = _CONFIGURED.search(site)
    for folder, mounted in _MOUNTED.items():
        if found and found.group(1).startswith(folder):
            return os.path.join(bwdata, mounted, found.group(1)[len(folder) :])
    return None


def is_in_file(certificate: Certificate, text: str) -> Optional[bool]:
    """Tell whether a file, by its text, has this certificate as its first; None where it has none."""
    blocks = certificates_in(text)
    with contextlib.suppress(ValueError):
        return ssl.PEM_cert_to_DER_cert(blocks[0]) == certificate.encoded if blocks else None
    return None


def _order(port: Port) -> Tuple[bool, int]:
    # A port without TLS writes the attempt to the log of nginx.
    return port.number != _HTTPS, port.number


def _handshake(address: Tuple[str, int], name: str, deadline: float) -> bytes:
    """Return the certificate that is served, also one of an authority that is not trusted."""
    context = lenient_context(None)
    with contextlib.suppress(ssl.SSLError):
        # One with a short key is looked at, too. Nothing is sent over this connection.
        context.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(address, _left(deadline)) as plain:
        plain.settimeout(_left(deadline))
        with context.wrap_socket(plain, server_hostname=name or None) as wrapped:
            return wrapped.getpeercert(binary_form=True) or b""


def _left(deadline: float) -> float:
    return max(0.001, deadline - time.monotonic())


def _certificate(encoded: bytes, shown: Mapping[str, Any]) -> Certificate:
    names: List[str] = [str(value) for kind, value in shown.get("subjectAltName", ()) if kind in ("DNS", "IP Address")]
    names = names or _parts(shown, "subject", "commonName")
    issuer = _parts(shown, "issuer", "organizationName") + _parts(shown, "issuer", "commonName")
    return Certificate(
        float(ssl.cert_time_to_seconds(str(shown["notAfter"]))), tuple(names), ", ".join(dict.fromkeys(issuer)), encoded
    )


def _parts(shown: Mapping[str, Any], whose: str, part: str) -> List[str]:
    return [str(value) for group in shown.get(whose, ()) for key, value in group if key == part]


def _reason(error: Exception) -> str:
    if isinstance(error, socket.timeout):
        return "no response in time"
    text = getattr(error, "reason", "") or getattr(error, "strerror", "") or error or type(error).__name__
    return str(text).replace("_", " ").lower()
