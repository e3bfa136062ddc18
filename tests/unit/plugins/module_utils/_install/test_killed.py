# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installations killed before each change of a file: the next run completes them, or leaves the host as it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._compose.project import Project
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install import apply as apply_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install.setup_tool import _MADE, SetupError

from tests.support.killing import killed_before_every_change

from .test_install import MADE


class SetupTool:
    """Makes the files of a server at once."""

    fails = False

    def __init__(self, *given):
        self.stage = given[3]

    def install(self):
        for name in (*_MADE, "web/app-id.json"):
            self.stage.make_folder(name.rpartition("/")[0])
            text = "url: https://vault.example.com\n" if name == "config.yml" else ""
            Path(self.stage.below(name)).write_text(text)
        if self.fails:
            raise SetupError("It refused.")


def everything(folder):
    """Return all paths below a folder, and what is in the files."""
    return {
        str(one.relative_to(folder)): one.read_bytes() if one.is_file() else None for one in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize(("is_there", "every"), [
    ("nothing", 1),
    ("the data folder", 4),
    ("another script", 4),
])  # fmt: skip
def test_killed_before_any_change_the_next_run_completes_it_or_leaves_nothing(host, is_there, every, monkeypatch):
    """Whether the folders are removed again depends on who made them."""
    monkeypatch.setattr(apply_module, "SetupTool", SetupTool)
    monkeypatch.setattr(Project, "require", lambda _self: None)
    place = host.folder / "host"
    host.bwdata, host.script = place / "srv/bitwarden/bwdata", place / "srv/bitwarden/bitwarden.sh"
    place.mkdir()
    if is_there == "the data folder":
        host.bwdata.mkdir(parents=True)
    elif is_there == "another script":
        host.script.parent.mkdir(parents=True)
        host.script.write_text("# another one")
    before, changes = everything(place), []
    kept = shutil.copytree(place, host.folder / "kept")
    for change in killed_before_every_change(host.run, place, every=every):
        changes.append(change)
        left = shutil.copytree(place, host.folder / "left")
        monkeypatch.setattr(SetupTool, "fails", True)
        result = host.run()
        if (left / "srv/bitwarden/bwdata/.bitwarden-install-complete").exists():
            assert result["installed"], change
        elif (left / "srv/bitwarden/bwdata/config.yml").exists():
            assert result["changed"] is False, change
        else:
            assert "Nothing was installed, and what this run made was removed." in result, change
            assert everything(place) == before, change
        shutil.rmtree(place)
        shutil.move(left, place)
        monkeypatch.setattr(SetupTool, "fails", False)
        host.run()
        names = everything(place / "srv/bitwarden")
        assert set(names) >= MADE, change
        assert [one for one in names if ".bitwarden" in one] == [], change
        assert names["bitwarden.sh"] == (host.source / "bitwarden.sh").read_bytes()
        shutil.rmtree(place)
        shutil.copytree(kept, place)
    assert len(changes) > 40 / every
    assert set(everything(place / "srv/bitwarden")) >= MADE, "the last one was not killed"
