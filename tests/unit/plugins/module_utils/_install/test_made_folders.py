# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folders made for a server: none is left where it did not come to be, and those of others are not removed."""

from __future__ import annotations

import contextlib
import shutil

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import Account
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.atomic_file import PREFIX
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.journal import FOLDERS_MADE
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.lock import LockError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install.made_folders import (
    data_folder,
    forget_folders,
    removed_if_empty,
)

from tests.support.killing import killed_before_every_change

ACCOUNT = Account.owner_of("/proc/self")


def paths(folder):
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*"))


@pytest.mark.parametrize("below", ["bwdata", "bitwarden/bwdata", "srv/own/bitwarden/bwdata"])
def test_killed_before_any_change_the_next_one_removes_all_of_it(tmp_path, below):
    """Also while it removes what it has made."""
    (tmp_path / "host").mkdir()
    bwdata, changes = tmp_path / "host" / below, []

    def fail():
        with contextlib.suppress(LockError), data_folder(str(bwdata), ACCOUNT, 0):
            assert bwdata.is_dir()
            raise LockError("It failed.")

    for change in killed_before_every_change(fail, tmp_path):
        changes.append(change.split(" ")[0])
        fail()
        assert paths(tmp_path / "host") == [], change
    assert changes.count("os.mkdir") == len(below.split("/"))
    assert changes.count("os.rmdir") == len(below.split("/"))
    assert changes.count("os.rename") == 3


@pytest.mark.parametrize(("others", "left"), [
    ([], []),
    (["bitwarden.sh"], ["bitwarden.sh"]),
    (["bwdata/letsencrypt/"], ["bwdata", f"bwdata/{FOLDERS_MADE}", "bwdata/letsencrypt"]),
])  # fmt: skip
def test_what_has_anything_else_in_it_stays(tmp_path, others, left):
    home = tmp_path / "srv/bitwarden"
    with data_folder(str(home / "bwdata"), ACCOUNT, 0):
        for one in others:
            (home / one).mkdir() if one.endswith("/") else (home / one).touch()
    assert (home.exists(), paths(home)) == (bool(others), left)
    for one in others:
        shutil.rmtree(home / one) if one.endswith("/") else (home / one).unlink()
    with removed_if_empty(str(home / "bwdata")):
        pass
    assert home.exists() is (others == ["bitwarden.sh"])


def test_folders_that_nobody_made_here_stay(tmp_path):
    (tmp_path / "bwdata").mkdir()
    (tmp_path / f"{PREFIX}file").touch()
    (tmp_path / f"{PREFIX}of-another").mkdir()
    (tmp_path / f"{PREFIX}of-another/notes").touch()
    before = paths(tmp_path)
    with data_folder(str(tmp_path / "bwdata"), ACCOUNT, 0):
        pass
    with data_folder(str(tmp_path / "other"), ACCOUNT, 0):
        pass
    assert paths(tmp_path) == before


def test_the_folders_of_a_server_stay(tmp_path):
    bwdata = tmp_path / "bitwarden/bwdata"
    with data_folder(str(bwdata), ACCOUNT, 0):
        forget_folders(str(bwdata))
    assert paths(tmp_path) == ["bitwarden", "bitwarden/bwdata"]
    assert [one.stat().st_mode & 0o777 for one in (bwdata.parent, bwdata)] == [0o700, 0o700]
    forget_folders(str(bwdata))


def test_where_it_cannot_be_made_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr("os.rename", _refuse)
    with pytest.raises(OSError, match="No space"), data_folder(str(tmp_path / "bitwarden/bwdata"), ACCOUNT, 0):
        pass
    assert paths(tmp_path) == []


def _refuse(*_paths):
    raise OSError(28, "No space left on device")
