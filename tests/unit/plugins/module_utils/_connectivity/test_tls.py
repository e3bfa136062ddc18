# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whom TLS trusts: as the services do, on this host and in a container."""

from __future__ import annotations

import ssl

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.tls import (
    context_of,
    given_certificates,
    service_certificates,
)

from .stand_ins import KNOWN, ask, endpoint, page


def test_unreadable_authorities_spoil_nothing(serve, authority, network):
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
    trusting = network._replace(context=context_of([broken, authority.pem]))
    assert ask(trusting, endpoint(serve(page("200 OK", KNOWN), authority.context()).url())).ok
    assert trusting.context.verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize("name", ["ca.crt", "ca", "ca.der"])
@pytest.mark.parametrize("kind", ["PEM", "DER"])
def test_authorities_as_pem_and_der(serve, authority, tmp_path, network, name, kind):
    """A container's folder is read whole, as .NET reads it; of ca-certificates the entry script takes only *.crt."""
    folder = tmp_path / "bwdata" / "ca-certificates"
    folder.mkdir(parents=True)
    content = authority.pem if kind == "PEM" else ssl.PEM_cert_to_DER_cert(authority.pem.decode())
    (folder / name).write_bytes(content)
    (folder / "README").write_text("no certificate")
    server = serve(page("200 OK", KNOWN), authority.context())
    environment = {"SSL_CERT_FILE": "/nowhere", "SSL_CERT_DIR": "/ca-certificates"}
    trusted = service_certificates(environment, str(folder.parent))
    assert ask(network._replace(context=context_of(trusted)), endpoint(server.url())).ok
    host = network._replace(context=context_of(given_certificates(str(tmp_path / "bwdata")), defaults=True))
    assert ask(host, endpoint(server.url())).ok == (name == "ca.crt")


def test_this_host_is_no_stricter_than_the_server():
    """From Python 3.13 on the default would refuse authorities that OpenSSL and .NET take."""
    context = context_of([], defaults=True)
    assert not context.verify_flags & getattr(ssl, "VERIFY_X509_STRICT", 0)
    assert context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname
