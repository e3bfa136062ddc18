# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run of module server that is killed, at any line of its code, and the run after it."""

from __future__ import annotations

import json
import os
import pickle
import stat

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common import atomic_file
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import (
    BitwardenError,
    Terminated,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment import apply as apply_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment import journal as journal_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.journal import Journal
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.unchanged import MARK
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.resolve import SettingsRequest
from ansible_collections.selfhosted.bitwarden.plugins.modules import server

from tests.support.killing import hit_at_every_line

from ...modules.fake_module import server_module
from .fake_host import FakeHost
from .small_module import asked_first

NAME = "globalSettings__mail__smtp__port"
GOOD, BAD = "2525", "2626"
LINES = [apply_module, journal_module]


@pytest.fixture
def host(tmp_path, monkeypatch):
    fake = FakeHost(tmp_path / "bitwarden" / "bwdata").install(monkeypatch)
    monkeypatch.setattr(apply_module, "Clock", lambda: fake.clock)
    fake.crashes = lambda environment: environment.get(NAME) == BAD
    return fake.start()


class Runs:
    """Runs of the module on one host; ``killed`` are those that a signal ends."""

    def __init__(self, host, path):
        self.host = host
        self.state = path / "containers"
        self.file = host.bwdata / "env" / "global.override.env"
        self.at_first = self.file.read_bytes()
        self.containers = pickle.dumps(host.containers)

    def module(self, value, **params):
        module = server_module(self.host, **params)
        settings = SettingsRequest(settings={NAME: value}) if value else SettingsRequest()
        return module, settings

    def run(self, value=None, **params):
        """Return the result, the message of the failure, and the warnings."""
        module, settings = self.module(value, **params)
        left = [name for name in self.left() if name.startswith(MARK)]
        found, _warnings = asked_first(self.host, settings, **module.params)
        try:
            result = server.run(module, settings)
        except BitwardenError as error:
            assert found is None, "the small module said that there is nothing to do"
            return error.result(), str(error), module.warnings
        assert found is None or not (result["changed"] or left or module.warnings)
        return result, "", module.warnings

    def killed(self, value, every, **params):
        module, settings = self.module(value, **params)

        def keep():
            self.state.write_bytes(pickle.dumps((self.host.containers, self.host.now)))

        for line in hit_at_every_line(lambda: server.run(module, settings), LINES, before=keep, every=every):
            self.host.containers, self.host.now = pickle.loads(self.state.read_bytes())
            yield line
            self.file.write_bytes(self.at_first)
            self.host.containers = pickle.loads(self.containers)

    def left(self):
        """Return the files beside those of the server."""
        known = {"global.override.env", "mssql.override.env", "uid.env"}
        return sorted(path.name for path in self.file.parent.iterdir() if path.name not in known)

    def cut_off(self, value=BAD):
        """Leave what a run leaves that is killed while it waits for the server."""
        before = self.file.read_bytes()
        after = before + f"{NAME}={value}\n".encode()
        journal = Journal(str(self.host.bwdata))
        journal.begin(journal._file("global"), before, after)
        self.file.write_bytes(after)
        self.host._up()
        self.host.containers["nginx"]["started"] = self.host.now
        self.host.done.clear()


@pytest.fixture
def runs(host, tmp_path):
    return Runs(host, tmp_path)


def test_whenever_a_run_on_bad_settings_is_killed_the_next_one_takes_them_back(runs):
    told = killed = 0
    for line in runs.killed(BAD, every=9):
        killed += 1
        result, error, warnings = runs.run(BAD)
        assert result["rolled_back"] is True, (line, error)
        assert "rolled back; the server is running" in error
        assert runs.file.read_bytes() == runs.at_first
        assert runs.host.containers["api"]["state"] == "running"
        assert runs.left() == []
        told += any("was cut off" in warning for warning in warnings)
        assert runs.run()[2] == [], "told of again"
    assert killed > 10
    assert told > 5


def test_whenever_a_run_on_good_settings_is_killed_the_next_one_finishes_it(runs):
    killed = 0
    for line in runs.killed(GOOD, every=9):
        killed += 1
        _result, error, _warnings = runs.run(GOOD)
        assert error == "", line
        assert runs.host.containers["api"]["environment"][NAME] == GOOD
        assert runs.left() == []
        again, error, warnings = runs.run(GOOD)
        assert (again["changed"], error, warnings) == (False, "", [])
    assert killed > 10


def test_while_the_server_is_not_known_to_be_healthy_the_old_content_is_kept(runs, monkeypatch):
    seen = []

    def wait(run, changed_at):
        for name in runs.left():
            status = (runs.file.parent / name).stat()
            owner = runs.file.stat().st_uid
            seen.append((name, stat.S_IMODE(status.st_mode), status.st_uid == owner))

    monkeypatch.setattr(apply_module._Run, "_wait", wait)
    if os.geteuid() == 0:
        os.chown(runs.file, 4321, 4322)
    runs.run(GOOD)
    assert seen == [(".bitwarden-journal-global.json", 0o600, True)]
    assert runs.left() == []


@pytest.mark.parametrize("value", [BAD, None])
def test_check_mode_tells_of_it_and_changes_nothing(runs, value):
    runs.cut_off()
    names, content = runs.left(), runs.file.read_bytes()
    result, error, warnings = runs.run(value, check_mode=True)
    assert (error, result["changed"]) == ("", False)
    assert [warning for warning in warnings if "cut off after it wrote" in warning]
    assert (runs.left(), runs.file.read_bytes(), runs.host.done) == (names, content, [])


def test_a_run_without_settings_takes_them_back_too_and_says_what_it_changed(runs):
    runs.cut_off()
    result, error, _warnings = runs.run()
    assert "The settings that an earlier run, which was cut off, wrote were rolled back" in error
    assert {key: result[key] for key in ("changed", "restarted", "rolled_back", "changes")} == {
        "changed": True,
        "restarted": True,
        "rolled_back": True,
        "changes": [{"key": NAME, "action": "removed"}],
    }
    assert runs.file.read_bytes() == runs.at_first
    assert (runs.left(), runs.run()[1]) == ([], "")


def test_other_settings_mend_it(runs):
    runs.cut_off()
    result, error, _warnings = runs.run(GOOD)
    assert (error, result["changed"], runs.left()) == ("", True, [])
    assert runs.host.containers["api"]["environment"][NAME] == GOOD


def test_two_runs_cut_off_one_after_the_other_lead_back_to_the_first_content(runs):
    runs.cut_off()
    worse = SettingsRequest(settings={"globalSettings__sendDefaultHashKey": "x"})
    file = Journal(str(runs.host.bwdata)).unproven["global"].file
    plan = file.plan(worse)
    journal = Journal(str(runs.host.bwdata))
    journal.begin(file, plan.before, plan.after)
    assert runs.run()[0]["rolled_back"] is True, "killed before its write"
    assert runs.file.read_bytes() == runs.at_first

    runs.cut_off()
    plan = file.plan(worse)
    Journal(str(runs.host.bwdata)).begin(file, plan.before, plan.after)
    file.exchange(plan.before, plan.after)
    assert runs.run()[0]["rolled_back"] is True, "killed after its write"
    assert runs.file.read_bytes() == runs.at_first


def test_what_another_process_has_changed_since_stays_and_the_old_content_becomes_a_backup(runs):
    runs.cut_off()
    edited = runs.at_first + b"globalSettings__hibpApiKey=by-hand\n"
    runs.file.write_bytes(edited)
    _result, error, warnings = runs.run()
    assert (error, runs.file.read_bytes()) == ("", edited)
    assert "another process has changed the file since" in warnings[0]
    (backup,) = runs.left()
    assert (runs.file.parent / backup).read_bytes() == runs.at_first


@pytest.mark.parametrize("options", [{"wait": False}, {"state": "stopped"}, {"rollback": False}])
def test_who_does_not_prove_it_keeps_the_old_content(runs, options):
    runs.cut_off()
    runs.run(**options)
    assert runs.left() == [".bitwarden-journal-global.json"]
    assert runs.run()[0]["rolled_back"] is True


@pytest.mark.parametrize("options", [{"wait": False}, {"state": "stopped"}, {"rollback": False}, {}])
def test_a_run_that_comes_to_its_end_leaves_nothing(runs, options):
    runs.run(GOOD, **options)
    assert runs.left() == []


def test_a_file_that_cannot_be_written_changes_nothing_and_leaves_nothing(runs, monkeypatch):
    rename = os.rename

    def fail(source, target):
        if target == str(runs.file):
            raise OSError(16, "Device or resource busy")
        rename(source, target)

    monkeypatch.setattr(atomic_file.os, "rename", fail)
    result, error, _warnings = runs.run(GOOD, backup=True)
    assert "cannot be written: Device or resource busy" in error
    told = {key: result[key] for key in ("changed", "restarted", "rolled_back", "changes", "backup_file", "preflight")}
    assert told == {
        "changed": False,
        "restarted": False,
        "rolled_back": False,
        "changes": [],
        "backup_file": None,
        "preflight": None,
    }
    assert (runs.left(), runs.host.done) == ([], [])


def test_what_was_done_before_a_signal_is_told(runs, monkeypatch):
    def wait(run, changed_at):
        raise Terminated("SIGTERM")

    monkeypatch.setattr(apply_module._Run, "_wait", wait)
    module, settings = runs.module(GOOD)
    with pytest.raises(Terminated) as caught:
        server.run(module, settings)
    result = caught.value.result()
    assert (result["changed"], result["restarted"], result["rolled_back"]) == (True, True, False)
    assert result["changes"] == [{"key": NAME, "action": "added"}]
    assert runs.left() == [".bitwarden-journal-global.json"], "the next run cannot take it back"


@pytest.mark.parametrize(("replaced", "changed"), [(1, False), (2, True)], ids=["the record", "the file"])
def test_a_signal_during_the_write_does_not_tell_what_was_only_planned(runs, monkeypatch, replaced, changed):
    calls = []

    def end(folder):
        calls.append(folder)
        if len(calls) == replaced:
            raise Terminated("SIGTERM")

    monkeypatch.setattr(atomic_file, "sync_folder", end)
    module, settings = runs.module(GOOD)
    with pytest.raises(Terminated) as caught:
        server.run(module, settings)
    result = caught.value.result()
    assert (result["changed"], result["restarted"], bool(result["changes"])) == (changed, False, changed)


def test_a_failed_rollback_can_be_repeated(runs, monkeypatch):
    rename = os.rename
    content = []

    def fail(source, target):
        content.append(target)
        if content.count(str(runs.file)) == 2:
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(atomic_file.os, "rename", fail)
    result, error, _warnings = runs.run(BAD)
    assert (result["rolled_back"], result["changed"]) == (False, True)
    assert "could not be rolled back, but then: " in error
    monkeypatch.undo()
    monkeypatch.setattr(apply_module, "Clock", lambda: runs.host.clock)
    runs.host.install(monkeypatch)
    assert runs.run()[0]["rolled_back"] is True
    assert runs.file.read_bytes() == runs.at_first


def test_a_damaged_record_is_refused_and_named(runs):
    path = runs.file.parent / ".bitwarden-journal-global.json"
    path.write_text(json.dumps({"before": 1}))
    assert "is damaged. Remove it once" in runs.run(GOOD)[1]
    assert runs.file.read_bytes() == runs.at_first


def test_what_killed_runs_left_is_removed_but_not_in_check_mode(runs):
    left = runs.file.parent / f"{atomic_file.PREFIX}1234"
    left.write_text("canary")
    runs.run(check_mode=True)
    assert left.exists()
    runs.run()
    assert not left.exists()


@pytest.mark.parametrize("options", [{}, {"state": "restarted"}, {"state": "restarted", "pull": False}])
def test_what_the_cut_off_run_broke_is_not_taken_for_trouble_from_before(runs, options):
    runs.cut_off()
    assert runs.run(**options)[0]["rolled_back"] is True
    assert runs.file.read_bytes() == runs.at_first


def test_nor_where_other_settings_are_written_on_top(runs):
    runs.cut_off()
    module, _settings = runs.module(None)
    more = SettingsRequest(file="mssql", settings={"BACKUP_DB": "0"})
    with pytest.raises(BitwardenError, match="this run and an earlier run, which was cut off, wrote were rolled back"):
        server.run(module, more)
    assert (runs.host.bwdata / "env" / "mssql.override.env").read_text() == "ACCEPT_EULA=Y\n"
    assert runs.file.read_bytes() == runs.at_first
