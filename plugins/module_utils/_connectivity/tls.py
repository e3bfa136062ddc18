# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whom TLS trusts on this host and in a container, and why a certificate is not trusted."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import ssl
import time
from typing import Any, Dict, Iterable, List, Mapping, Optional

from . import failures
from .failures import Outcome

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem", "/etc/pki/tls/certs/ca-bundle.crt")
_SHORT = {"commonName": "CN", "organizationName": "O", "organizationalUnitName": "OU"}
_NOT_YET_VALID, _EXPIRED, _OTHER_NAMES = 9, 10, (62, 64)  # OpenSSL's numbers, as those of the next line.
_PARTIAL_CHAIN, _NO_CHECK_TIME = 0x80000, 0x200000


def context_of(certificates: Iterable[bytes], defaults: bool = False) -> ssl.SSLContext:
    """Trust only these (PEM or DER), or with ``defaults`` whom this host trusts, too."""
    # create_default_context would be stricter than the server from Python 3.13 on.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if defaults:
        context.load_default_certs()
    for certificate in certificates:
        is_pem = certificate.startswith(b"-----")
        # One that OpenSSL cannot read does not spoil the others.
        with contextlib.suppress(ssl.SSLError, ValueError):
            context.load_verify_locations(cadata=certificate.decode("ascii", "ignore") if is_pem else certificate)
    return context


def lenient_context(certificate: Optional[bytes]) -> ssl.SSLContext:
    """Trust this certificate (DER), whatever its name and times, or anyone: only for seeing who responds."""
    context = context_of([certificate] if certificate else [])
    context.check_hostname = False
    if certificate is None:
        context.verify_mode = ssl.CERT_NONE
    context.verify_flags = ssl.VerifyFlags(_PARTIAL_CHAIN | _NO_CHECK_TIME)
    return context


def given_certificates(bwdata: str) -> List[bytes]:
    """Return what lies in ``ca-certificates``: like the services' entry script, only files named ``*.crt``."""
    return _certificates(glob.glob(os.path.join(glob.escape(bwdata), "ca-certificates", "*.crt")))


def service_certificates(environment: Mapping[str, str], root: str) -> List[bytes]:
    """Return what .NET trusts with this environment and root folder."""
    file = environment.get("SSL_CERT_FILE")
    paths = [root + path for path in ([file] if file else _BUNDLES) if os.path.isfile(root + path)][:1]
    # Links are left out: they lead to what is in the bundle, too, and from here elsewhere.
    for folder in (environment.get("SSL_CERT_DIR") or "/etc/ssl/certs").split(":"):
        paths += [path for path in sorted(glob.glob(f"{glob.escape(root + folder)}/*")) if not os.path.islink(path)]
    return _certificates(paths)


def _certificates(paths: Iterable[str]) -> List[bytes]:
    found: Dict[bytes, None] = {}
    for path in paths:
        # Not just any file: a named pipe would be waited for.
        with contextlib.suppress(OSError):
            if os.path.isfile(path):
                with open(path, "rb") as stream:
                    content = stream.read()
                found.update(dict.fromkeys(_CERTIFICATE.findall(content) or [content]))
    return list(found)


def explain(name: str, error: ssl.SSLCertVerificationError, certificate: Mapping[str, Any]) -> Outcome:
    """Return why a certificate is not trusted; ``certificate`` is as ``getpeercert`` returns it, or empty."""
    parts = [pair for group in certificate.get("issuer", ()) for pair in group]
    # Text of others: nothing of it may end the line.
    text = " ".join(", ".join(f"{_SHORT[key]}={value}" for key, value in parts if key in _SHORT).split())[:200]
    issuer = f', issued by "{text}",' if text else ""
    if error.verify_code in _OTHER_NAMES:
        return failures.OTHER_NAME.outcome(name=name, issuer=issuer)
    if error.verify_code not in (_EXPIRED, _NOT_YET_VALID):
        return failures.NOT_TRUSTED.outcome(name=name, issuer=issuer, reason=error.verify_message or "not trusted")
    what, key = ("has expired", "notAfter") if error.verify_code == _EXPIRED else ("is not valid yet", "notBefore")
    clock = time.strftime("%b %d %H:%M:%S %Y GMT", time.gmtime())
    when = f" ({key} is {certificate[key]}; this host's clock says {clock})" if certificate else ""
    return failures.WRONG_TIME.outcome(name=name, what=what, when=when)
