# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A certificate and its key on the controller: what is accepted, and what is refused before anything is sent."""

from __future__ import annotations

from functools import lru_cache

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._certificates.check import Files, faults_of
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.support.certificates import Issued, issue

CLIENTS = ExtendedKeyUsageOID.CLIENT_AUTH
HOST = "vault.example.com"


@lru_cache(maxsize=None)
def authority() -> Issued:
    return issue("Test Root")


@lru_cache(maxsize=None)
def intermediate() -> Issued:
    return issue("Test Intermediate", by=authority())


@lru_cache(maxsize=None)
def leaf(**options) -> Issued:
    return issue(HOST, (HOST,), intermediate(), **options)


def test_a_whole_chain_is_accepted():
    chain = leaf().pem + intermediate().pem
    assert faults_of(Files(chain, leaf().key_pem(), authority().pem)) == []
    assert faults_of(Files("a comment\n" + chain, leaf().key_pem())) == []
    assert faults_of(Files(leaf().pem, leaf().key_pem(), intermediate().pem + authority().pem)) == []


CASES = {
    "another key": (lambda: Files(leaf().pem, authority().key_pem()), "certificate.key: the key does not belong"),
    "the issuer first": (
        lambda: Files(intermediate().pem + leaf().pem, leaf().key_pem()),
        "the certificate of the key is not the first one in the file. Put the server's certificate first",
    ),
    "a foreign intermediate": (
        lambda: Files(leaf().pem + authority().pem, leaf().key_pem()),
        "certificate 2 (CN=Test Root) is not the issuer of certificate 1 (CN=vault.example.com)",
    ),
    "one of the same name": (
        lambda: Files(leaf().pem + issue("Test Intermediate").pem, leaf().key_pem()),
        "certificate 2 (CN=Test Intermediate) is not the issuer",
    ),
    "expired": (lambda: Files(leaf(days=-0.5).pem, leaf(days=-0.5).key_pem()), "expired on"),
    "not valid yet": (lambda: Files(leaf(since=-2).pem, leaf(since=-2).key_pem()), "is not valid before"),
    "no names": (lambda: Files(authority().pem, authority().key_pem()), "it has no subjectAltName"),
    "for clients": (
        lambda: Files(leaf(usage=CLIENTS).pem, leaf(usage=CLIENTS).key_pem()),
        "lacks serverAuth",
    ),
    "a key with a passphrase": (lambda: Files(leaf().pem, leaf().key_pem(b"secret")), "the key has a passphrase"),
    "a damaged key": (
        lambda: Files(leaf().pem, leaf().key_pem().replace("MI", "XX", 1)),
        "a private key that cannot be read",
    ),
    "no key": (lambda: Files(leaf().pem, "hello"), "certificate.key: the file holds no private key in PEM"),
    "no certificate": (lambda: Files("hello", leaf().key_pem()), "certificate.cert: the file holds no certificate"),
    "a damaged certificate": (
        lambda: Files(leaf().pem.replace("MII", "XXX", 1), leaf().key_pem()),
        "a certificate that cannot be read",
    ),
    "the key among the certificates": (
        lambda: Files(leaf().pem + leaf().key_pem(), leaf().key_pem()),
        "certificate.cert: the file holds a private key",
    ),
    "a foreign authority": (
        lambda: Files(leaf().pem, leaf().key_pem(), issue("Other").pem),
        "certificate.ca: it has no certificate of CN=Test Intermediate",
    ),
    "an expired authority": (
        lambda: Files(leaf().pem, leaf().key_pem(), intermediate().pem + issue("Old", days=-0.5).pem),
        "certificate.ca: CN=Old expired on",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_refused(case):
    make, words = CASES[case]
    files = make()
    found = faults_of(files)
    assert len(found) == 1 and words in found[0]
    assert not any(line in " ".join(found) for line in files.key.splitlines()[1:-1])


def test_all_faults_are_named_at_once():
    found = faults_of(Files("hello", "hello", "hello"))
    assert [one.partition(":")[0] for one in found] == ["certificate.cert", "certificate.key", "certificate.ca"]
