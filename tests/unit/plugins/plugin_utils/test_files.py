# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the controller: one rule for those that are read and those that are made."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleFileNotFound
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils import _files
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._files import find_file, located, new_file


@pytest.fixture
def action(tmp_path, monkeypatch):
    """Return a task of a playbook in the folder ``playbook``; the run is started in ``started``."""
    for name in ("playbook", "inventory", "started"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "started")

    def needle(folder, path):
        for candidate in (tmp_path / "playbook" / folder / path, tmp_path / "playbook" / path):
            if candidate.exists():
                return str(candidate)
        raise AnsibleFileNotFound(path)

    loader = SimpleNamespace(get_basedir=lambda: str(tmp_path / "playbook"))
    return SimpleNamespace(_find_needle=needle, _loader=loader)


@pytest.mark.parametrize("folder", ["playbook/files", "playbook", "inventory/files", "inventory", "started"])
def test_what_is_written_is_found_again(action, tmp_path, folder):
    variables = {"inventory_dir": str(tmp_path / "inventory")}
    assert find_file(action, "one.json", variables) == ""
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "one.json").touch()
    assert find_file(action, "one.json", variables) == new_file(action, "one.json", variables)
    assert find_file(action, "one.json", variables) == str(tmp_path / folder / "one.json")


@pytest.mark.parametrize(("collection", "folder"), [(None, "playbook"), ("selfhosted.bitwarden", "inventory")])
def test_a_new_file(action, tmp_path, monkeypatch, collection, folder):
    monkeypatch.setattr(_files, "AnsibleCollectionConfig", SimpleNamespace(default_collection=collection))
    variables = {"inventory_dir": str(tmp_path / "inventory")}
    assert new_file(action, "new.json", variables) == str(tmp_path / folder / "new.json")
    assert new_file(action, str(tmp_path / "new.json"), variables) == str(tmp_path / "new.json")


def test_certificates(action, tmp_path):
    (tmp_path / "playbook" / "ca.pem").touch()
    options = {"ca_path": "ca.pem", "client_cert": "gone.pem"}
    assert located(action, options, {}) == {**options, "ca_path": str(tmp_path / "playbook" / "ca.pem")}
    on_host = {**options, "run_on": "host"}
    assert located(action, on_host, {}) == on_host
