# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whom TLS trusts, on this host and in a container."""

from __future__ import annotations

import glob
import os
import re
import ssl
from typing import Iterable, List, Mapping

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
# Where an image keeps what its OpenSSL trusts: Debian and Alpine, Alpine's OpenSSL itself, Red Hat.
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem", "/etc/pki/tls/certs/ca-bundle.crt")
_FOLDER = "/etc/ssl/certs"
_LARGEST = 4 * 1024 * 1024


def host_context(bwdata: str) -> ssl.SSLContext:
    """As every program of this host, and the authorities that the administrator gave to the services.

    ``create_default_context`` would be stricter than the server from Python 3.13 on. As the services' entry script,
    this takes files named ``*.crt`` alone.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    _trust(context, _certificates(glob.glob(os.path.join(glob.escape(bwdata), "ca-certificates", "*.crt"))))
    return context


def context_of(certificates: List[bytes]) -> ssl.SSLContext:
    """One that trusts these (PEM or DER) alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _trust(context, certificates)
    return context


def trusted_here(environment: Mapping[str, str]) -> List[bytes]:
    """The certificates that a service with this environment trusts, seen from the root folder it has.

    As .NET does it: ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``, each with OpenSSL's own place where it is not set, and all
    files in there, whatever their names are, PEM or DER.
    """
    file = environment.get("SSL_CERT_FILE")
    files = [file] if file else [path for path in _BUNDLES if os.path.isfile(path)][:1]
    for folder in (environment.get("SSL_CERT_DIR") or _FOLDER).split(":"):
        if os.path.isdir(folder):
            files += [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    return _certificates(files)


def _certificates(paths: Iterable[str]) -> List[bytes]:
    found = {}
    for path in paths:
        try:
            # Not just any file: a named pipe would be waited for.
            if os.path.isfile(path) and os.path.getsize(path) <= _LARGEST:
                with open(path, "rb") as stream:
                    content = stream.read()
                found.update(dict.fromkeys(_CERTIFICATE.findall(content) or [content]))
        except OSError:
            continue
    return list(found)


def _trust(context: ssl.SSLContext, certificates: List[bytes]) -> None:
    for certificate in certificates:
        try:
            if certificate.startswith(b"-----"):
                context.load_verify_locations(cadata=certificate.decode("ascii", "ignore") + "\n")
            else:
                context.load_verify_locations(cadata=certificate)
        except (ssl.SSLError, ValueError):
            # One that OpenSSL cannot read is no reason to trust none of the others.
            continue
