# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore replaces, whatever line of it is the last one that runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.journal import (
    JournalError,
    open_journal,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore import journal as restore_journal
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore.journal import (
    DATABASE,
    PREPARING,
    REPLACING,
    RestoreJournal,
    RestoreJournalError,
)

from tests.support.killing import hit_at_every_line

OLD = {"core/a": "old a", "core/only": "old", "config.yml": "old", "env/uid.env": "1000"}
NEW = {"core/a": "new a", "core/more": "new", "config.yml": "new", "ssl/cert": "new"}
UNITS = ["config.yml", "core", "ssl"]
REPLACED = {"core/a": "new a", "core/more": "new", "config.yml": "new", "ssl/cert": "new", "env/uid.env": "1000"}


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def read(folder):
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".bitwarden-restore" not in path.parts
    }


@pytest.fixture
def bwdata(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)  # a killed process loses nothing that it has written
    folder = tmp_path / "bwdata"
    write(folder, OLD)
    return folder


def prepare(bwdata):
    journal = RestoreJournal(str(bwdata))
    journal.begin("/backups/set", "/backups/safety")
    write(bwdata / ".bitwarden-restore/new", NEW)
    return journal


def replace(bwdata, at_once=False):
    journal = prepare(bwdata)
    journal.note(phase=REPLACING)
    for units in [UNITS] if at_once else [[unit] for unit in UNITS]:
        journal.replace(*units)
    return journal


def test_what_is_replaced_can_be_taken_back(bwdata):
    journal = replace(bwdata)
    assert read(bwdata) == REPLACED
    assert journal.take_back() == ["config.yml", "core"]
    assert read(bwdata) == OLD
    assert journal.take_back() == []
    journal.remove()
    assert not (bwdata / ".bitwarden-restore").exists()


def test_the_old_files_are_gone_once_it_is_proven(bwdata):
    replace(bwdata).close()
    assert read(bwdata) == REPLACED
    assert not (bwdata / ".bitwarden-restore").exists()


def test_the_old_files_can_be_kept(bwdata):
    kept = replace(bwdata).keep_old()
    assert read(Path(kept)) == {"config.yml": "old", "core/a": "old a", "core/only": "old"}
    assert RestoreJournal(str(bwdata)).state is None


@pytest.mark.parametrize("at_once", [False, True])
def test_killed_at_any_line_while_replacing(bwdata, at_once):
    """The next run finds what is old and what is new, only from the disk."""
    lines = 0
    for _line in hit_at_every_line(lambda: replace(bwdata, at_once), [restore_journal]):
        lines += 1
        RestoreJournal(str(bwdata)).begin("/backups/other")
        assert read(bwdata) == OLD
        RestoreJournal(str(bwdata)).remove()
    assert lines > 100


def test_killed_at_any_line_while_taking_back(bwdata):
    lines = 0
    replace(bwdata)
    for _line in hit_at_every_line(lambda: RestoreJournal(str(bwdata)).take_back(), [restore_journal]):
        lines += 1
        journal = RestoreJournal(str(bwdata))
        journal.take_back()
        assert read(bwdata) == OLD
        journal.remove()
        replace(bwdata)
    assert lines > 30


def test_killed_at_any_line_at_the_end(bwdata):
    """Once it is proven, nothing is taken back any more."""
    replace(bwdata).note(phase="proven")
    for _line in hit_at_every_line(lambda: RestoreJournal(str(bwdata)).close(), [restore_journal]):
        journal = RestoreJournal(str(bwdata))
        assert read(bwdata) == REPLACED
        assert not journal.has_replaced
        write(bwdata, OLD)
        (bwdata / "core/more").unlink(missing_ok=True)
        (bwdata / "ssl/cert").unlink(missing_ok=True)
        replace(bwdata).note(phase="proven")


@pytest.mark.parametrize(("phase", "after"), [(REPLACING, PREPARING), (DATABASE, DATABASE)])
def test_the_next_run_keeps_the_safety_backup_of_the_first(bwdata, phase, after):
    """And remembers that the database may be half restored."""
    replace(bwdata).note(phase=phase, dump=str(bwdata / "dump"))
    (bwdata / "dump").write_text("a dump")
    journal = RestoreJournal(str(bwdata))
    assert journal.has_replaced
    assert "was cut off while it replaced files" in journal.warning()
    assert "/backups/safety" in journal.warning()
    journal.begin("/backups/other", None)
    assert (journal.state.phase, journal.state.safety) == (after, "/backups/safety")
    assert read(bwdata) == OLD


def test_other_modules_leave_a_server_alone_that_is_half_restored(bwdata):
    warnings = []
    prepare(bwdata)
    open_journal(str(bwdata), warnings.append, True)
    RestoreJournal(str(bwdata)).note(phase=DATABASE)
    with pytest.raises(JournalError, match=r"A restore was cut off.*Run module restore again"):
        open_journal(str(bwdata), warnings.append, True)


@pytest.mark.parametrize("text", ["", "{}", '{"phase": "other", "set": "s", "replaced": []}', "[1"])
def test_a_damaged_journal_is_named(bwdata, text):
    prepare(bwdata)
    path = bwdata / ".bitwarden-restore/journal.json"
    path.write_text(text)
    with pytest.raises(RestoreJournalError, match=f"{path}.* is damaged"):
        RestoreJournal(str(bwdata))
