# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores on a host whose database is pretended: what is refused, what is done, proven, rolled back, and cut off."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup import plan as plan_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.make import back_up as make_backup
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.plan import BackupRequest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.sets import read_set
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError, Terminated
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment import health_wait
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.deployment import Deployment
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore import run as restore_run
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore import server as restore_server
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore import staging as restore_staging
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore.journal import RestoreJournal
from ansible_collections.selfhosted.bitwarden.plugins.modules import restore

from tests.support.killing import hit_at_every_line

from ...modules.fake_module import FakeModule
from .._backup.backup_host import KEY, ORGANIZATION
from .restore_host import ALL, CERTIFICATE_PASSWORD, INSTALLATION, PASSWORD, RestoreHost, RowsDatabase

OTHER = "11111111-2222-4333-8444-555555555555"
CANARIES = (PASSWORD, CERTIFICATE_PASSWORD, "CanaryInstallationKey", "CanaryLicenseKey")


@pytest.fixture
def host(tmp_path, monkeypatch):
    made = RestoreHost(tmp_path / "bitwarden" / "bwdata").install(monkeypatch)
    for folder in ("mssql/data", "mssql/backups"):
        (made.bwdata / folder).mkdir(parents=True)
    (made.bwdata / "mssql/data/master.mdf").write_text("of SQL Server")
    monkeypatch.setattr(restore_server, "Clock", lambda: made.clock)
    monkeypatch.setattr(health_wait, "Clock", lambda: made.clock)
    monkeypatch.setattr(os, "sync", lambda: None)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    return made.fill()


@pytest.fixture
def database(host, monkeypatch):
    fake = RowsDatabase(host)
    for module in (plan_module, restore_server):
        monkeypatch.setattr(module, "running_server", lambda *_: fake)
    return fake


class Runs:
    """Backups and restores of one host."""

    def __init__(self, host, database, folder):
        self.host = host
        self.database = database
        self.folder = folder
        self.dest = folder / "backups"

    def back_up(self, **options):
        deployment = Deployment(str(self.host.bwdata), None, {}, 7.0)
        return make_backup(deployment, BackupRequest(str(self.dest), **options)).path

    def module(self, path, **options):
        params = {"bwdata": str(self.host.bwdata), "script": None, "set": str(path), "src": None,
                  "confirm": INSTALLATION, "identity": None, "client_id": None, "client_secret": None,
                  "allow_other_installation": False, "allow_other_url": False, "allow_other_version": False,
                  "owner": None, "safety_backup": True, "safety_dest": str(self.folder / "safety"),
                  "rollback": True, "pull": True, "wait_timeout": "60s",
                  "lock_timeout": "1s", "database_timeout": "60s"}  # fmt: skip
        return FakeModule("restore", **{**params, **options})

    def restore(self, path, **options):
        """Return the result, or that of the failure, and the warnings."""
        check_mode = options.pop("check_mode", False)
        module = self.module(path, **options)
        module.check_mode = check_mode
        try:
            return {"failed": False, **restore.run(module), "warnings": module.warnings}
        except BitwardenError as error:
            return {**restore.FAILURE, "failed": True, "changed": False, **error.result(), "warnings": module.warnings}


@pytest.fixture
def runs(host, database, tmp_path):
    return Runs(host, database, tmp_path)


def files(host):
    """Return everything below bwdata but what SQL Server has, and the times of folders."""
    return {
        str(path.relative_to(host.bwdata)): path.read_text()
        for path in sorted(host.bwdata.rglob("*"))
        if path.is_file() and "mssql" not in path.parts
    }


def damage(host, database):
    """Lose the rows, the key ring, the licenses and the settings."""
    database.databases["vault"] = {"User": 0, "Organization": 0, "Cipher": 0, "Migration": 300}
    database.keys, database.organizations = [], []
    shutil.rmtree(host.bwdata / "core")
    (host.bwdata / "core/attachments").mkdir(parents=True)
    (host.bwdata / "core/attachments/later").write_text("uploaded later")
    (host.bwdata / "env/global.override.env").unlink()
    (host.bwdata / "env/mssql.override.env").write_text("DATABASE=vault\n")


