# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of an installation: each fault is named, all at once; and what the options mean for config.yml."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install.options import install_faults

GOOD = {
    "bwdata": "/opt/bitwarden/bwdata",
    "domain": "vault.example.com",
    "installation_id": "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b",
    "installation_key": "AbCdEfGhIjKlMnOpQrSt",
    "certificate": "self_signed",
    "config": {},
    "version": "latest",
    "source": "download",
}
FILES = {"cert": "a", "key": "b"}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"domain": "Vault.Example.com", "installation_id": GOOD["installation_id"].upper()},
        {"domain": "localhost"},
        {"domain": "vault"},
        {"certificate": "files", "certificate_files": FILES},
        {"certificate": "lets_encrypt"},
        {"certificate": "none"},
        {"certificate": "none", "config": {"url": "https://vault.example.com", "http_port": 8080}},
        {"config": {"ssl": False}},
        {"version": "2026.8.0", "source": "/srv/scripts", "remote_src": True},
        {"source": "scripts"},
        {"database_name": "my_vault-2", "owner": "bw"},
        {"script": "/opt/bitwarden/bitwarden.sh"},
    ],
)
def test_what_can_be_used(options):
    assert install_faults({**GOOD, **options}) == []


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ({"domain": "10.0.0.1"}, "10.0.0.1 is an IP address"),
        ({"domain": "2001:db8::1"}, "2001:db8::1 is an IP address"),
        ({"domain": "https://vault.example.com"}, "has more than a host name"),
        ({"domain": "vault.example.com:443"}, "has more than a host name"),
        ({"domain": "vault.example.com/"}, "has more than a host name"),
        ({"domain": "vault_1.example.com"}, "is not a DNS name"),
        ({"domain": "-vault.example.com"}, "is not a DNS name"),
        ({"domain": "vault..example.com"}, "is not a DNS name"),
        ({"installation_id": "installation.b4d6f8a0"}, "installation_id is not an installation id"),
        ({"installation_id": "00000000-0000-0000-0000-000000000000"}, "installation_id is not an installation id"),
        ({"installation_key": "two words"}, "installation_key has blanks or line ends"),
        ({"installation_key": "line\n"}, "installation_key has blanks or line ends"),
        ({"database_name": "master"}, "database_name: master cannot be used"),
        ({"database_name": "1'; DROP"}, "cannot be used"),
        ({"owner": "no user"}, "owner: no user is not the name of a user"),
        ({"bwdata": "/opt/bit warden/bwdata"}, "bitwarden.sh does not work with a path like '/opt/bit warden/bwdata'"),
        ({"script": "/opt/bitwarden/bwdata/bitwarden.sh"}, "is inside bwdata"),
        ({"version": "2026.8"}, "2026.8 is not a version such as 2026.8.0"),
        ({"remote_src": True}, "remote_src needs source"),
        ({"source": "scripts", "remote_src": True}, "source: scripts is not an absolute path"),
        ({"certificate": "files"}, "needs certificate_files"),
        ({"certificate_files": FILES}, "certificate_files only counts with certificate set to files"),
        ({"certificate": "lets_encrypt", "domain": "localhost"}, "Let's Encrypt issues no certificate for localhost"),
        ({"config": {"url": "https://other.example.com"}}, "is not an address of vault.example.com"),
        ({"config": {"http_prot": 8080}}, "config: http_prot is not a key of config.yml. Did you mean http_port"),
        ({"config": {"http_port": "443"}}, "http_port and https_port are both 443"),
        ({"certificate": "none", "config": {"ssl": True}}, "ssl_certificate_path and ssl_key_path are empty"),
    ],
)
def test_what_cannot_be_used_is_named(options, seen):
    faults = install_faults({**GOOD, **options})
    assert any(seen in fault for fault in faults), faults
    assert "two words" not in " ".join(faults)


def test_all_faults_are_named_at_once():
    faults = install_faults({**GOOD, "domain": "10.0.0.1", "version": "x", "database_name": "tempdb"})
    assert len(faults) == 3


def test_options_that_are_missing_or_of_another_type_are_left_to_others():
    assert install_faults({"config": "no"}) == []
