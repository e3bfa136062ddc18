# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates read with the standard library only, as on a host: the same as the library cryptography reads."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._certificates.pem import (
    CertificateError,
    certificates_in,
    covers,
    fingerprints_in,
    read_certificate,
)
from cryptography.hazmat.primitives.hashes import SHA256

from tests.support.certificates import NOW, issue


def test_what_is_in_a_certificate():
    authority = issue("Test Root")
    leaf = issue("vault.example.com", ("vault.example.com", "*.example.org", "10.0.0.1"), authority, days=10)
    found = read_certificate(f"Bag Attributes\n{leaf.pem}{authority.pem}")
    assert (found.subject, found.issuer) == ("CN=vault.example.com", "CN=Test Root")
    assert found.names == ("vault.example.com", "*.example.org", "10.0.0.1")
    assert found.fingerprint.replace(":", "") == leaf.certificate.fingerprint(SHA256()).hex().upper()
    assert (found.from_text, found.until_text) == tuple(
        one.strftime("%Y-%m-%dT%H:%M:%SZ")
        for one in (leaf.certificate.not_valid_before_utc, leaf.certificate.not_valid_after_utc)
    )
    assert [found.days_left(NOW.timestamp() + days * 86400 + 1) for days in (0, 9, 11)] == [9, 0, -2]
    assert found.covers("x.example.org") and found.covers("10.0.0.1") and not found.covers("example.com")
    assert certificates_in(leaf.pem + "text\n" + authority.pem) == [leaf.pem, authority.pem]
    assert fingerprints_in(leaf.pem + authority.pem)[0] == found.fingerprint


@pytest.mark.parametrize(
    ("name", "host", "expected"),
    [
        ("vault.example.com", "VAULT.example.com", True),
        ("vault.example.com", "vault.example.com.", True),
        ("vault.example.com", "a.vault.example.com", False),
        ("*.example.com", "vault.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.b.example.com", False),
        ("*.com", "example.com", False),
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("0:0:0:0:0:0:0:1", "::1", True),
        ("*.0.0.1", "10.0.0.1", False),
    ],
)
def test_whom_a_name_covers(name, host, expected):
    assert covers(name, host) is expected


@pytest.mark.parametrize("text", ["", "hello", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
                                  "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"])  # fmt: skip
def test_what_cannot_be_read(text):
    with pytest.raises(CertificateError, match="The file holds "):
        read_certificate(text)