def is_whole(host, database):
    there = files(host)
    assert ALL.items() <= there.items()
    assert database.users == 2
    assert list(host.bwdata.glob(".bitwarden*")) == []
    assert list((host.bwdata / "mssql/backups").glob("*restore*")) == []
    assert {one["state"] for one in host.containers.values()} == {"running"}
    return True


@pytest.mark.parametrize("archive", [False, True])
def test_a_damaged_server_is_what_it_was(host, database, runs, archive):
    path = runs.back_up(archive=archive)
    damage(host, database)
    (host.bwdata / "core/aspnet-dataprotection").mkdir()
    made_since = f"core/aspnet-dataprotection/key-{OTHER}.xml"
    (host.bwdata / made_since).write_text("<made since/>")
    predicted = runs.restore(path, safety_backup=False, check_mode=True)
    assert (predicted["failed"], predicted["changed"], host.done) == (False, True, [])
    done = runs.restore(path, safety_backup=False)
    assert (done["failed"], done["changed"], done["rolled_back"], done["safety_backup"]) == (False, True, False, None)
    assert {one["check"]: one["ok"] for one in done["proof"]} == dict.fromkeys(
        ("row counts", "newest migration", "key ring", "licenses", "identity certificate", "api version", "logs"), True
    )
    assert is_whole(host, database)
    assert files(host)[made_since] == "<made since/>"
    assert "core/attachments/later" not in files(host)
    assert {key: done[key] for key in ("parts", "diff", "set")} == {
        key: predicted[key] for key in ("parts", "diff", "set")
    }
    assert not [one for one in CANARIES if one in str(done) + str(predicted)]
    assert "Without a safety backup" in str(done["warnings"])


def test_a_login_is_part_of_the_proof(host, database, runs):
    path = runs.back_up()
    key = {"client_id": f"organization.{ORGANIZATION}", "client_secret": "CanaryClientSecret"}
    done = runs.restore(path, **key)
    assert {"check": "login", "ok": True, "detail": f"{key['client_id']} logged in"} in done["proof"]
    host.token = '{"error": "invalid_client"}'
    failed = runs.restore(path, **key)
    assert (failed["failed"], failed["rolled_back"]) == (True, True)
    assert f"login: {key['client_id']} could not log in: invalid_client" in failed["msg"]
    refused = runs.restore(path, client_id="someone", client_secret="CanaryClientSecret")
    assert (refused["changed"], "client_id must be user.<id>" in refused["msg"]) == (False, True)
    assert "CanaryClientSecret" not in f"{done} {failed} {refused}" and "CanaryToken" not in str(done)


def test_files_get_the_owner_of_this_host(host, runs):
    """That of its uid.env, which stays."""
    path = runs.back_up()
    mine = 4242 if os.geteuid() == 0 else os.getuid()
    uid_env = f"LOCAL_UID={mine}\nLOCAL_GID={mine}\n"
    (host.bwdata / "env/uid.env").write_text(uid_env)
    host.containers.clear()
    host.start()
    assert runs.restore(path)["failed"] is False
    assert (host.bwdata / "env/uid.env").read_text() == uid_env
    brought = ["config.yml", "core", "core/attachments/a/b", "env/global.override.env", "identity/identity.pfx"]
    assert {(host.bwdata / name).stat().st_uid for name in brought} == {mine}
    assert (host.bwdata / "identity/identity.pfx").stat().st_mode & 0o777 == 0o640


def test_what_is_replaced_is_backed_up_first(host, database, runs):
    path = runs.back_up()
    database.databases["vault"]["User"] = 7
    done = runs.restore(path)
    assert (done["failed"], database.users) == (False, 2)
    assert host.done == ["script stop", "up mssql", "script restart"], "files of a running server were replaced"
    assert runs.restore(done["safety_backup"])["failed"] is False
    assert database.users == 7


def test_a_diff_names_parts_and_no_content(host, runs):
    path = runs.back_up()
    diff = runs.restore(path, check_mode=True)["diff"]
    assert f"core=3 files, {sum(len(ALL[name]) for name in ALL if name.startswith('core/'))} bytes\n" in diff["before"]
    assert "core=3 files" in diff["after"]
    assert "(backup of 20" in diff["after"]
    assert "database vault=Cipher 5, Migration 300, Organization 1, User 2" in diff["after"]


