# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drills on a host in memory: proven, the second time unchanged, cut off, refused, failed, and removed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup import plan as plan_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.make import back_up as make_backup
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.plan import BackupRequest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment import health_wait
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.deployment import Deployment
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.host import EngineError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._drill import engine, folder, isolation, mark
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._drill import run as run_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install import host as install_host
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install import made_folders
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore import server as restore_server
from ansible_collections.selfhosted.bitwarden.plugins.modules import restore

from tests.support.killing import hit_at_every_line, killed_before_every_change

from .._backup.backup_host import ORGANIZATION
from .._restore.restore_host import CERTIFICATE_PASSWORD, INSTALLATION, PASSWORD, RowsDatabase
from .drill_host import COMPOSE, DrillDatabase, DrillHost

CANARIES = (PASSWORD, CERTIFICATE_PASSWORD, "CanaryInstallationKey", "CanaryLicenseKey", "CanarySmtp")
SETTINGS = (
    "GLOBALSETTINGS__ENABLECLOUDCOMMUNICATION=true\n"
    "globalSettings__pushRelayBaseUri=https://push.bitwarden.com\n"
    "globalSettings__mail__smtp__host=mail.example.com\n"
    "globalSettings__mail__smtp__password=CanarySmtp\n"
    "globalSettings__siteName='a$b'\n"
)


@pytest.fixture
def place(tmp_path):
    """Return the folder of the drill."""
    return tmp_path / "drill"


@pytest.fixture
def host(tmp_path, monkeypatch, place):
    made = DrillHost(tmp_path / "bitwarden" / "bwdata", place).install(monkeypatch)
    for name in ("mssql/data", "mssql/backups"):
        (made.bwdata / name).mkdir(parents=True)
    monkeypatch.setattr(install_host, "Commands", lambda account, environ: made)
    monkeypatch.setattr(install_host, "EngineClient", lambda commands, docker: made)
    monkeypatch.setattr(install_host, "EngineInventory", lambda client: Inventory(made))
    monkeypatch.setattr(restore_server, "Clock", lambda: made.clock)
    monkeypatch.setattr(health_wait, "Clock", lambda: made.clock)
    monkeypatch.setattr(os, "sync", lambda: None)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    made.fill()
    (made.bwdata / "docker/docker-compose.yml").write_text(COMPOSE)
    with (made.bwdata / "env/global.override.env").open("a") as stream:
        stream.write(SETTINGS)
    made.containers.clear()
    return made.start()


class Inventory(install_host.EngineInventory):
    """The engine's, by the host in memory."""


@pytest.fixture
def database(host, place, monkeypatch):
    """Return the database of the drill; that of the server is only read."""
    mine, server = DrillDatabase(place), RowsDatabase(host)
    monkeypatch.setattr(plan_module, "running_server", lambda *_: server)

    def running_server(deployment, *_):
        assert deployment.bwdata == str(place), "the server's database was asked"
        return mine

    monkeypatch.setattr(restore_server, "running_server", running_server)
    return mine


@pytest.fixture
def backup(host, database, tmp_path):
    path = make_backup(Deployment(str(host.bwdata), None, {}, 7.0), BackupRequest(str(tmp_path / "sets"))).path
    host.done.clear()
    return path


class Module:
    """What the module uses of ``AnsibleModule``."""

    def __init__(self, params, check_mode):
        self.params, self.check_mode, self._diff, self.warnings = params, check_mode, True, []
        self.warn = self.warnings.append


@pytest.fixture
def drill(host, backup, place):
    """Run the module: ``drill(check=False, **options)`` returns the result or that of the failure, with warnings."""

    def run(check=False, **options):
        params = {"bwdata": str(place), "script": None, "set": backup, "src": None, "confirm": None, "identity": None,
                  "isolated": True, "state": "present", "client_id": None, "client_secret": None, "rollback": True,
                  "pull": True, "wait_timeout": "60s", "lock_timeout": "1s", "database_timeout": "60s"}  # fmt: skip
        module = Module({**params, **options}, check)
        before = untouched(host)
        try:
            return {"failed": False, **restore.run(module), "warnings": module.warnings}
        except BitwardenError as error:
            return {**restore.FAILURE, "failed": True, "changed": False, **error.result(), "warnings": module.warnings}
        finally:
            assert untouched(host) == before, "the server was touched"

    return run


