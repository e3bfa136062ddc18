# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private files of the controller: what a killed run leaves, and who removes it."""

from __future__ import annotations

import stat

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._cloud import private_file
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common import atomic_file

from tests.support.killing import hit_at_every_line


def test_whenever_it_is_killed_the_next_run_removes_what_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic_file.os, "fsync", lambda descriptor: None)
    path = tmp_path / "license.json"
    killed = 0
    for _line in hit_at_every_line(lambda: private_file.write(str(path), "canary"), [private_file, atomic_file]):
        killed += 1
        assert all(not one.stat().st_mode & 0o077 for one in tmp_path.iterdir())
        private_file.write(str(path), "canary")
        left = [one for one in tmp_path.iterdir() if one != path]
        # An empty one could belong to a run on another host that is about to write it.
        assert [one.stat().st_size for one in left] in ([], [0])
        for one in left:
            one.unlink()
    assert killed > 15
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("canary", 0o600)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "license.json").symlink_to(tmp_path / "elsewhere.json")
    private_file.write(str(tmp_path / "license.json"), "canary")
    assert (tmp_path / "license.json").is_symlink()
    assert (tmp_path / "elsewhere.json").read_text() == "canary"


def test_an_error_names_the_file(tmp_path):
    with pytest.raises(ApiError, match=r"dest cannot be written on the controller: .*license\.json: No such file"):
        private_file.write(str(tmp_path / "none" / "license.json"), "canary")
