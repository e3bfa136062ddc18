# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is to own an installation, where it can be put, and which services it is to have."""

from __future__ import annotations

import os

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import Account
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.problem import Problem
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install import host as host_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install.host import (
    find_account,
    folder_problems,
    services_of,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install.request import InstallRequest

KNOWN = {"bitwarden": 1001, "vault": 1002, "root": 0}


OWNER = Account("bitwarden", 1001, 1001, (1001,), "/")


@pytest.fixture
def request_for(tmp_path, monkeypatch):
    """Make a request on a host with the users of ``KNOWN``; the folder of the server belongs to ``folder_of``."""

    def account(name):
        return Account(name, KNOWN[name], KNOWN[name], (KNOWN[name],), "/") if name in KNOWN else None

    def make(folder_of=None, **options):
        parent = tmp_path / "bitwarden"
        if folder_of is not None:
            parent.mkdir()
            status = parent.stat()
            fields = [*status[:4], KNOWN.get(folder_of, 4711), *status[5:10]]
            monkeypatch.setattr(host_module.os, "stat", lambda _path: os.stat_result(fields))
            owner = account(folder_of) or Account("4711", 4711, 4711, (4711,), "/")
            monkeypatch.setattr(Account, "owner_of", lambda _path: owner)
        return InstallRequest(str(parent / "bwdata"), str(parent / "bitwarden.sh"), "a.test", "i", "k", **options)

    monkeypatch.setattr(Account, "named", account)
    monkeypatch.setattr(Account, "can_be_taken", lambda self: self.uid != 1002)
    return make


@pytest.mark.parametrize(
    ("folder_of", "owner", "expected"),
    [
        (None, None, "bitwarden"),
        ("root", None, "bitwarden"),
        ("bitwarden", None, "bitwarden"),
        ("nobody here", None, "bitwarden"),
        ("root", "bitwarden", "bitwarden"),
        ("vault", None, "owner: this user cannot act for vault. Run the task as root or as vault"),
        (None, "root", "owner: Bitwarden's containers cannot run as root"),
        (None, "other", "owner: the user other does not exist on this host."),
    ],
)
def test_the_owner(request_for, folder_of, owner, expected):
    found = find_account(owner, request_for(folder_of).parent)
    assert str(found).startswith(expected) if isinstance(found, Problem) else found.name == expected


def test_the_usual_owner_does_not_exist(request_for, monkeypatch):
    monkeypatch.delitem(KNOWN, "bitwarden")
    assert "the user bitwarden (the default) does not exist" in str(find_account(None, request_for().parent))


@pytest.mark.parametrize(
    ("made", "as_root", "seen"),
    [
        (None, True, None),
        (None, False, "does not exist. Create that folder for bitwarden, or run the task as root"),
        ("folder", True, None),
        ("file", True, "is not a folder"),
    ],
)
def test_the_folder(request_for, tmp_path, monkeypatch, made, as_root, seen):
    request = request_for()
    if made == "folder":
        (tmp_path / "bitwarden").mkdir()
    elif made:
        (tmp_path / "bitwarden").touch()
    monkeypatch.setattr(host_module, "unreadable", lambda _account, _paths: [])
    monkeypatch.setattr(host_module.os, "geteuid", lambda: 0 if as_root else 1000)
    problems = list(map(str, folder_problems(request.bwdata, request.script, OWNER)))
    assert [seen in one for one in problems] == ([True] if seen else [])


@pytest.mark.parametrize(("folder", "seen"), [
    ("there", []),
    ("closed", ["script: {} cannot be written by this user. Run the task as root (become)."]),
    ("missing", ["script: the folder {} does not exist. Create it."]),
])  # fmt: skip
def test_the_folder_of_a_script_that_is_elsewhere(request_for, tmp_path, monkeypatch, folder, seen):
    """It is written last of all, when everything else is done."""
    path = tmp_path / folder
    for one in ("there", "closed"):
        (tmp_path / one).mkdir()
    request = request_for()._replace(script=str(path / "bitwarden.sh"))
    monkeypatch.setattr(host_module.os, "access", lambda one, _mode: not one.endswith("closed"))
    problems = folder_problems(request.bwdata, request.script, OWNER)
    assert list(map(str, problems)) == [one.format(path) for one in seen]


@pytest.mark.parametrize("closed", ["", "bwdata", "bwdata/ssl/self"])
def test_folders_that_this_user_cannot_write(request_for, tmp_path, monkeypatch, closed):
    """An unfinished installation of root leaves them."""
    request = request_for()
    (tmp_path / "bitwarden/bwdata/ssl/self").mkdir(parents=True)
    path = str(tmp_path / "bitwarden" / closed)
    monkeypatch.setattr(host_module, "unreadable", lambda _account, _paths: [])
    monkeypatch.setattr(host_module.os, "access", lambda one, _mode: one != path)
    (problem,) = folder_problems(request.bwdata, request.script, OWNER)
    assert str(problem) == f"{path} cannot be written by this user. Run the task as root (become)."


@pytest.mark.parametrize(
    ("config", "more", "less"),
    [
        ({}, set(), {"scim", "key-connector"}),
        ({"enable_scim": True, "enable_key_connector": True}, {"scim", "key-connector", "mssql"}, set()),
        ({"enable_built_in_ms_sql": False}, {"api"}, {"mssql"}),
    ],
)
def test_the_services_are_those_of_config(request_for, config, more, less):
    found = set(services_of(request_for(config=config)))
    assert found >= more
    assert not found & less