def untouched(host):
    """Return all of the server: its files, its containers, what was done to it."""
    files = {path: path.read_bytes() for path in host.bwdata.parent.rglob("*") if path.is_file()}
    return files, json.dumps(host.containers), list(host.done)


def is_gone(host, place):
    assert not place.exists()
    assert (host.drill, host.nets, host.bound) == ({}, {}, set())
    return True


def test_a_drill_beside_the_server(host, place, drill, database):
    predicted = drill(check=True)
    assert (predicted["failed"], predicted["changed"], place.exists()) == (False, True, False)
    done = drill()
    assert (done["failed"], done["changed"], done["rolled_back"]) == (False, True, False), done.get("msg")
    assert {one["check"]: one["ok"] for one in done["proof"]} == dict.fromkeys(
        ("row counts", "newest migration", "key ring", "licenses", "identity certificate", "api version", "logs",
         "isolation"), True)  # fmt: skip
    for key in ("set", "parts", "diff", "project", "created", "installation_id"):
        assert done[key] == predicted[key]
    assert isinstance(done["duration"], int) and predicted["duration"] is None
    assert {one["name"] for one in done["services"]} == set(host.drill) == set(host.read)
    assert {name: one["Internal"] for name, one in host.nets.items()} == {f"{done['project']}_drill": True}
    assert not any(one["ports"] for one in host.drill.values())
    values = host.drill["api"]["environment"]
    assert {name: values[name] for name in isolation.SETTINGS} == isolation.SETTINGS
    assert "GLOBALSETTINGS__ENABLECLOUDCOMMUNICATION" not in values
    assert (values["globalSettings__siteName"], host.drill["mssql"]["environment"]["BACKUP_DB"]) == ("a$b", "0")
    assert list((place / "mssql/backups").iterdir()) == []
    assert place.stat().st_mode & 0o777 == 0o700
    assert not [one for one in CANARIES if one in f"{predicted} {done} {(place / mark.NAME).read_text()}"]


def test_the_second_time_nothing_changes(host, place, drill, backup):
    first = drill()
    for check in (True, False):
        again = drill(check=check)
        assert (again["failed"], again["changed"]) == (False, False)
        for key in ("proof", "duration", "services", "project"):
            assert again[key] == first[key]
        assert again["diff"]["before"] == again["diff"]["after"] == ""
    for _time in range(2):
        removed = drill(state="absent", set=None, check=True)
        assert removed["changed"] and place.exists()
    assert drill(state="absent", set=None)["changed"]
    assert is_gone(host, place)
    for check in (True, False):
        removed = drill(state="absent", set=None, check=check)
        assert (removed["failed"], removed["changed"]) == (False, False)


def stopped(host, place, backup):
    host.drill["api"]["state"] = "exited"


def removed_by_hand(host, place, backup):
    del host.drill["nginx"]


def reached(host, place, backup):
    host.nets["other"] = {"Internal": False, "project": "other"}
    host.drill["api"]["networks"].append("other")


def another_set(host, place, backup):
    manifest = Path(backup) / "manifest.json"
    manifest.write_text(manifest.read_text() + "\n")


@pytest.mark.parametrize("change", [stopped, removed_by_hand, reached, another_set])
def test_a_drill_that_is_not_as_it_was_proven_begins_again(host, place, drill, backup, change):
    drill()
    (place / "left").write_text("by a user")
    change(host, place, backup)
    assert drill(check=True)["changed"]
    done = drill()
    assert (done["failed"], done["changed"]) == (False, True), done.get("msg")
    assert not (place / "left").exists()
    assert {one["state"] for one in host.drill.values()} == {"running"}


