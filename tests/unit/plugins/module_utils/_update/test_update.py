# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Updates on a host in memory: what is refused, what is done in which order, proven, taken back, and cut off."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.cron_jobs import Job
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.journal import open_journal
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.host import EngineError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore import server as restore_server
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._update import rollback
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._update.new_server import start_together

from .._deployment.fake_host import IMAGE
from .conftest import NEW, OLD, files, script, scripts_up_to

CANARIES = ("CanaryDatabasePassword", "CanaryCertificatePassword", "CanaryInstallationKey", "CanaryLicenseKey")


def test_an_update_in_its_order(host, database, run):
    before = files(host)
    predicted = run(check_mode=True)
    assert (files(host), host.done) == (before, [])
    result = run()
    assert result["failed"] is False, result["msg"]
    assert [one for one in result["proof"] if one["ok"] is not True] == []
    assert {one["check"] for one in result["proof"]} >= {"migrations", "row counts", "settings", "images", "licenses"}
    for key in ("changed", "before", "after", "engine"):
        assert predicted[key] == result[key]
    assert predicted["diff"] == result["diff"]
    assert host.versions() == {NEW}
    assert database.scripts == scripts_up_to(NEW)
    order = [one for one in host.done if not one.startswith("remove")]
    first = ["generate", "try the database", "migrate the trial"]
    assert order[: len(first)] == first
    assert order[3:7] == [f"stop {name}" for name in ("api", "icons", "identity", "nginx")]
    # The other containers are created while the database starts, and nginx, which leads to them, is started last.
    assert order[7:] == ["create 4", "up mssql", "start icons", "migrate", "start api", "start identity", "start nginx"]
    assert files(host)["bitwarden.sh"].count(NEW.encode()) >= 1
    assert not list(host.bwdata.glob(".bitwarden-*"))
    again = run()
    assert (again["failed"], again["changed"]) == (False, False), again


def test_a_container_that_cannot_be_created_beside_the_database_is_created_at_the_start(host, run):
    host.create_fails = True
    result = run()
    assert (result["failed"], host.versions()) == (False, {NEW}), result.get("msg")


@pytest.mark.parametrize("described", [
    {"depends_on": {"identity": {"condition": "service_healthy"}}},
    {"post_start": [{"command": "own"}]},
])  # fmt: skip
def test_services_that_have_an_order_are_started_by_compose(host, run, described):
    host.compose_services["api"] = described
    result = run()
    assert (result["failed"], host.versions()) == (False, {NEW}), result.get("msg")
    assert [one for one in host.done if one.startswith(("start ", "up"))] == ["up mssql", "up"]


@pytest.mark.parametrize(("described", "together"), [
    ({"api": {"depends_on": {"mssql": {"condition": "service_healthy"}}}, "mssql": {}}, True),
    ({"api": {"depends_on": {"identity": {"condition": "service_started"}}}, "identity": {}}, True),
    ({"api": {"depends_on": ["identity"]}, "identity": {}}, True),
    ({"api": {"depends_on": {"identity": {"condition": "service_completed_successfully"}}}, "identity": {}}, False),
    ({"api": {}, "own": {}}, False),
    ({}, False),
])  # fmt: skip
def test_an_order_is_what_the_compose_files_say(described, together):
    assert start_together(described) is together


def test_too_little_space_names_the_option(host, run, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=0))
    assert "or set backup_dest to another file system" in run()["msg"]


def test_containers_of_services_that_the_release_does_not_have_are_removed(host, run):
    host.containers["former"] = {**host.containers["api"], "state": "exited"}
    result = run()
    assert result["failed"] is False, result["msg"]
    assert "former" not in host.containers


@pytest.mark.parametrize(("before", "after"), [("", "vault"), ("DATABASE=own\n", "own")])
def test_the_nightly_backup_of_an_old_installation_keeps_its_database(host, run, before, after):
    """Installations before 2023.7.0 have no DATABASE, and the setup tool names the usual one there."""
    file = host.bwdata / "env/mssql.override.env"
    password = "SA_PASSWORD=CanaryDatabasePassword\n"
    file.write_text(password + before)
    host.writes = {"env/mssql.override.env": password + (before or "DATABASE=bitwarden\n")}
    result = run()
    assert (result["failed"], file.read_text()) == (False, f"{password}DATABASE={after}\n"), result.get("msg")


