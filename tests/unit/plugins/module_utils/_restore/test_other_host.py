# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores on a host without a server, and with the version of the set: what comes with it, and what is left of it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup import plan as plan_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.sets import read_set
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import Result
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import Terminated
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.problem import Problem
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._database.sqlcmd import DatabaseError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment import health_wait
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.client import Response
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install import host as install_host
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore import journal as restore_journal
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore import new_host as new_host_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore import release as release_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore import run as restore_run
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore import server as restore_server

from tests.support.killing import hit_at_every_line

from .._update.conftest import UpdateHost, files, script
from .restore_host import ALL, RowsDatabase
from .test_restore import CANARIES, Runs

OLD, NEW = "2026.6.0", "2026.9.0"
ENGINES = {OLD: "16", NEW: "17"}
VOLUME = "docker_mssql_data"


class OtherHost(UpdateHost):
    """Compose reads a project wherever it is."""

    reading = None
    owner = None

    def _compose(self, arguments, environment):
        if arguments[0] == "version":
            return Result(0, "2.39.1\n", "")
        self.reading = Path(environment["COMPOSE_FILE"].split(":")[0]).parent
        return super()._compose(arguments, environment)

    def use_volume(self):
        """Have SQL Server keep its files in a Docker volume."""
        mounted = {"type": "volume", "source": "mssql_data", "target": "/var/opt/mssql/data"}
        self.compose_services["mssql"] = {"volumes": [mounted]}
        self.compose_top["volumes"] = {"mssql_data": {"name": VOLUME}}

    def _up(self, everything=False, only=None):
        self.volumes |= {VOLUME} if "volumes" in self.compose_top else set()
        super()._up(everything, only)

    def request(self, method, path, timeout, body=None):
        if method == "DELETE" and path.startswith("/volumes/"):
            self.volumes.remove(path.rpartition("/")[2])
            return Response(204, None)
        return super().request(method, path, timeout, body)

    def _has(self, name):
        return (self.reading.parent / name).is_file()

    def find_account(self, owner, parent):
        self.owner = owner
        return self.account if owner != "nobody here" else Problem("owner: the user nobody here does not exist.")


class FileDatabase(RowsDatabase):
    """Its rows are in the files of SQL Server, which no older engine reads."""

    @property
    def databases(self):
        path = self._data / "vault.json"
        return {"master": None, **({"vault": json.loads(path.read_text())} if path.is_file() else {})}

    @databases.setter
    def databases(self, given):
        self.write(given["vault"])

    def write(self, rows):
        (self._data / "vault.json").write_text(json.dumps(rows))
        (self._data / "engine").write_text(ENGINES[self.host.version])

    @property
    def _data(self):
        return self.host.bwdata / "mssql/data"

    def run(self, statement):
        if statement.startswith("RESTORE DATABASE"):
            self._refuse(statement)
            rows, self.keys, self.organizations, _engine = json.loads(self._bak(statement).read_text())
            self.write(rows)
        else:
            super().run(statement)
        if statement.startswith("BACKUP"):
            path = self._bak(statement)
            path.write_text(json.dumps([*json.loads(path.read_text()), self.engine]))

    def rows(self, statement):
        engine = json.loads(self._bak(statement).read_text())[-1]
        return [{**super().rows(statement)[0], "SoftwareVersionMajor": engine}]

    def _refuse(self, statement):
        self.engine, engine = ENGINES[self.host.version], self._data / "engine"
        if engine.is_file() and engine.read_text() > self.engine:
            raise DatabaseError("The files of the database are of a newer SQL Server.")
        super()._refuse(statement)