def test_what_could_lead_outside_is_left_out(host, place, drill, database):
    """Of a file of the administrator's: a service, mounts, options; a volume of the project's own stays."""
    host.added = {
        "proxy": {"image": "traefik:3", "environment": {}},
        "api": {"labels": {"traefik.enable": "true"}, "extra_hosts": ["cloud=192.0.2.1"], "privileged": True,
                "volumes": [{"type": "bind", "source": "/nowhere/nas", "target": "/nas"},
                            {"type": "volume", "source": "shared", "target": "/shared"},
                            {"type": "volume", "source": "own", "target": "/own"},
                            {"type": "bind", "source": "{bwdata}/linked/more", "target": "/linked"},
                            {"type": "bind", "source": str(place / "linked"), "target": "/whole"},
                            {"type": "bind", "source": "{bwdata}/near", "target": "/near"},
                            {"type": "bind", "source": str(place / "core"), "target": "/core"}]},
    }  # fmt: skip
    host.top = {"volumes": {"shared": {"external": True, "name": "shared"}, "own": {"name": "docker_own"}}}
    (host.bwdata / "docker/docker-compose.override.yml").write_text("services: {}\n")
    (host.bwdata / "linked").symlink_to("/nowhere/nas")
    (host.bwdata / "near").symlink_to("core")
    set_with_link = make_backup(
        Deployment(str(host.bwdata), None, {}, 7.0), BackupRequest(str(host.bwdata.parent.parent / "more"))
    ).path
    (predicted,) = drill(set=set_with_link, check=True)["warnings"]
    done = drill(set=set_with_link)
    assert done["failed"] is False, done["msg"]
    assert done["warnings"] == [predicted]
    (warning,) = done["warnings"]
    for part in ("extra_hosts of api", "labels of api", "privileged of api", "the mount /nowhere/nas of api",
                 "the mount shared of api", f"the mount {place}/linked/more of api", "the service proxy"):  # fmt: skip
        assert part in warning
    assert f"{place}/linked of api" in warning
    assert f"{place}/near" not in warning and f"{place}/core" not in warning
    assert host.bound == {f"{done['project']}_own"}
    project = json.loads((place / "docker/docker-compose.yml").read_text())
    assert project["services"]["api"]["networks"]["drill"]["aliases"] == ["bitwarden-api"]
    assert not (place / "docker/docker-compose.override.yml").exists()
    assert drill(set=set_with_link)["warnings"] == [warning]


REFUSED = {
    "foreign": (lambda place: (place.mkdir(), (place / "data").write_text("mine")), "is not empty, and not the folder"),
    "file": (lambda place: place.write_text("mine"), "is not a folder"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("state", ["present", "absent"])
def test_what_is_no_drill_is_never_touched(host, place, drill, case, state):
    make, seen = REFUSED[case]
    make(place)
    for check in (True, False):
        result = drill(state=state, check=check)
        assert (result["failed"], result["changed"]) == (True, False)
        assert (seen if state == "present" or case == "file" else "is not the folder of a drill") in result["msg"]
    assert "mine" in (place if case == "file" else place / "data").read_text()


def test_the_data_folder_of_a_server_is_refused(host, drill):
    for path, seen in ((host.bwdata, "is not empty"), (host.bwdata / "core/drill", "the data folder of a server")):
        assert seen in drill(bwdata=str(path))["msg"]
    assert "is not the folder of a drill" in drill(bwdata=str(host.bwdata), state="absent")["msg"]


def test_all_that_stands_against_it_is_told_at_once(host, place, drill, backup):
    (Path(backup) / "bwdata/identity/identity.pfx").unlink()
    host.missing_images.add("ghcr.io/bitwarden/api:2026.8.0")
    for check in (True, False):
        told = drill(check=check, pull=False, bwdata=str(place / "below"), confirm=ORGANIZATION)["msg"]
        for part in ("(identity certificate)", "and pull is false: ghcr.io/bitwarden/api:2026.8.0.",
                     f"{place} does not exist", f"confirm is {ORGANIZATION}", "Nothing was changed."):  # fmt: skip
            assert part in told
    assert "one in the other" in drill(bwdata=str(Path(backup) / "drill"))["msg"]
    host.refuses = "did not find expected key"
    told = drill(check=True)["msg"]
    assert f"It printed: {backup}/bwdata/docker/docker-compose.yml: yaml: line 7: did not find expected key" in told
    host.refuses = ""
    host.registry_has = False
    assert "its registry does not give it: manifest unknown" in drill()["msg"]
    assert is_gone(host, place)


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ({"isolated": False}, "confirm is missing"),
        ({"isolated": False, "state": "absent"}, "It needs isolated=true"),
        ({"set": None}, "set is missing"),
        ({"client_id": "user.1", "client_secret": "CanaryKey"}, "client_id must be"),
    ],
)
def test_options_that_do_not_go_together(drill, options, seen):
    assert seen in drill(**options)["msg"]


def test_a_restore_does_not_open_a_drill(place, drill):
    drill()
    refused = drill(isolated=False, confirm=INSTALLATION)
    assert "is the folder of a drill" in refused["msg"]


def test_images_are_pulled(host, drill):
    host.missing_images.add("ghcr.io/bitwarden/api:2026.8.0")
    assert drill()["failed"] is False
    assert host.pulled == ["ghcr.io/bitwarden/api:2026.8.0"]