def is_as_before(host, database, before, result):
    """Require the server to be on the old version, with files and database as they were, and no leftovers."""
    assert host.versions() == {OLD}, result
    assert files(host) == before
    assert database.scripts == scripts_up_to(OLD)
    assert not list(host.bwdata.glob(".bitwarden-*"))
    assert not list((host.bwdata / "mssql/backups").glob("*.bak"))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda host, _: setattr(host, "setup", "refuses"), "did not generate the files of the new version"),
        (lambda host, _: setattr(host, "trial", "crash"), "status 139. Its last log lines: Fatal: this CPU"),
        (lambda host, _: setattr(host, "trial", "silent"), "did not answer in time"),
        (lambda host, _: setattr(host, "trial", "unhealthy"), "answered, but did not pass its health check"),
        (lambda host, _: setattr(host, "trial", "without"), "made no database in a new SQL Server"),
        (lambda _, database: setattr(database, "fails", ("VERIFYONLY",)), "SQL Server refused VERIFYONLY"),
        (lambda host, _: setattr(host, "writes", {"env/mssql.override.env": "DATABASE=vault\n"}), "settings: changed"),
    ],
)
def test_what_fails_before_the_stop_leaves_the_server_alone(host, database, run, change, text):
    before, containers = files(host), json.dumps(host.containers)
    change(host, database)
    result = run()
    assert (result["failed"], result["rolled_back"], result["downtime"]) == (True, False, 0.0)
    assert text in result["msg"]
    assert result["msg"].endswith("The server was not touched.")
    assert json.dumps(host.containers) == containers
    is_as_before(host, database, before, result)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda host, _: setattr(host, "setup", "crash at migration"), "The setup tool of 2026.9.0 ended with status"),
        (lambda _, database: setattr(database, "stops_at", "2026-09-08_00_Organizations.sql"),
         "migrations: 2026-09-08_00_Organizations.sql did not run"),
        (lambda host, _: setattr(host, "api_version", "2026.8.0"), "api version: 2026.8.0, and its image is"),
        (lambda host, _: setattr(host, "logs", "1 Migration failed.\n"), "logs: "),
        (lambda host, _: setattr(host, "crashes", lambda _env: host.version == NEW), "crash-loops"),
    ],
)  # fmt: skip
def test_what_is_not_proven_is_taken_back(host, database, run, change, text):
    before = files(host)
    change(host, database)
    result = run()
    assert (result["failed"], result["changed"], result["rolled_back"]) == (True, True, True), result["msg"]
    assert text in result["msg"]
    assert "The server is running on 2026.8.0 again" in result["msg"]
    assert result["backup"]
    is_as_before(host, database, before, result)
    assert not any(canary in json.dumps(result) for canary in CANARIES)


def test_without_rollback_the_new_version_stays(host, database, run):
    host.api_version = "2026.8.0"
    result = run(rollback=False)
    assert (result["failed"], result["rolled_back"]) == (True, False)
    assert "Nothing was taken back (rollback=false). The old files are in " in result["msg"]
    assert (Path(result["kept"][0]) / "docker/docker-compose.yml").read_text().startswith(f"# {OLD}")
    assert host.versions() == {NEW}
    host.api_version = ""
    assert run()["changed"] is False


def test_back_over_an_engine_step_the_files_are_moved_aside(host, database, run):
    host.on("2026.6.0")
    database.scripts = scripts_up_to("2026.6.0")
    host.logs = "1 Migration failed.\n"
    result = run()
    assert (result["rolled_back"], result["engine"]) == (True, {"before": 16, "after": 17}), result["msg"]
    assert [Path(one).name.split("-2")[0] for one in result["kept"]] == ["data.after-update"]
    assert not list((host.bwdata / "mssql/data").iterdir())
    assert database.scripts == scripts_up_to("2026.6.0")
    assert any("3 months older" in one for one in result["warnings"])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda host: host.on(NEW), None),
        (lambda host: setattr(host, "jobs", [Job("/etc/cron.weekly/bitwardenupdate", 3, "update")]), "bitwardenupdate"),
        (lambda host: host.missing_images.update({"registry.fleet.test:5000/bitwarden/api:2026.9.0"})
         or setattr(host, "unknown_images", ("api:2026.9.0",)), "its registry does not give it: manifest unknown"),
        (lambda host: host.compose_services.update(api={"image": "example.com/own/api:1.0"}), "not Bitwarden's"),
        (lambda host: setattr(host, "health", "unhealthy"), "Only a healthy server is updated"),
        (lambda host: (host.bwdata / "config.yml").unlink(), "has no config.yml"),
        (lambda host: (host.bwdata / "config.yml").write_text("generate_compose_config: false\n"),
         "has generate_compose_config: false, so the Compose file stays as it is"),
        (lambda host: keep_on(host, api="2026.8.0"), "keeps these services on their images: api (ghcr."),
        (lambda host: host.on("2026.10.0"), "installed here is newer than the scripts of 2026.9.0"),
    ],
)  # fmt: skip
def test_refusals_change_nothing_and_are_alike_in_check_mode(host, database, run, change, text):
    change(host)
    before = files(host)
    results = [run(check_mode=check) for check in (True, False)]
    for result in results:
        assert (result["failed"], result["changed"]) == (bool(text), False)
        assert (text or "") in result.get("msg", "")
    assert (files(host), host.done) == (before, [])
    assert results[0].get("msg") == results[1].get("msg")


