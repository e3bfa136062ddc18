# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Updates killed at every step, and those that take back or complete them, too: nothing is lost, nothing is left."""

from __future__ import annotations

import errno
import shutil

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common import atomic_file
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import Terminated
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore import journal as restore_journal
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._update import (
    cut_off,
    journal,
    new_server,
    old_server,
    rollback,
    serving,
    trial,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._update import run as run_module
from ansible_collections.selfhosted.bitwarden.plugins.modules import update

from tests.support.killing import hit_at_every_line

from .conftest import NEW, OLD, files, scripts_up_to

FORTH = [run_module, journal, new_server, old_server, serving, trial]
FAULTS = {
    "none": lambda host, database: None,
    "migration": lambda host, database: setattr(host, "setup", "crash at migration"),
    "logs": lambda host, database: setattr(host, "logs", "1 Migration failed.\n"),
}


class Installation:
    """What a killed run can change, to go back to it before each kill."""

    def __init__(self, host, database, tmp_path):
        self.host, self.database = host, database
        self.state, self.copy = tmp_path / "state", tmp_path / "copy"
        self.keep()

    def keep(self):
        """Have it as it is now be the one to go back to."""
        self.kept = self.copy / str(len(list(self.copy.glob("*"))))
        shutil.copytree(self.host.bwdata.parent, self.kept / "files", symlinks=True)
        self.host.remember(self.kept / "state", self.database)

    def before(self):
        """Remember what the process that is about to be killed knows."""
        self.host.remember(self.state, self.database)

    def killed(self):
        """Take that over; a user writes, if that is possible. Return how many rows there are."""
        self.host.recall(self.state, self.database)
        if self.host.containers.get("api", {}).get("state") == "running":
            self.database.databases["vault"]["Cipher"] += 1
        return dict(self.database.databases["vault"])

    def back(self):
        """Go back."""
        for path in self.host.bwdata.parent.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(self.kept / "files", self.host.bwdata.parent, symlinks=True, dirs_exist_ok=True)
        self.host.recall(self.kept / "state", self.database)


@pytest.fixture
def installation(host, database, tmp_path):
    return Installation(host, database, tmp_path)


def is_whole(host, database, rows, result, phase):
    assert result["failed"] is False, (phase, result["msg"])
    assert host.versions() == {NEW}, phase
    assert database.scripts == scripts_up_to(NEW)
    assert database.databases["vault"] == rows, phase
    assert not list(host.bwdata.parent.rglob(".bitwarden-*")), phase
    assert not list((host.bwdata / "mssql/backups").glob("*.bak")), phase


@pytest.mark.parametrize(("fault", "modules", "every", "phases"), [
    ("none", FORTH, 13, {"preparing", "replacing", "database", "serving"}),
    ("none", [restore_journal], 27, {"replacing", "proven"}),
    ("migration", [rollback, restore_journal], 17, {"database", "taken_back"}),
    ("logs", [rollback], 2, {"database", "taken_back"}),
])  # fmt: skip
def test_killed_at_any_line_the_next_run_ends_at_a_whole_version(
    host, database, run, installation, fault, modules, every, phases
):
    """Also in its rollback: the next run has the server on the new version, with all rows, and nothing is left."""
    FAULTS[fault](host, database)
    ends = set()
    for _line in hit_at_every_line(run, modules, before=installation.before, every=every):
        rows = installation.killed()
        phase = journal.UpdateJournal(str(host.bwdata)).phase
        ends.add(phase)
        host.setup = host.logs = ""
        is_whole(host, database, rows, run(), phase)
        installation.back()
        FAULTS[fault](host, database)
    assert ends >= phases
    result = run()
    assert (result["failed"], result["rolled_back"]) == (fault != "none", fault != "none"), result["msg"]


@pytest.mark.parametrize(("cut_off_at", "fault", "phases"), [
    ("replacing", "none", {"replacing", "taken_back"}),
    ("database", "none", {"database", "taken_back"}),
    ("serving", "none", {"serving"}),
    ("serving", "logs", {"serving", "database", "taken_back"}),
])  # fmt: skip
def test_the_run_that_settles_it_can_be_killed_as_well(
    host, database, run, installation, monkeypatch, cut_off_at, fault, phases
):
    with monkeypatch.context() as context:
        if cut_off_at == "replacing":
            context.setattr(old_server, "Dump", DumpAndNoMore)
        elif cut_off_at == "database":
            context.setattr(run_module.Update, "_migrate", _cut_off)
        else:
            context.setattr(serving.Serving, "proofs", _cut_off)
        with pytest.raises(Terminated):
            run()
    assert journal.UpdateJournal(str(host.bwdata)).phase == cut_off_at
    installation.keep()
    FAULTS[fault](host, database)
    ends = set()
    for _line in hit_at_every_line(run, [rollback, cut_off], before=installation.before, every=3):
        rows = installation.killed()
        phase = journal.UpdateJournal(str(host.bwdata)).phase
        ends.add(phase)
        host.logs = ""
        is_whole(host, database, rows, run(), phase)
        installation.back()
        FAULTS[fault](host, database)
    assert ends >= phases


class DumpAndNoMore(old_server.Dump):
    """By then the files are replaced, and the containers of the new version are created."""

    def verify(self, _engine):
        _cut_off()


def _cut_off(*_arguments):
    raise Terminated("SIGKILL")


@pytest.mark.parametrize("in_volume", [False, True])
def test_what_users_wrote_to_a_new_version_is_kept_where_it_cannot_be_completed(
    host, database, run, monkeypatch, in_volume
):
    """It may have been serving for days since the run was cut off."""
    if in_volume:
        (host.bwdata / "config.yml").write_text("url: https://vault.example.com\ndatabase_docker_volume: true\n")
    with monkeypatch.context() as context:
        context.setattr(serving.Serving, "proofs", _cut_off)
        with pytest.raises(Terminated):
            run()
    (host.bwdata / "mssql/data/master.mdf").write_text("with what users wrote")
    host.logs = "1 Migration failed.\n"
    result = run()
    assert "The update that was cut off cannot be completed" in result["msg"]
    if in_volume:
        assert "It is not taken back either" in result["msg"]
        assert host.versions() == {NEW}
        host.logs = ""
        assert run()["failed"] is False
        return
    assert host.versions() == {OLD}
    (kept,) = result["kept"]
    assert f"What was written to it since is only in {kept}." in result["msg"]
    assert (host.bwdata / kept / "master.mdf").read_text() == "with what users wrote"


def cut_off_in(phase, context, host):
    """Cut the run off once files are replaced, while the database is migrated, or in the rollback from there."""
    if phase == "replacing":
        context.setattr(journal.UpdateJournal, "put_script", _cut_off)
    elif phase == "database":
        context.setattr(run_module.Update, "_migrate", _cut_off)
    else:
        host.setup = "crash at migration"
        context.setattr(rollback.Rollback, "_restore_database", _cut_off)


@pytest.mark.parametrize("in_volume", [False, True])
@pytest.mark.parametrize(("phase", "on", "becomes"), [
    ("replacing", OLD, "updated"),
    ("replacing", NEW, "taken back"),
    ("database", OLD, "taken back"),
    ("database", NEW, "updated"),
    ("database", NEW, "not migrated"),
    ("rollback", OLD, "taken back"),
])  # fmt: skip
def test_what_users_wrote_stays_where_the_server_was_started_since(
    host, database, run, monkeypatch, phase, on, becomes, in_volume
):
    """By hand, by a service of the host, or by Docker after a reboot, which starts containers that are only stopped."""
    if in_volume:
        (host.bwdata / "config.yml").write_text("url: https://vault.example.com\ndatabase_docker_volume: true\n")
    with monkeypatch.context() as context:
        cut_off_in(phase, context, host)
        with pytest.raises(Terminated):
            run()
    host.setup = ""
    host.version = on
    host.start()
    if on == NEW and becomes == "updated":
        database.migrate(NEW)  # as the services do when they start
    database.databases["vault"]["Cipher"] += 1
    rows = dict(database.databases["vault"])
    (host.bwdata / "mssql/data/master.mdf").write_text("with what users wrote")
    result = run()
    if becomes == "updated":
        is_whole(host, database, rows, result, phase)
        return
    if becomes == "not migrated":
        assert "migrations: 2026-09-01_00_Users.sql, 2026-09-08_00_Organizations.sql did not run." in result["msg"]
    else:
        assert f"The server was started on {on} after an update to {NEW} had been cut off." in result["msg"]
    if in_volume and becomes == "not migrated":
        assert "It is not taken back either" in result["msg"]
        return
    if in_volume:
        assert "To go back without that, stop the server (bitwarden.sh stop) and run update again." in result["msg"]
        assert (host.versions(), database.databases["vault"]) == ({on}, rows)
        host.containers.clear()
        assert (run()["failed"], host.versions()) == (False, {NEW})
        return
    (kept,) = result["kept"]
    assert f"What was written to it since is only in {kept}." in result["msg"]
    assert (host.bwdata / kept / "master.mdf").read_text() == "with what users wrote"
    assert (result["rolled_back"], host.versions()) == (True, {OLD})


def test_what_was_taken_back_stays_where_only_leftovers_are_not_removed(host, database, run, monkeypatch):
    host.setup = "crash at migration"
    with monkeypatch.context() as context:
        context.setattr(journal.UpdateJournal, "_remove_folder", _unless_begun)
        with pytest.raises(Terminated):
            run()
    host.setup = ""
    database.databases["vault"]["Cipher"] += 1
    rows = dict(database.databases["vault"])
    is_whole(host, database, rows, run(), "taken back")


def _unless_begun(self):
    """Cut a run off when it removes its journal, and not when it begins one."""
    if self.state is not None:
        raise Terminated("SIGKILL")


def test_files_are_moved_aside_again_where_the_run_that_settles_an_update_goes_back_itself(
    host, database, run, monkeypatch
):
    """Else the old SQL Server would be started on the files of the new one."""
    host.on("2026.6.0")
    database.scripts = scripts_up_to("2026.6.0")
    with monkeypatch.context() as context:
        context.setattr(run_module.Update, "_migrate", _cut_off)
        with pytest.raises(Terminated):
            run()
    host.setup = "crash at migration"
    result = run()
    assert (result["rolled_back"], host.versions()) == (True, {"2026.6.0"}), result["msg"]
    assert len(list((host.bwdata / "mssql").glob("data.after-update-*"))) == 2


def test_converted_files_in_a_volume_are_left_to_a_restore(host, database, run, monkeypatch):
    """There is no rollback then, which rollback=false accepts."""
    host.on("2026.6.0")
    database.scripts = scripts_up_to("2026.6.0")
    (host.bwdata / "config.yml").write_text("url: https://vault.example.com\ndatabase_docker_volume: true\n")
    with monkeypatch.context() as context:
        context.setattr(run_module.Update, "_migrate", _cut_off)
        with pytest.raises(Terminated):
            run(rollback=False)
    done = list(host.done)
    result = run(rollback=False)
    assert "cannot read them. Remove" in result["msg"]
    assert "restore the backup /" in result["msg"]
    assert host.done == done


def test_a_signal_in_the_rollback_tells_what_has_changed(host, database, run, monkeypatch):
    monkeypatch.setattr(rollback.Rollback, "go", _cut_off)
    host.setup = "crash at migration"
    with pytest.raises(Terminated) as ended:
        run()
    assert ended.value.keys["changed"] is True
    assert ended.value.keys["backup"]


def test_on_a_full_disk_the_old_version_serves(host, database, run, installation, monkeypatch):
    """The rollback, over a step of the engine, has space that was kept for it, and puts back by renaming."""
    host.on("2026.6.0")
    database.scripts = scripts_up_to("2026.6.0")
    put, release = atomic_file.put, journal.UpdateJournal.release
    before, left, ends = files(host), [0], set()

    def put_while_there_is_space(path, data, **options):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device", path)
        put(path, data, **options)

    def released(self):
        had = (host.bwdata / ".bitwarden-update/reserve").exists()
        release(self)
        left[0] += 100 * (had and not (host.bwdata / ".bitwarden-update/reserve").exists())

    monkeypatch.setattr(atomic_file, "put", put_while_there_is_space)
    monkeypatch.setattr(journal.UpdateJournal, "release", released)
    for count in range(100):
        left[0] = count
        result = run()
        if not result["failed"]:
            break
        assert "No space left on device" in result["msg"]
        assert (host.versions(), files(host)) == ({"2026.6.0"}, before), result["msg"]
        assert database.scripts == scripts_up_to("2026.6.0")
        assert not list(host.bwdata.glob(".bitwarden-*"))
        ends.add((result["rolled_back"], result["msg"].endswith("The server was not touched.")))
    assert ends == {(False, True), (True, False)}


def test_containers_of_a_killed_run_are_removed(host, database, run):
    own, other = str(host.bwdata / ".bitwarden-update/new"), "/srv/other/bwdata"
    host.leftovers = [
        {"Id": f"{name}-left", "Mounts": [{"Source": source}]} for name, source in (("own", own), ("other", other))
    ]
    (host.bwdata / journal.UPDATE_FOLDER).mkdir()
    host.on(NEW)
    assert run(check_mode=True)["changed"] is False
    assert len(host.leftovers) == 2
    assert run()["changed"] is False
    assert [one["Id"] for one in host.leftovers] == ["other-left"]
    assert not (host.bwdata / journal.UPDATE_FOLDER).exists()
    assert update.NOTHING["rolled_back"] is False
