# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup set on its way to the controller, read by the commands that a host would be sent."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible import constants
from ansible_collections.selfhosted.bitwarden.plugins.action.backup import ActionModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup import fetching
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.manifest import Manifest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.sets import read_set
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.dates import parse_date
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils import _set_fetch
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._host_action import ArgumentError, HostActionModule

ID = "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"
OTHER = "c4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"
NOW = "2026-11-26T21:37:16Z"
PIECE = 1000


def make_set(folder, created=NOW, content=b"an archive", verified="checksum", installation=ID):
    """Make an archive and its manifest below ``folder``; return what module backup returns of it."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = created.replace("-", "").replace(":", "")
    path = folder / f"bitwarden-{installation[:8]}-{stamp}.tar.gz.age"
    path.write_bytes(content)
    archive = (len(content), hashlib.sha256(content).hexdigest())
    at = parse_date(created)
    manifest = Manifest(at, installation, "https://x", verified=verified, verified_at=at, archive=archive)
    (folder / f"{path.name}.json").write_bytes(b"".join(manifest.render([])))
    return {"changed": True, "made": True, "path": str(path), "manifest": manifest.report(), "installation_id": ID}


@pytest.fixture
def action(tmp_path, monkeypatch):
    """Return a plugin whose host is this machine: ``commands`` are what it was sent, ``result`` is the module's."""
    monkeypatch.setattr(_set_fetch, "PIECE", PIECE)
    monkeypatch.setattr(HostActionModule, "execute", lambda self, task_vars: dict(self.result))
    found = ActionModule.__new__(ActionModule)
    found.commands = []
    found.shown = []

    def run(command, in_data=None):
        found.commands.append(command)
        found.shown.append(found._connection._play_context.no_log)
        done = subprocess.run(["sh", "-c", command], input=in_data, capture_output=True, check=False)
        return {"rc": done.returncode, "stdout": done.stdout.decode(), "stderr": done.stderr.decode()}

    found._low_level_execute_command = run
    arguments = {"format": "tar", "fetch_dest": str(tmp_path / "sets")}
    found._task = SimpleNamespace(args=arguments, check_mode=False, diff=True, async_val=0, module_defaults=[])
    found._connection = SimpleNamespace(_play_context=SimpleNamespace(no_log=False), has_pipelining=True)
    found._find_needle = lambda _folder, path: path
    found.result = make_set(tmp_path / "host")
    return found


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "sets" / "bw1"


def names(folder):
    return sorted(one.name for one in folder.iterdir())


def fetch(action, host="bw1"):
    return action.execute({"inventory_hostname": host})


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_a_set_arrives_as_it_is_and_once(action, tmp_path, folder, size):
    action.result = {**make_set(tmp_path / "host", content=os.urandom(size)), "changed": False, "made": False}
    action._task.check_mode = True
    predicted = fetch(action)
    assert not (tmp_path / "sets").exists() and action.commands == []
    action._task.check_mode = False
    result = fetch(action)
    assert predicted == {**result, "fetch": predicted["fetch"]}
    assert predicted["fetch"] == result["fetch"] == {"path": result["fetch"]["path"], "fetched": True, "removed": []}
    assert result["changed"] is True and "failed" not in result
    assert result["diff"][-1]["after"] == f"{Path(action.result['path']).name}=fetched\n"
    found = read_set(result["fetch"]["path"])
    assert found.manifest.report() == action.result["manifest"]
    assert Path(found.path).read_bytes() == Path(action.result["path"]).read_bytes()
    assert names(folder) == sorted([found.name, f"{found.name}.json"])
    modes = [Path(one).stat().st_mode & 0o777 for one in (tmp_path / "sets", folder, found.path, found.manifest_path)]
    assert modes == [0o700, 0o700, 0o600, 0o600]
    assert set(action.shown) == {True} and action._connection._play_context.no_log is False
    action.commands.clear()
    again = fetch(action)
    assert (again["changed"], again["fetch"]["fetched"], action.commands) == (False, False, [])
    assert "diff" not in again


