# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules backup and backup_info: from options to calls, under the server's lock."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup import info as info_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.lock import LockTimeout, server_lock
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import (
    OptionError,
    option_faults,
)
from ansible_collections.selfhosted.bitwarden.plugins.modules import backup, backup_info

from ..module_utils._backup.backup_host import backup_host, pretend_database
from .fake_module import FakeModule


@pytest.fixture
def host(tmp_path, monkeypatch):
    return backup_host(tmp_path, monkeypatch)


@pytest.fixture
def database(host, monkeypatch):
    return pretend_database(host, monkeypatch)


@pytest.fixture
def dest(tmp_path):
    return tmp_path / "backups"


@pytest.fixture
def run(host, database, dest):
    def call(check_mode=False, **params):
        given = {"bwdata": str(host.bwdata), "dest": str(dest), "lock_timeout": "0s", **params}
        return backup.run(FakeModule("backup", check_mode, **given))

    return call


def test_twice(run, host, dest, monkeypatch, database):
    predicted = run(check_mode=True, max_age="1h", format="tar")
    result = run(max_age="1h", format="tar", verify="restore")
    again = run(max_age="1h", keep=1)
    assert [one["changed"] for one in (predicted, result, again)] == [True, True, False]
    assert result["path"] == again["path"]
    assert result["path"].endswith(".tar.gz") and result["manifest"]["verified"]["how"] == "restore"
    assert "diff" not in again
    assert result["diff"]["before"] == ""
    name = result["path"].rpartition("/")[2]
    assert result["diff"]["after"] == f"{name}=built_in, verified by restore\n"
    monkeypatch.setattr(info_module, "running_server", lambda *_: database)
    given = {"bwdata": str(host.bwdata), "dest": str(dest)}
    found = backup_info.run(FakeModule("backup_info", **given))
    assert [one["path"] for one in found["sets"]] == [result["path"]]


def test_the_diff_names_what_is_removed(run):
    first = run(format="tar")
    for check_mode in (True, False):
        result = run(check_mode=check_mode, keep=1)
        assert result["removed"] == [first["path"]]
        assert result["diff"]["before"] == f"{first['path'].rpartition('/')[2]}=backup set\n"


@pytest.mark.parametrize("check_mode", [False, True])
def test_another_run_holds_the_lock(run, host, dest, check_mode):
    with server_lock(str(host.bwdata), 0), pytest.raises(LockTimeout, match="Another run has been working"):
        run(check_mode=check_mode)
    assert not dest.exists()


@pytest.mark.parametrize(
    ("params", "fault"),
    [
        ({"dest": "backups"}, "dest: backups is not an absolute path"),
        ({"dest": ""}, "dest: is empty"),
        ({"max_age": "soon"}, "max_age: 'soon' is not a duration"),
        ({"keep": 0}, "keep must be 1 or more"),
        ({"keep_days": -1}, "keep_days must be 1 or more"),
        ({"database_timeout": "0s"}, "database_timeout must be longer than zero"),
        ({"encrypt": {"recipients": ["x"], "program": None}}, "encrypt needs format=tar"),
        ({"encrypt": {"recipients": [], "program": None}, "format": "tar"}, "encrypt names no recipients"),
    ],
)
def test_faults_of_options(run, params, fault):
    (found,) = option_faults({"format": "directory", **params})
    assert fault in found
    with pytest.raises(OptionError, match=fault.split(":")[0]):
        run(**params)