@pytest.fixture
def host(tmp_path, monkeypatch):
    made = OtherHost(tmp_path / "srv" / "bitwarden" / "bwdata").install(monkeypatch)
    for folder in ("mssql/data", "mssql/backups"):
        (made.bwdata / folder).mkdir(parents=True)
    for module in (new_host_module, install_host):
        monkeypatch.setattr(module, "Commands", lambda account, environ: made)
    monkeypatch.setattr(install_host, "EngineClient", lambda commands, docker: made)
    monkeypatch.setattr(release_module, "listening", lambda port: made.listening.get(str(port), ""))
    monkeypatch.setattr(new_host_module, "find_account", made.find_account)
    monkeypatch.setattr(restore_server, "Clock", lambda: made.clock)
    monkeypatch.setattr(health_wait, "Clock", lambda: made.clock)
    monkeypatch.setattr(os, "sync", lambda: None)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    made.fill()
    made.health = "healthy"
    return made.on(OLD)


@pytest.fixture
def database(host, monkeypatch):
    fake = FileDatabase(host)
    for module in (plan_module, restore_server):
        monkeypatch.setattr(module, "running_server", lambda *_: fake)
    return fake


@pytest.fixture
def runs(host, database, tmp_path):
    return Runs(host, database, tmp_path)


def lose(host):
    """Have a host with Docker and nothing else."""
    shutil.rmtree(host.bwdata.parent.parent)
    host.containers.clear()
    host.done.clear()


def is_whole(host, database, version=OLD):
    there = {name: content.decode() for name, content in files(host).items()}
    generated = "docker/docker-compose.yml"
    assert {name: there.get(name, "") for name in ALL} == {**ALL, generated: there[generated]}
    assert files(host)["bitwarden.sh"] == script("bitwarden.sh", version).encode()
    assert (host.bwdata / "scripts/run.sh").read_text() == script("run.sh", version)
    assert os.access(host.bwdata / "scripts/run.sh", os.X_OK)
    assert host.versions() == {version}
    assert {one["state"] for one in host.containers.values()} == {"running"}
    assert list(host.bwdata.glob(".bitwarden*")) == []
    assert list((host.bwdata / "mssql/backups").glob("*restore*")) == []
    assert (database.users, database.engine) == (2, ENGINES[version])
    return True


@pytest.mark.parametrize("before", ["nothing", "an empty folder", "a script"])
@pytest.mark.parametrize("archive", [False, True])
def test_a_host_without_a_server_has_it_afterwards(host, database, runs, archive, before):
    path = runs.back_up(archive=archive)
    lose(host)
    if before != "nothing":
        (host.bwdata if before == "an empty folder" else host.bwdata.parent).mkdir(parents=True)
    if before == "a script":
        (host.bwdata.parent / "bitwarden.sh").write_text("#!/bin/bash\n# of another version\n")
    image = "ghcr.io/bitwarden/api:2026.6.0"
    host.missing_images = {image}
    predicted = runs.restore(path, check_mode=True)
    assert (predicted["failed"], predicted["changed"], predicted["new_host"]) == (False, True, True), predicted["msg"]
    assert host.done == []
    assert host.bwdata.exists() == (before == "an empty folder")
    done = runs.restore(path, owner="vault")
    assert (done["failed"], done["safety_backup"], host.owner) == (False, None, "vault"), done["msg"]
    assert [one for one in done["proof"] if not one["ok"]] == []
    assert is_whole(host, database)
    assert f"pull {image}" in host.done
    assert (host.bwdata / "env/uid.env").read_text() == f"LOCAL_UID={os.getuid()}\nLOCAL_GID={os.getgid()}\n"
    assert {key: done[key] for key in ("parts", "diff")} == {key: predicted[key] for key in ("parts", "diff")}
    assert "Make sure that it does not run elsewhere" in str(done["warnings"])
    assert not [one for one in CANARIES if one in str(done) + str(predicted)]


def forget(path, *names):
    """Have a set that was made without files."""
    manifest = Path(path) / "manifest.json"
    found = json.loads(manifest.read_text())
    found["files"] = [one for one in found["files"] if one["path"] not in names]
    manifest.write_text(json.dumps(found))
    for name in names:
        (Path(path) / name).unlink()