def keep_on(host, **versions):
    """Have an override file keep services on a version."""
    (host.bwdata / "docker/docker-compose.override.yml").write_text("services: {}\n")
    host.compose_services = {name: {"image": IMAGE.format(name, version)} for name, version in versions.items()}


@pytest.mark.parametrize("kept", ["2026.6.0", "2026.7.0"])
def test_a_database_that_an_override_file_keeps_is_told_of_in_the_plan(host, database, run, kept):
    """Its image is not asked for, and the engine is that of the image."""
    host.on("2026.6.0")
    database.scripts = scripts_up_to("2026.6.0")
    keep_on(host, mssql=kept)
    host.unknown_images = ("mssql:2026.9.0",)
    predicted, result = run(check_mode=True), run()
    assert result["failed"] is False, result["msg"]
    text = f"keeps these services on their images: mssql (ghcr.io/bitwarden/mssql:{kept}). They are not updated."
    for one in (predicted, result):
        assert len([warning for warning in one["warnings"] if text in warning]) == 1
    engine = 16 if kept == "2026.6.0" else 17
    assert predicted["engine"] == result["engine"] == {"before": engine, "after": engine}


def test_every_refusal_is_named_at_once(host, database, run):
    host.health = "unhealthy"
    host.jobs = [Job("/etc/cron.weekly/bitwardenupdate", 3, "update")]
    database.keys = ["11111111-2222-4333-8444-555555555555"]
    result = run()
    for text in ("Only a healthy server", "The key ring is incomplete", "bitwardenupdate", "Nothing was changed."):
        assert text in result["msg"]


def test_images_are_pulled_before_the_stop(host, database, run):
    image = "ghcr.io/bitwarden/api:2026.9.0"
    host.missing_images = {image}
    result = run()
    assert (result["failed"], result["images"]) == (False, [image]), result.get("msg")
    assert host.done.index(f"pull {image}") < next(at for at, one in enumerate(host.done) if one.startswith("stop"))
    host.on(OLD)
    host.missing_images, host.unpullable = {image}, ("api:2026.9.0",)
    result = run()
    assert "The image ghcr.io/bitwarden/api:2026.9.0 was not pulled" in result["msg"]
    assert host.versions() == {OLD}


def test_only_the_scripts_are_replaced_where_the_images_are_of_the_release(host, database, run):
    host.on(NEW)
    path = host.bwdata.parent / "bitwarden.sh"
    path.write_text(script("bitwarden.sh", OLD))
    started = json.dumps(host.containers)
    result = run()
    assert (result["changed"], run()["changed"]) == (True, False)
    assert (path.read_text(), json.dumps(host.containers)) == (script("bitwarden.sh", NEW), started)
    assert path.stat().st_mode & 0o777 == 0o700


def test_an_update_cut_off_is_told_in_check_mode_and_changes_nothing(host, database, run, monkeypatch):
    def broken(self):
        raise EngineError("The Docker engine is gone.")

    with monkeypatch.context() as context:
        context.setattr(rollback.Rollback, "go", broken)
        host.setup = "crash at migration"
        result = run()
    assert "was to go back to 2026.8.0, but then: The Docker engine is gone." in result["msg"]
    with pytest.raises(BitwardenError, match="so the server is between two versions"):
        open_journal(str(host.bwdata), print, False)
    host.setup = ""
    before = files(host)
    predicted = run(check_mode=True)
    assert predicted["changed"] is True
    assert "was cut off while the server was down. This run takes it back first, or" in predicted["warnings"][0]
    assert files(host) == before
    assert run()["failed"] is False
    assert host.versions() == {NEW}


@pytest.mark.parametrize(("free", "is_told"), [(4096, True), (1 << 30, False)])
def test_a_full_disk_is_told_where_a_service_does_not_tell_it(host, run, monkeypatch, free, is_told):
    host.logs = "1 Migration failed.\n"
    usage = shutil.disk_usage("/")
    stop = restore_server.Server.start

    def start(self, *begun):
        monkeypatch.setattr("shutil.disk_usage", lambda _folder: usage._replace(free=free))
        return stop(self, *begun)

    monkeypatch.setattr(restore_server.Server, "start", start)
    result = run()
    assert result["rolled_back"] is True, result["msg"]
    assert (f"The file system of {host.bwdata} is full: {free} bytes are free." in result["msg"]) is is_told