@pytest.mark.parametrize("damage", ["archive", "no manifest", "other manifest"])
def test_what_is_damaged_on_the_controller_is_fetched_again(action, folder, damage):
    path = fetch(action)["fetch"]["path"]
    if damage == "archive":
        (folder / Path(path).name).write_bytes(b"another on")
    elif damage == "no manifest":
        Path(f"{path}.json").unlink()
    else:
        make_set(folder, verified="none")
    assert fetch(action)["fetch"]["fetched"] is True
    assert fetch(action)["fetch"]["fetched"] is False


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("changed", "arrived with 10 bytes and SHA-256"),
        ("gone", "cannot be read on the host"),
        ("other manifest", "is not the manifest of the set any more"),
        ("folder", "is a folder, and only an archive is fetched"),
        ("debug", "ANSIBLE_DEBUG would print the set"),
        ("noise", "did not arrive as it was sent"),
    ],
)
def test_what_does_not_arrive_fails_and_leaves_nothing(action, tmp_path, folder, monkeypatch, fault, message):
    path = tmp_path / "host" / Path(action.result["path"]).name
    if fault == "changed":
        path.write_bytes(b"another on")
    elif fault == "gone":
        path.unlink()
    elif fault == "other manifest":
        make_set(tmp_path / "host", verified="restore")
    elif fault == "folder":
        action.result = {**action.result, "manifest": {**action.result["manifest"], "archive": None}}
    elif fault == "debug":
        monkeypatch.setattr(constants, "DEFAULT_DEBUG", True)
    else:
        action._low_level_execute_command = lambda *_args, **_named: {"rc": 0, "stdout": "a", "stderr": ""}
    result = fetch(action)
    assert result["failed"] is True and result["changed"] is True and result["fetch"] is None
    assert result["msg"].startswith("The backup set was not fetched: ") and message in result["msg"]
    assert result["path"] == action.result["path"], "what was made is told"
    assert not folder.exists() or names(folder) == []


def test_too_little_space(action, monkeypatch):
    monkeypatch.setattr(fetching, "space_problems", lambda needs, option: [f"{option}: {list(needs.values())}"])
    assert "On the controller: fetch_dest: [(10, 'the set')]" in fetch(action)["msg"]


def test_a_failed_backup_is_not_fetched(action, tmp_path):
    action.result = {"failed": True, "msg": "Down.", "manifest": None}
    assert fetch(action) == action.result
    action.result = make_set(tmp_path / "host")
    del action._task.args["fetch_dest"]
    assert fetch(action) == action.result


def test_what_is_kept_on_the_controller(action, folder):
    """The newest verified set stays although it is too old; those of others and of killed runs are not sets."""
    verified = make_set(folder, "2026-01-01T00:00:00Z")
    old = [make_set(folder, f"2026-0{month}-01T00:00:00Z", verified="none") for month in (2, 3)]
    make_set(folder, "2025-01-01T00:00:00Z", installation=OTHER)
    (folder / "notes").write_text("mine")
    (folder / "bitwarden-b4d6f8a0-20250101T000000Z.tar.gz").write_text("without a manifest")
    action._task.args["keep"] = 1
    action.result = {**make_set(folder.parent / "host", verified="none"), "changed": False}
    action._task.check_mode = True
    predicted = fetch(action)["fetch"]["removed"]
    action._task.check_mode = False
    removed = fetch(action)["fetch"]["removed"]
    assert sorted(predicted) == sorted(removed) == sorted(one["path"] for one in old)
    assert Path(verified["path"]).exists() and len(names(folder)) == 2 * 3 + 2
    # A set that check mode predicts counts like one that is there.
    action._task.check_mode = True
    action._task.args["verify"] = "checksum"
    action.result = {"changed": True, "made": True, "path": None, "manifest": None, "installation_id": ID}
    predicted = fetch(action)["fetch"]
    assert predicted["fetched"] is True and predicted["path"] is None
    assert verified["path"] in predicted["removed"] and len(predicted["removed"]) == 2


@pytest.mark.parametrize(
    ("arguments", "host", "message"),
    [
        ({"format": "directory"}, "bw1", "fetch_dest needs format=tar"),
        ({"format": None}, "bw1", "fetch_dest needs format=tar"),
        ({"fetch_dest": "/proc/sets"}, "bw1", "cannot write to /proc on the controller"),
        ({"fetch_dest": "/etc/hostname"}, "bw1", "/etc/hostname on the controller is not a folder"),
        ({}, "../bw1", "cannot be the name of a folder"),
    ],
)
def test_what_is_found_before_anything_is_sent(action, monkeypatch, arguments, host, message):
    monkeypatch.setattr(os, "access", lambda path, mode, **_named: path != "/proc")
    action._task.args = {name: value for name, value in {**action._task.args, **arguments}.items() if value}
    action._variables = {"inventory_hostname": host}
    with pytest.raises(ArgumentError) as error:
        action._checked_arguments(action._variables)
    assert message in str(error.value)


def test_not_in_the_background(action):
    action._task.async_val = 60
    action._variables = {"inventory_hostname": "bw1"}
    with pytest.raises(ArgumentError, match="fetch_dest does not work with async"):
        action._checked_arguments(action._variables)