def test_all_that_stands_against_it_is_told_at_once(host, runs):
    path = runs.back_up()
    forget(path, "bwdata/nginx/default.conf")
    lose(host)
    host.compose_services["nginx"] = {"ports": [{"target": 8443, "published": "443", "protocol": "tcp"}]}
    host.listening = {"443/tcp": "caddy (process 7)"}
    host.other("bitwarden-api")
    host.missing_images, host.unknown_images = {"ghcr.io/bitwarden/icons:2026.6.0"}, ("icons:2026.6.0",)
    for check_mode in (True, False):
        result = runs.restore(path, check_mode=check_mode, confirm="11111111-2222-4333-8444-555555555555")
        assert (result["failed"], result["changed"]) == (True, False)
        for part in (
            "confirm is 11111111",
            "was made without bwdata/nginx/default.conf (configuration)",
            "Container names of",
            "are taken by containers that Compose did not create: bitwarden-api",
            "Port 443/tcp, which nginx publishes, is taken by caddy (process 7)",
            "The image ghcr.io/bitwarden/icons:2026.6.0 is not local, and its registry does not give it",
            "Nothing was changed.",
        ):
            assert part in result["msg"]
        assert (host.done, host.bwdata.parent.exists()) == ([], False)


def test_the_owner_and_docker_are_needed(host, runs, monkeypatch):
    path = runs.back_up()
    lose(host)
    host.other("bitwarden-api")
    message = runs.restore(path, owner="nobody here")["msg"]
    assert "the user nobody here does not exist" in message
    assert "are taken by containers that Compose did not create: bitwarden-api" in message
    message = runs.restore("/no/set", owner="nobody here")["msg"]
    assert "/no/set cannot be read" in message and "the user nobody here does not exist" in message
    monkeypatch.setattr(OtherHost, "find", lambda *_: None)
    assert "Docker is not installed here" in runs.restore(path)["msg"]
    assert not host.bwdata.exists()


OF_RELEASE = {
    "scripts/bitwarden.sh": "(scripts)",
    "bwdata/scripts/run.sh": "(scripts)",
    "bwdata/config.yml": "(configuration)",
    "bwdata/docker/docker-compose.yml": "(configuration)",
    "bwdata/docker/global.env": "(configuration)",
    "bwdata/env/global.override.env": "(settings)",
    "bwdata/env/mssql.override.env": "(settings)",
    "bwdata/identity/identity.pfx": "(identity certificate)",
}


@pytest.mark.parametrize("name", OF_RELEASE)
def test_a_set_that_was_made_without_a_part_that_a_new_host_needs(host, runs, name):
    path = runs.back_up()
    forget(path, name)
    lose(host)
    message = runs.restore(path, check_mode=True)["msg"]
    assert f"was made without {name} {OF_RELEASE[name]}. Restored like that, this would be lost: " in message


@pytest.mark.parametrize("fault", ["SQL Server", "api", "pull"])
def test_a_failure_leaves_a_host_without_a_server_as_it_was(host, database, runs, fault):
    path = runs.back_up()
    lose(host)
    host.other("proxy", "web", "others")
    if fault == "pull":
        host.missing_images, host.unpullable = {"ghcr.io/bitwarden/api:2026.6.0"}, ("api:2026.6.0",)
    elif fault == "api":
        host.api_version = "2026.7.0"
    else:
        database.fails = ("RESTORE DATABASE",)
    result = runs.restore(path)
    assert (result["failed"], result["rolled_back"], result["changed"]) == (True, fault != "pull", fault != "pull")
    assert ("Nothing was changed" if fault == "pull" else "was removed again") in result["msg"]
    assert not host.bwdata.parent.exists()
    assert (host.containers, len(host.others)) == ({}, 1)
    assert not [one for one in CANARIES if one in str(result)]
    host.unpullable, host.api_version, database.fails = (), "", ()
    assert runs.restore(path)["failed"] is False
    assert is_whole(host, database)


