# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that ansible-vault encrypted, with Ansible's own loader."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._vault import read_decrypted

PLAIN = b"\xef\xbb\xbf{}\xff\n"


@pytest.fixture
def loader(monkeypatch):
    def fail(self, content):
        raise AssertionError("decrypted content on a disk")

    monkeypatch.setattr(DataLoader, "_create_content_tempfile", fail)
    found = DataLoader()
    found.set_vault_secrets([("default", VaultSecret(b"canary"))])
    return found


@pytest.mark.parametrize("encrypted", [True, False])
def test_files_are_decrypted_in_memory(loader, tmp_path, encrypted):
    path = tmp_path / "license.json"
    path.write_bytes(VaultLib([("default", VaultSecret(b"canary"))]).encrypt(PLAIN) if encrypted else PLAIN)
    assert read_decrypted(loader, str(path)) == PLAIN


@pytest.mark.parametrize("secrets", [[], [("default", VaultSecret(b"another"))]])
def test_without_the_password_it_fails(loader, tmp_path, secrets):
    path = tmp_path / "license.json"
    path.write_bytes(VaultLib([("default", VaultSecret(b"canary"))]).encrypt(PLAIN))
    loader.set_vault_secrets(secrets)
    with pytest.raises(AnsibleError):
        read_decrypted(loader, str(path))


def test_a_missing_file_is_named(loader, tmp_path):
    with pytest.raises(AnsibleError, match=r"none\.json"):
        read_decrypted(loader, str(tmp_path / "none.json"))
