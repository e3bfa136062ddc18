# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which cloud an option means, and how a master password becomes its hash."""

from __future__ import annotations

import builtins

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._cloud.argspec import cloud_urls
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._cloud.kdf import (
    ARGON2ID,
    PBKDF2,
    Kdf,
    master_password_hash,
    read_kdf,
)

NAMES = ("type", "iterations", "memory", "parallelism")
VECTORS = [
    ("asdfasdf", "test@bitwarden.com", Kdf(PBKDF2, 100000), "wmyadRMyBZOH7P/a/ucTCbSghKgdzDpPqUnu/DAVtSw="),
    ("asdfasdf", "test_salt", Kdf(ARGON2ID, 4, 32, 2), "PR6UjYmjmppTYcdyTiNbAhPJuQQOmynKbdEl1oyi/iQ="),
]


@pytest.mark.parametrize(("password", "salt", "kdf", "expected"), VECTORS, ids=["PBKDF2", "Argon2id"])
def test_vectors(password, salt, kdf, expected):
    assert master_password_hash(password, salt, kdf) == expected


@pytest.mark.parametrize("salt", ["TEST@Bitwarden.com", "  test@bitwarden.com\n"])
def test_the_salt_counts_in_lower_case_without_blanks(salt):
    password, _salt, kdf, expected = VECTORS[0]
    assert master_password_hash(password, salt, kdf) == expected


def test_the_password_counts_as_it_is():
    composed, decomposed = "p\u00e4ssword", "pa\u0308ssword"
    hashes = {master_password_hash(text, "salt", Kdf(PBKDF2, 5000)) for text in (composed, decomposed, composed + " ")}
    assert len(hashes) == 3


@pytest.mark.parametrize("members", [
    {"type": PBKDF2, "iterations": 1},
    {"type": PBKDF2, "iterations": 4999},
    {"type": PBKDF2, "iterations": 2_000_001},
    {"type": PBKDF2, "iterations": "600000"},
    {"type": ARGON2ID, "iterations": 3},
    {"type": ARGON2ID, "iterations": 3, "memory": 1, "parallelism": 4},
    {"type": ARGON2ID, "iterations": 3, "memory": 65536, "parallelism": 4},
    {"type": ARGON2ID, "iterations": 99, "memory": 64, "parallelism": 4},
    {"type": 2, "iterations": 600000},
])  # fmt: skip
def test_parameters_that_no_client_accepts_are_refused(members):
    with pytest.raises(ApiError, match="does not make"):
        read_kdf(members, *NAMES)


@pytest.mark.parametrize("members", [{}, {"type": None, "iterations": None}, {"type": 0}])
def test_no_parameters(members):
    assert read_kdf(members, *NAMES) is None


def test_a_missing_argon2_library_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **more):
        if name.startswith("argon2"):
            raise ImportError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    assert master_password_hash("asdfasdf", "test@bitwarden.com", Kdf(PBKDF2, 100000))
    with pytest.raises(ApiError, match="argon2-cffi"):
        master_password_hash("asdfasdf", "salt", Kdf(ARGON2ID, 3, 64, 4))


@pytest.mark.parametrize(("cloud", "api"), [
    ("us", "https://api.bitwarden.com"),
    ("US", "https://api.bitwarden.com"),
    (" eu ", "https://api.bitwarden.eu"),
    ({"api_url": "https://a.example", "identity_url": "https://i.example"}, "https://a.example"),
])  # fmt: skip
def test_clouds(cloud, api):
    assert cloud_urls(cloud)[0] == api


@pytest.mark.parametrize("cloud", [
    "", "mars", None, 1, [], {}, {"api_url": "https://a.example"},
    {"api_url": "https://a.example", "identity_url": "https://i.example", "url": "https://b.example"},
])  # fmt: skip
def test_what_is_no_cloud(cloud):
    with pytest.raises(ApiError, match="cloud is"):
        cloud_urls(cloud)
