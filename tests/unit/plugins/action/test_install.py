# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of the controller an installation takes along: scripts and certificates, and what is said where they are not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.selfhosted.bitwarden.plugins.action.install import ActionModule
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._host_action import ArgumentError

from tests.support.certificates import issue

ISSUED = issue("vault.example.com", ("vault.example.com",))
FILES = {"cert": "vault.crt", "key": "vault.key"}
GIVEN = {
    "domain": "vault.example.com",
    "installation_id": "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b",
    "installation_key": "CanaryInstallationKey",
}


@pytest.fixture
def action(tmp_path, monkeypatch):
    """Return the plugin for a task of a playbook in a folder with files; ``sent`` are those that went to the host."""
    (tmp_path / "files").mkdir()
    (tmp_path / "scripts").mkdir()
    for name in ("bitwarden.sh", "run.sh"):
        (tmp_path / "scripts" / name).write_text(name)
    vault = VaultLib([("default", VaultSecret(b"password"))])
    (tmp_path / "vault.key").write_bytes(vault.encrypt(ISSUED.key_pem()))
    (tmp_path / "vault.crt").write_text(ISSUED.pem)
    loader = DataLoader()
    loader.set_basedir(str(tmp_path))
    loader.set_vault_secrets([("default", VaultSecret(b"password"))])
    found = ActionModule.__new__(ActionModule)
    found._loader = loader
    shell = SimpleNamespace(tmpdir=None, join_path=lambda *parts: "/".join(parts))
    found._connection = SimpleNamespace(_shell=shell)
    found._task = SimpleNamespace(args={}, module_defaults=[], get_search_path=lambda: [str(tmp_path)], _role=None)
    found._variables = {}
    found.sent = {}

    def make():
        shell.tmpdir = "/tmp/task"
        return shell.tmpdir

    def transfer(local, remote):
        found.sent[remote] = Path(local).read_text()
        return remote

    monkeypatch.setattr(found, "_make_tmp_path", make)
    monkeypatch.setattr(found, "_transfer_file", transfer)
    monkeypatch.setattr(found, "_fixup_perms2", lambda paths, execute: found.sent.update(readable=tuple(paths)))

    def arguments(**options):
        found._task.args = {**GIVEN, **options}
        return found._checked_arguments({})

    found.arguments = arguments
    return found


def test_scripts_of_the_controller_are_sent(action):
    arguments = action.arguments(source="scripts")
    assert (arguments["source"], arguments["remote_src"]) == ("/tmp/task", True)
    paths = ("/tmp/task/bitwarden.sh", "/tmp/task/run.sh")
    assert action.sent == {paths[0]: "bitwarden.sh", paths[1]: "run.sh", "readable": ("/tmp/task", *paths)}


@pytest.mark.parametrize("options", [{}, {"source": "download"}, {"source": "/srv/scripts", "remote_src": True}])
def test_otherwise_nothing_is_sent(action, options):
    assert action.arguments(**options) == {**GIVEN, **options}
    assert action.sent == {}


def test_certificates_are_read_and_decrypted(action):
    arguments = action.arguments(certificate="files", certificate_files=FILES)
    assert arguments["certificate_files"] == {"cert": ISSUED.pem, "key": ISSUED.key_pem()}


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ({"source": "nowhere"}, "source: nowhere is not a folder on the controller."),
        ({"source": "files"}, "source: files lacks bitwarden.sh and run.sh of a release of Bitwarden."),
        (
            {"certificate": "files", "certificate_files": {**FILES, "cert": "no.crt"}},
            "certificate_files.cert: no.crt cannot be read on the controller: ",
        ),
        (
            {"certificate": "files", "certificate_files": {**FILES, "key": "vault.crt"}},
            "certificate_files.key: the file holds no private key",
        ),
        (
            {"certificate": "files", "certificate_files": FILES, "domain": "other.example.com"},
            "certificate_files.cert: it is for vault.example.com, not for other.example.com.",
        ),
        ({"region": "UK"}, "region"),
        ({"domain": "10.0.0.1"}, "domain: 10.0.0.1 is an IP address"),
        ({"domain": ["a"]}, "domain takes a single value"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_sent(action, options, seen):
    with pytest.raises(ArgumentError) as error:
        action.arguments(**options, version="x")
    assert seen in str(error.value)
    assert "x is not a version" in str(error.value), "another fault is not named"
    assert "CanaryInstallationKey" not in str(error.value)
    assert action.sent == {}


def test_the_region_is_taken_in_any_case(action):
    assert action.arguments(region="eu")["region"] == "EU"