LOST = {
    "database/vault.bak": "(database). Restored like that, this would be lost: all accounts",
    f"bwdata/core/aspnet-dataprotection/key-{KEY}.xml": "(key ring). Restored like that, this would be lost: every",
    "bwdata/env/global.override.env": "(settings). Restored like that, this would be lost: installation id and key",
    "bwdata/env/mssql.override.env": "(settings). Restored like that",
    "bwdata/identity/identity.pfx": "(identity certificate). Restored like that, this would be lost: all sessions",
    f"bwdata/core/licenses/organization/{ORGANIZATION}.json": "(licenses). Restored like that",
    "bwdata/core/attachments/a/b": "(attachments). Restored like that, this would be lost: files attached",
    "bwdata/config.yml": "(configuration). Restored like that",
    "bwdata/ssl/live/cert.pem": "(certificates). Restored like that",
    "scripts/bitwarden.sh": "(scripts). Restored like that",
}


@pytest.mark.parametrize("path", LOST)
@pytest.mark.parametrize("check_mode", [False, True])
def test_a_set_without_one_part_is_refused(host, database, runs, path, check_mode):
    found = runs.back_up()
    (Path(found) / path).unlink()
    before = files(host)
    result = runs.restore(found, check_mode=check_mode)
    assert (result["failed"], result["changed"]) == (True, False)
    assert f"lacks {path} {LOST[path]}" in result["msg"]
    assert result["msg"].endswith("Nothing was changed.")
    assert (files(host), host.done) == (before, [])


def test_a_changed_file_is_named(host, runs):
    found = runs.back_up()
    (Path(found) / "bwdata/identity/identity.pfx").write_text("another")
    assert "has other content than its manifest says in bwdata/identity/identity.pfx" in runs.restore(found)["msg"]


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_file_below_a_link_of_the_set_is_refused(host, runs, check_mode):
    (host.bwdata / "core/attachments/away").symlink_to("/nowhere")
    found = runs.back_up()
    manifest = Path(found) / "manifest.json"
    text = manifest.read_text()
    assert text.count("bwdata/core/attachments/a/b") == 1
    manifest.write_text(text.replace("bwdata/core/attachments/a/b", "bwdata/core/attachments/away/b"))
    result = runs.restore(found, check_mode=check_mode)
    assert "has files below links of its own: bwdata/core/attachments/away/b" in result["msg"]
    assert (result["changed"], host.done) == (False, [])


def without_keys(host, runs):
    (host.bwdata / f"core/aspnet-dataprotection/key-{KEY}.xml").unlink()
    runs.database.keys = []
    path = runs.back_up()
    manifest = Path(path) / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"protected_key_ids": []', f'"protected_key_ids": ["{KEY}"]'))
    return path


def older_server(host, runs):
    path = runs.back_up()
    host.version = "2026.6.0"
    host.containers.clear()
    host.start()
    return path


def other_server(host, runs):
    path = runs.back_up()
    for name, old, new in (
        ("env/global.override.env", INSTALLATION, OTHER),
        ("env/global.override.env", "vault.example.com", "other.example.com"),
        ("config.yml", "vault.example.com", "other.example.com"),
    ):
        (host.bwdata / name).write_text((host.bwdata / name).read_text().replace(old, new))
    host.containers.clear()
    host.start()
    return path