FAULTS = {
    "rows": (lambda host, database: database.lost.update(User=1), "row counts: User has 1 rows"),
    "version": (lambda host, database: setattr(host, "api_version", "2026.7.0"), "api version: 2026.7.0"),
    "service": (lambda host, database: setattr(host, "ends", ("identity",)), "Not running after the restart: identity"),
    "network": (lambda host, database: setattr(host, "leaks", True), "isolation: the network"),
    "logs": (lambda host, database: setattr(host, "logs", "1 The key {x} was not found in the key ring."), "logs: api"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("rollback", [True, False])
def test_what_is_not_proven_is_taken_away_or_stays(host, place, drill, database, fault, rollback):
    cause, seen = FAULTS[fault]
    cause(host, database)
    failed = drill(rollback=rollback)
    assert (failed["failed"], failed["changed"], failed["rolled_back"]) == (True, True, rollback)
    assert seen in failed["msg"]
    assert not [one for one in CANARIES if one in str(failed)]
    if fault == "network":
        assert set(host.drill) <= {"mssql"}, "more was started although there is a way out"
    if rollback:
        assert failed["msg"].endswith("The drill was taken away.")
        assert is_gone(host, place)
    else:
        assert f"The drill stays in {place}" in failed["msg"]
        assert drill(state="absent", set=None)["changed"]
        assert is_gone(host, place)


def test_a_login_is_part_of_the_proof_each_time(host, place, drill):
    key = {"client_id": f"organization.{ORGANIZATION}", "client_secret": "CanaryClientSecret"}
    drill()
    again = drill(**key)
    row = {"check": "login", "ok": True, "detail": f"{key['client_id']} logged in"}
    assert (again["changed"], again["proof"][-1]) == (False, row)
    host.token = '{"error": "invalid_client"}'
    failed = drill(**key)
    assert (failed["failed"], failed["changed"], failed["rolled_back"]) == (True, False, False)
    assert "could not log in: invalid_client. Nothing was changed." in failed["msg"]
    assert place.exists()
    assert "CanaryClientSecret" not in f"{again} {failed}"


def test_an_empty_folder_stays(host, place, drill):
    place.mkdir()
    assert drill()["failed"] is False
    assert drill(state="absent", set=None)["changed"]
    assert list(place.iterdir()) == []
    assert not drill(state="absent", set=None)["changed"]


def test_containers_whose_folder_is_gone(host, place, drill):
    drill()
    for path in sorted(place.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    place.rmdir()
    assert drill(state="absent", set=None)["changed"]
    assert is_gone(host, place)


def test_a_damaged_mark(place, drill):
    place.mkdir()
    (place / mark.NAME).write_text("{")
    for state in ("present", "absent"):
        assert "the mark of a drill, is damaged" in drill(state=state)["msg"]


def test_killed_at_any_line(host, place, drill, tmp_path):
    """Whatever was the last line: the next run proves a drill, or takes all of it away."""
    state = tmp_path / "state.json"

    def remember():
        state.write_text(json.dumps([host.drill, host.nets, sorted(host.bound), host.now]))

    lines = 0
    for line in hit_at_every_line(drill, [run_module, folder, mark, engine, made_folders], before=remember, every=9):
        lines += 1
        drill_, host.nets, bound, host.now = json.loads(state.read_text())
        host.drill.clear()
        host.drill.update(drill_)
        host.bound = set(bound)
        if line % 2:
            done = drill()
            assert done["failed"] is False, done["msg"]
            assert "isolation" in str(done["proof"]), "a drill that was cut off counted as proven"
        assert drill(state="absent", set=None)["failed"] is False
        assert is_gone(host, place)
        assert [one.name for one in place.parent.iterdir() if one.name.startswith(".bitwarden-")] == []
    assert lines > 8


def test_killed_before_any_change_around_the_mark_no_folder_is_left(place, drill, monkeypatch):
    """The folder is the drill's own at any time: it comes and goes with its mark in it."""
    monkeypatch.setattr(run_module.Drill, "_prepared", _stop)
    changes = []
    for change in killed_before_every_change(drill, place.parent):
        changes.append(change)
        drill()
        assert not place.exists(), change
        assert [one.name for one in place.parent.iterdir() if one.name.startswith(".bitwarden-")] == [], change
    assert {one.split(" ")[0] for one in changes} >= {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}


def _stop(*_arguments):
    raise EngineError("The engine is gone.")
