# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup set of the controller on its way to the host."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.action.restore import ActionModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.manifest import FileEntry, Manifest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.reading import HashingReader
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.sets import SetError, read_files, read_set
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.dates import parse_date
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore.reading import compare
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils import _host_action

NAME = "bitwarden-b4d6f8a0-20261126T213716Z"
CONFIRM = "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"
TEXT = "url: https://vault.example.com\n"


def make_set(folder):
    config = folder / NAME / "bwdata" / "config.yml"
    config.parent.mkdir(parents=True)
    config.write_text(TEXT)
    (config.parent / "link").symlink_to("config.yml")
    with config.open("rb") as stream:
        hashed = HashingReader(stream)
        while hashed.read():
            pass
    files = [
        FileEntry("bwdata/", mode=0o700),
        FileEntry("bwdata/config.yml", hashed.size, hashed.digest.hexdigest()),
        FileEntry("bwdata/link", link="config.yml"),
    ]
    manifest = Manifest(parse_date("2026-11-26T21:37:16Z"), CONFIRM)
    (folder / NAME / "manifest.json").write_bytes(b"".join(manifest.render(files)))
    return folder / NAME


@pytest.fixture
def action(tmp_path, monkeypatch):
    """Return a plugin whose host is the folder ``host``, and whose module reads the set that it is given."""
    host = tmp_path / "host"
    seen = []

    def make_tmp_path():
        host.mkdir()
        found._connection._shell.tmpdir = str(host)
        return str(host)

    def run_module(self, task_vars):
        backup = read_set(self._task.args["set"])
        difference, texts = compare(backup, read_files(backup), None, frozenset({"bwdata/config.yml"}))
        seen.append((backup.path, difference, texts, sorted(self._task.args)))
        if found.fails:
            raise SetError("refused")
        return {"changed": True}

    found = ActionModule.__new__(ActionModule)
    found.fails = False
    found.seen = seen
    found._task = SimpleNamespace(args={}, module_defaults=[])
    shell = SimpleNamespace(tmpdir=None, join_path=lambda *parts: str(Path(*parts)))
    found._connection = SimpleNamespace(_shell=shell)
    monkeypatch.setattr(found, "_make_tmp_path", make_tmp_path, raising=False)
    monkeypatch.setattr(found, "_find_needle", lambda _folder, path: str(tmp_path / path))
    monkeypatch.setattr(found, "_transfer_file", shutil.copyfile)
    monkeypatch.setattr(found, "_fixup_perms2", lambda paths, execute: None)
    monkeypatch.setattr(found, "_remove_tmp_path", lambda path: shutil.rmtree(path) if path else None)
    monkeypatch.setattr(_host_action.HostActionModule, "execute", run_module)
    return found


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"confirm": CONFIRM}, "Give set, .* or src, .*; not both"),
        ({"confirm": CONFIRM, "src": "a", "set": "/b"}, "Give set, .* or src, .*; not both"),
        ({"set": "/b"}, "confirm is missing.* set isolated to true"),
        ({"set": "/b", "confirm": CONFIRM, "state": "absent"}, "state=absent removes a drill. It needs isolated=true"),
    ],
)
def test_options_that_depend_on_each_other(action, arguments, text):
    action._task.args = arguments
    with pytest.raises(_host_action.ArgumentError, match=text):
        action._checked_arguments({})


def test_a_folder_is_sent_as_one_archive(action, tmp_path):
    make_set(tmp_path)
    action._task.args = {"confirm": CONFIRM, "src": NAME}
    assert action.execute({}) == {"changed": True}
    ((path, difference, texts, options),) = action.seen
    assert (Path(path).name, options) == (f"{NAME}.tar.gz", ["confirm", "set"])
    assert difference == ([], [], [])
    assert texts == {"bwdata/config.yml": TEXT.encode()}


def test_an_archive_is_sent_with_its_manifest(action, tmp_path):
    folder = make_set(tmp_path)
    (tmp_path / f"{NAME}.tar.gz.age").write_bytes(b"encrypted")
    shutil.copy(folder / "manifest.json", tmp_path / f"{NAME}.tar.gz.age.json")
    action._task.args = {"confirm": CONFIRM, "src": f"{NAME}.tar.gz.age"}
    action.execute({})
    assert Path(action.seen[0][0]).read_bytes() == b"encrypted"


@pytest.mark.parametrize("fails", ["module", "missing"])
def test_nothing_is_left_on_the_host(action, tmp_path, fails):
    make_set(tmp_path)
    action.fails = True
    action._task.args = {"confirm": CONFIRM, "src": NAME if fails == "module" else "nowhere"}
    with pytest.raises(SetError):
        action.execute({})
    assert not (tmp_path / "host").exists()


def test_unusable_options_send_nothing(action, tmp_path):
    make_set(tmp_path)
    action._task.args = {"confirm": CONFIRM, "src": NAME, "rollback": "perhaps"}
    with pytest.raises(_host_action.ArgumentError):
        action.execute({})
    assert not (tmp_path / "host").exists()


def test_a_folder_without_one_file_is_for_the_module_to_tell(action, tmp_path):
    folder = make_set(tmp_path)
    (folder / "bwdata/config.yml").unlink()
    action._task.args = {"confirm": CONFIRM, "src": NAME}
    action.execute({})
    assert action.seen[0][1].missing == ["bwdata/config.yml"]