@pytest.mark.parametrize(
    ("make", "options", "parts"),
    [
        (lambda host, runs: runs.back_up(), {"confirm": OTHER}, [f"confirm is {OTHER}"]),
        (without_keys, {}, [f"was made without bwdata/core/aspnet-dataprotection/key-{KEY}.xml (key ring)"]),
        (
            older_server,
            {},
            ["2026.8.0, and this host has 2026.6.0", "SQL Server 2025, and this host has SQL Server 2022"],
        ),
        (
            other_server,
            {"confirm": OTHER},
            [
                f"confirm is {OTHER}",
                f"this server is {OTHER}",
                "set allow_other_installation",
                "this server is https://other.example.com",
                "set allow_other_url",
            ],
        ),
        (lambda host, runs: "/nowhere", {}, ["/nowhere cannot be read"]),
        (lambda host, runs: runs.back_up(), {"safety_dest": "inside"}, ["safety_dest: ", "safety_backup to false"]),
    ],
)
def test_all_that_stands_against_it_is_told_at_once(host, database, runs, make, options, parts):
    path = make(host, runs)
    host.done.clear()
    before = files(host)
    if options.get("safety_dest"):
        options = {"safety_dest": str(host.bwdata / "backups")}
    for check_mode in (True, False):
        result = runs.restore(path, check_mode=check_mode, **options)
        assert result["failed"]
        assert [part for part in parts if part not in result["msg"]] == []
    assert (files(host), host.done, database.users) == (before, [], 2)


def test_another_installation_and_url_where_that_is_allowed(host, database, runs):
    path = other_server(host, runs)
    done = runs.restore(path, allow_other_installation=True, allow_other_url=True)
    assert done["failed"] is False, done["msg"]
    assert is_whole(host, database)


def test_a_set_of_an_older_version(host, database, runs):
    """What the setup tool generates stays that of the host."""
    path = runs.back_up()
    host.version = "2026.9.0"
    (host.bwdata / "docker/docker-compose.yml").write_text("services: {} # of 2026.9.0\n")
    (host.bwdata.parent / "bitwarden.sh").write_text("#!/bin/bash\nCOREVERSION=2026.9.0\ncase $1 in restart) ;; esac\n")
    host.containers.clear()
    host.start()
    done = runs.restore(path)
    assert done["failed"] is False, done["msg"]
    assert "2026.9.0" in (host.bwdata / "docker/docker-compose.yml").read_text()
    assert "migrates it to 2026.9.0" in str(done["warnings"])
    assert "script rebuild" not in host.done


def test_another_password_of_sql_server(host, database, runs):
    """As on a new host: SQL Server begins again with the password of the set, and its old files are kept."""
    path = runs.back_up()
    for name in ("env/mssql.override.env", "env/global.override.env"):
        (host.bwdata / name).write_text((host.bwdata / name).read_text().replace(PASSWORD, "CanaryOther"))
    host.containers.clear()
    host.start()
    done = runs.restore(path)
    assert done["failed"] is False, done["msg"]
    (kept,) = done["kept"]
    assert (Path(kept) / "master.mdf").read_text() == "of SQL Server"
    assert list((host.bwdata / "mssql/data").iterdir()) == []
    assert is_whole(host, database)
    assert "CanaryOther" not in str(done)


FAULTS = {
    "SQL Server": lambda host, database: setattr(database, "fails", ("RESTORE DATABASE",)),
    "api": lambda host, database: setattr(host, "api_version", "2026.7.0"),
    "logs": lambda host, database: setattr(host, "logs", "1 The key {x} was not found in the key ring."),
}
SEEN = {
    "SQL Server": "SQL Server refused RESTORE DATABASE",
    "api": "api version: 2026.7.0, and its image is of 2026.8.0",
    "logs": "logs: api: The key {x} was not found in the key ring.",
}


@pytest.mark.parametrize("fault", SEEN)
def test_what_is_not_proven_is_rolled_back(host, database, runs, fault, monkeypatch):
    path = runs.back_up()
    database.databases["vault"]["User"] = 7
    (host.bwdata / "core/attachments/later").write_text("uploaded later")
    before = files(host)
    tried = []

    def once(self, dump, name, original=restore_server.Server.restore_database):
        """Let the fault be there for the set, and not for the safety backup."""
        tried.append(dump)
        database.fails = database.fails if len(tried) == 1 else ()
        original(self, dump, name)

    monkeypatch.setattr(restore_server.Server, "restore_database", once)
    FAULTS[fault](host, database)
    result = runs.restore(path)
    assert (result["failed"], result["changed"], result["rolled_back"]) == (True, True, True)
    assert SEEN[fault] in result["msg"]
    assert "What was there before was rolled back, and the server is running on it" in result["msg"]
    assert result["safety_backup"] in result["msg"]
    assert files(host) == before
    assert database.users == 7
    assert {one["state"] for one in host.containers.values()} == {"running"}
    assert not [one for one in CANARIES if one in str(result)]