def test_a_volume_of_sql_server_is_new_on_a_new_host(host, database, runs):
    path = runs.back_up()
    lose(host)
    host.use_volume()
    host.volumes = {VOLUME}
    assert f"The volume {VOLUME} exists on this host" in runs.restore(path)["msg"]
    assert host.volumes == {VOLUME}
    host.volumes = set()
    database.fails = ("RESTORE DATABASE",)
    result = runs.restore(path)
    assert (result["rolled_back"], host.volumes) == (True, set())


def test_what_failed_on_a_new_host_can_be_kept(host, runs):
    path = runs.back_up()
    lose(host)
    host.api_version = "2026.7.0"
    result = runs.restore(path, rollback=False)
    assert (result["failed"], result["rolled_back"]) == (True, False)
    assert "Nothing was rolled back" in result["msg"]
    assert (host.bwdata / "config.yml").is_file()


@pytest.mark.parametrize("fails", [False, True])
def test_killed_on_a_new_host(host, database, runs, tmp_path, fails):
    """The next run has the server there, or nothing of it."""
    path, state = runs.back_up(), tmp_path / "state"
    database.scripts = []
    lose(host)
    killed = hit_at_every_line(
        lambda: runs.restore(path), [restore_run, new_host_module, restore_journal],
        before=lambda: host.remember(state, Frozen(database)), every=37,
    )  # fmt: skip
    lines = 0
    for _line in killed:
        lines += 1
        host.recall(state, Frozen(database))
        left = restore_journal.RestoreJournal(str(host.bwdata)).state
        proven = (host.bwdata / "config.yml").is_file() and (left is None or left.phase == "proven")
        host.api_version = "2026.7.0" if fails else ""
        result = runs.restore(path)
        if fails and not proven:
            assert (result["failed"], result["rolled_back"]) == (True, True)
            assert not host.bwdata.parent.exists()
            assert host.containers == {}
        elif not fails:
            assert result["failed"] is False, result["msg"]
            assert is_whole(host, database)
        shutil.rmtree(host.bwdata.parent.parent, ignore_errors=True)
        host.containers.clear()
        host.api_version = ""
    assert lines > 10


@pytest.mark.parametrize("can_be_backed_up", [True, False])
def test_what_users_wrote_on_a_new_host_since_a_restore_was_cut_off_is_kept(
    host, database, runs, monkeypatch, can_be_backed_up
):
    path = runs.back_up()
    lose(host)
    with monkeypatch.context() as context:
        context.setattr(restore_run, "server_proofs", cut_off)
        with pytest.raises(Terminated):
            runs.restore(path)
    database.write({**database.databases["vault"], "User": 9})
    database.fails = () if can_be_backed_up else ("BACKUP",)
    result = runs.restore(path)
    assert result["failed"] is not can_be_backed_up, result["msg"]
    if can_be_backed_up:
        assert [read_set(one).manifest.database.counts["User"] for one in result["kept"]] == [9]
        assert is_whole(host, database)
    else:
        assert "The safety backup failed" in result["msg"]
        assert result["msg"].endswith("Nothing was changed.")
        assert (database.users, host.versions()) == (9, {OLD})


def cut_off(*_arguments):
    raise Terminated("SIGTERM")


class Frozen:
    """A database whose rows are in files has nothing else to remember."""

    def __init__(self, _database):
        self.databases, self.scripts = {}, ()


@pytest.fixture
def updated(host, database, runs):
    """Return a set of the old version; the host was updated over a step of the engine since, and has other rows."""
    path = runs.back_up()
    host.on(NEW)
    database.write({"User": 7, "Organization": 1, "Cipher": 5, "Migration": 400})
    (host.bwdata / "docker/new-service.env").write_text("of the new version")
    (host.bwdata / "scripts/mine.sh").write_text("of the user")
    return path


