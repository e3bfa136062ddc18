# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whom TLS trusts: as the services do, on this host and in a container."""

from __future__ import annotations

import ssl

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.probe import probe
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.trust import (
    context_of,
    host_context,
    trusted_here,
)

from .on_the_way import KNOWN, endpoint, page


def test_unreadable_authorities_spoil_nothing(serve, authority, view):
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
    trusting = view._replace(context=context_of([broken, authority.pem]))
    assert probe(endpoint(serve(page("200 OK", KNOWN), authority.context()).url()), trusting, 5).ok
    assert trusting.context.verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize("name", ["ca.crt", "ca", "ca.der"])
@pytest.mark.parametrize("kind", ["PEM", "DER"])
def test_authorities_as_pem_and_der(serve, authority, tmp_path, view, name, kind):
    """A container's folder is read whole, as .NET reads it; of ca-certificates the entry script takes *.crt alone."""
    folder = tmp_path / "bwdata" / "ca-certificates"
    folder.mkdir(parents=True)
    content = authority.pem if kind == "PEM" else ssl.PEM_cert_to_DER_cert(authority.pem.decode())
    (folder / name).write_bytes(content)
    (folder / "README").write_text("no certificate")
    server = serve(page("200 OK", KNOWN), authority.context())
    trusted = trusted_here({"SSL_CERT_FILE": "/nowhere", "SSL_CERT_DIR": str(folder)})
    assert probe(endpoint(server.url()), view._replace(context=context_of(trusted)), 5).ok
    host = view._replace(context=host_context(str(tmp_path / "bwdata")))
    assert probe(endpoint(server.url()), host, 5).ok == (name == "ca.crt")


def test_this_host_is_no_stricter_than_the_server(tmp_path):
    """From Python 3.13 on the default would refuse authorities that OpenSSL and .NET take."""
    flags = host_context(str(tmp_path)).verify_flags
    assert not flags & getattr(ssl, "VERIFY_X509_STRICT", 0)
    assert host_context(str(tmp_path)).verify_mode == ssl.CERT_REQUIRED and host_context(str(tmp_path)).check_hostname