@pytest.mark.parametrize("options", [{"rollback": False}, {"safety_backup": False}])
def test_what_cannot_be_rolled_back_is_kept(host, database, runs, options):
    path = runs.back_up()
    host.api_version = "2026.7.0"
    (host.bwdata / "core/attachments/later").write_text("uploaded later")
    result = runs.restore(path, **options)
    assert (result["failed"], result["rolled_back"]) == (True, False)
    assert "Nothing was rolled back" in result["msg"]
    (kept,) = result["kept"]
    assert kept in result["msg"]
    assert (Path(kept) / "core/attachments/later").read_text() == "uploaded later"
    assert runs.restore(path, **options)["failed"] is True


@pytest.mark.parametrize("program", ["age", "gpg"])
def test_an_encrypted_archive(host, database, runs, program):
    """By a program that passes on what it is given, if it is given the right identity."""
    tool, identity = host.bwdata.parent / program, runs.folder / "identity"
    given = f'case "$*" in *{identity}*) exec cat ;; esac'
    tool.write_text(f"#!/bin/sh\n{given}\necho no identity matched >&2\nexit 1\n")
    tool.chmod(0o755)
    plain = Path(runs.back_up(archive=True))
    path = plain.rename(f"{plain}.{program}")
    Path(f"{plain}.json").rename(f"{path}.json")
    refused = runs.restore(path, identity=str(runs.folder / "other"))
    assert "cannot be decrypted by" in refused["msg"]
    assert "no identity matched" in refused["msg"]
    damage(host, database)
    done = runs.restore(path, identity=str(identity), safety_backup=False)
    assert done["failed"] is False, done["msg"]
    assert is_whole(host, database)
    tool.unlink()
    assert f"{program} cannot be run" in runs.restore(path, identity=str(identity))["msg"]


def test_a_failure_before_anything_is_touched(host, database, runs):
    path = runs.back_up()
    database.header = {"DatabaseName": "other"}
    before = files(host)
    result = runs.restore(path, safety_backup=False)
    assert (result["failed"], result["changed"]) == (True, False)
    assert "is of the database other, and its manifest says vault" in result["msg"]
    assert result["msg"].endswith("Nothing was changed.")
    assert (files(host), host.done) == (before, [])


def test_killed_at_any_line(host, database, runs, tmp_path):
    """Whatever was the last line: the next run restores, and has a backup of what was there before the first one."""
    path, state = runs.back_up(), tmp_path / "state"

    def write_meanwhile():
        database.databases["vault"]["User"] = 7
        (host.bwdata / "core/attachments/later").write_text("uploaded later")

    write_meanwhile()
    killed = hit_at_every_line(
        lambda: runs.restore(path),
        [restore_run, restore_staging, restore_server],
        before=lambda: host.remember(state, database),
        every=17,
    )
    lines = 0
    for _line in killed:
        lines += 1
        host.recall(state, database)
        proven = RestoreJournal(str(host.bwdata)).state is None and database.users == 2
        result = runs.restore(path)
        assert result["failed"] is False, result["msg"]
        assert is_whole(host, database)
        assert "core/attachments/later" not in files(host)
        assert read_set(result["safety_backup"]).manifest.database.counts["User"] == (2 if proven else 7)
        write_meanwhile()
    assert lines > 10


@pytest.mark.parametrize("started", [False, True])
def test_what_users_wrote_since_a_restore_was_cut_off_is_kept(host, database, runs, monkeypatch, started):
    path = runs.back_up()
    with monkeypatch.context() as context:
        context.setattr(restore_run, "server_proofs", cut_off)
        with pytest.raises(Terminated):
            runs.restore(path)
    database.databases["vault"]["User"] = 9
    if not started:
        host.containers.clear()
    result = runs.restore(path)
    assert result["failed"] is False, result["msg"]
    assert is_whole(host, database)
    assert [read_set(one).manifest.database.counts["User"] for one in result["kept"]] == ([9] if started else [])


def cut_off(*_arguments):
    raise Terminated("SIGTERM")