def test_back_over_a_step_of_the_engine(host, database, runs, updated):
    """Without the option the database comes to the version that is here, which has a newer SQL Server."""
    predicted = runs.restore(updated, check_mode=True, allow_other_version=True)
    assert predicted["failed"] is False, predicted["msg"]
    assert f"version={NEW}" in predicted["diff"]["before"]
    assert f"version={OLD}" in predicted["diff"]["after"]
    done = runs.restore(updated, allow_other_version=True)
    assert done["failed"] is False, done["msg"]
    assert is_whole(host, database)
    (kept,) = done["kept"]
    assert json.loads((Path(kept) / "vault.json").read_text())["User"] == 7
    assert (Path(kept) / "engine").read_text() == "17"
    assert (host.bwdata / "scripts/mine.sh").read_text() == "of the user"
    told = str(done["warnings"])
    assert f"The server goes from {NEW} to {OLD}" in told
    assert "files of SQL Server 2025, and the set is of SQL Server 2022" in told
    # And forwards again, by the safety backup.
    back = runs.restore(done["safety_backup"], allow_other_version=True, safety_backup=False)
    assert back["failed"] is False, back["msg"]
    assert (host.versions(), database.users, database.engine) == ({NEW}, 7, "17")


@pytest.mark.parametrize("fault", ["SQL Server", "api"])
def test_a_step_back_that_is_not_proven_is_rolled_back(host, database, runs, updated, fault):
    before = files(host)
    if fault == "api":
        host.api_version = "2026.7.0"
    else:
        database.fails = ("RESTORE DATABASE",)
    result = runs.restore(updated, allow_other_version=True)
    assert (result["failed"], result["changed"], result["rolled_back"]) == (True, True, True), result["msg"]
    database.fails = ()
    assert (files(host), host.versions(), database.users) == (before, {NEW}, 7)
    assert database.value("ProductMajorVersion") == "17"


def test_a_step_back_that_failed_can_be_kept(host, runs, updated):
    host.api_version = "2026.7.0"
    result = runs.restore(updated, allow_other_version=True, rollback=False)
    (kept,) = result["kept"]
    assert (Path(kept) / "bitwarden.sh").read_text() == script("bitwarden.sh", NEW)
    assert (Path(kept) / "mssql/data/engine").read_text() == "17"


def test_a_step_back_that_is_killed(host, database, runs, updated, tmp_path):
    """The next run takes it back and begins again, by what was there before the first one."""
    state = tmp_path / "state"
    killed = hit_at_every_line(
        lambda: runs.restore(updated, allow_other_version=True), [restore_run, restore_journal],
        before=lambda: host.remember(state, Frozen(database)), every=97,
    )  # fmt: skip
    lines = 0
    for _line in killed:
        lines += 1
        host.recall(state, Frozen(database))
        result = runs.restore(updated, allow_other_version=True)
        assert result["failed"] is False, result["msg"]
        assert is_whole(host, database)
        kept = list((host.bwdata / "mssql").glob("data.before-*"))
        assert [(one / "engine").read_text() for one in kept] == ["17"]
        shutil.rmtree(kept[0])
        host.on(NEW)
        database.write({"User": 7, "Organization": 1, "Cipher": 5, "Migration": 400})
    assert lines > 10


def test_without_leave_a_newer_set_is_refused(host, database, runs):
    host.on(NEW)
    path = runs.back_up()
    host.on(OLD)
    shutil.rmtree(host.bwdata / "mssql/data")
    (host.bwdata / "mssql/data").mkdir()
    database.write({"User": 1, "Organization": 1, "Cipher": 5, "Migration": 300})
    message = runs.restore(path, check_mode=True)["msg"]
    assert f"The set is of Bitwarden {NEW}, and this host has {OLD}" in message
    assert "set allow_other_version to true" in message
    done = runs.restore(path, allow_other_version=True)
    assert done["failed"] is False, done["msg"]
    assert host.versions() == {NEW}
