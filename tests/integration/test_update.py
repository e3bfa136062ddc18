# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server of the fleet over three releases and one step of the engine, and back, as its clients see it."""

from __future__ import annotations

import contextlib
import json
import re
import threading

import pytest

from tests.support import fleet
from tests.support.fleet import names

from .ansible_run import client_sees, playbook, task
from .test_secrets import Watch

HOST = "bw4"
AS_ROOT = {"vars": {"ansible_user": "admin"}, "become": True}
BACKUPS = "/var/backups/bitwarden"
pytestmark = pytest.mark.fleet


# Every run of this file, for the search for secrets at its end.
RUNS: list = []


def update(*options, play=AS_ROOT, **arguments):
    RUNS.append(task("update", HOST, "-vvvv", "--diff", *options, play=play, **arguments))
    return RUNS[-1]


def tags(host):
    return {str(one["image"]).rpartition(":")[2] for name, one in host.containers().items() if name != "key-connector"}


def wait_until(host, phase):
    """Wait until an update has come to a phase; in one shell, as the run goes on meanwhile."""
    journal = f"{names.BWDATA}/.bitwarden-update/journal.json"
    host.execute("sh", "-c", f"for _i in $(seq 2400); do grep -qs '\"{phase}\"' {journal} && break; sleep 0.05; done")


@pytest.fixture(scope="module")
def watch(host, tmp_path_factory):
    with contextlib.ExitStack() as stack:
        found = stack.enter_context(Watch(host, tmp_path_factory.mktemp("watched")))
        found.end = stack.close
        yield found


@pytest.fixture(scope="module")
def host(bw4_of_file):
    bw4_of_file.reset()
    bw4_of_file.execute("rm", "-rf", BACKUPS)
    bw4_of_file.use_version("2026.6.0")
    yield bw4_of_file
    bw4_of_file.execute("sh", "-c", f"rm -rf {BACKUPS} {names.BWDATA}/.bitwarden-* {names.BWDATA}/mssql/data.after-*")


def test_a_migration_that_fails_silently_is_taken_back_over_the_engine_step(host, watch):
    seen = client_sees(host)
    assert seen
    host.control("migration", {"fails": "2026.7.0"})
    failed = update(version="2026.7.0")
    assert failed.status != 0
    result = failed.result(HOST, "update")
    assert (result["changed"], result["rolled_back"]) == (True, True), result["msg"]
    assert result["engine"] == {"before": 16, "after": 17}
    assert "migrations: Bit.Migrator.DbScripts.2026-06-30_00_Organizations.sql did not run" in result["msg"]
    assert "The server is running on 2026.6.0 again" in result["msg"]
    assert tags(host) == {"2026.6.0"}
    assert client_sees(host) == seen
    host.control("migration", {"fails": None})


@pytest.fixture
def scripts(tmp_path):
    """Make a folder of the controller with the scripts of 2026.7.0."""
    for file in (names.FILES / "bitwarden").iterdir():
        (tmp_path / file.name).write_text(file.read_text().replace(names.VERSION, "2026.7.0"))
    return str(tmp_path)


def test_a_killed_update_is_settled_by_the_next_which_needs_no_network(host, watch, scripts):
    """It is killed while the server is down. The next run takes it back over the engine step, and updates then.

    Whatever else works on the server is locked out meanwhile.
    """
    seen = client_sees(host)
    by_name = {**AS_ROOT, "vars": {**AS_ROOT["vars"], "ansible_pipelining": False}}  # what runs has no name otherwise
    running = threading.Thread(target=lambda: update(play=by_name, version="2026.7.0"))
    running.start()
    wait_until(host, "database")
    assert "killed" in host.execute("pkill", "-KILL", "-e", "-f", "AnsiballZ_[u]pdate", check=False)
    running.join()
    refused = task("server", HOST, play=AS_ROOT).result(HOST, "server")
    assert "An update was cut off while it replaced files" in refused["msg"]
    host.air_gap("drop")
    running = threading.Thread(target=lambda: update(source=scripts, pull=False))
    running.start()
    wait_until(host, "preparing")
    others = locked_out(host, scripts)
    running.join()
    assert host.air_gap("count") == [0, 0]
    host.air_gap("open")
    assert [one for one in others if "Another run has been working on /opt/bitwarden/bwdata for" not in one] == []
    result = RUNS[-1].ok().result(HOST, "update")
    assert [one for one in result["proof"] if one["ok"] is not True] == []
    assert (tags(host), client_sees(host)) == ({"2026.7.0"}, seen)
    assert host.execute("find", names.BWDATA, "-maxdepth", "1", "-name", ".bitwarden-*").split() == []
    assert update(source=scripts, pull=False).ok().result(HOST, "update")["changed"] is False


def locked_out(host, scripts):
    """Return what each module that works on a server says while an update is running."""
    backup = host.execute("sh", "-c", f"ls -d {BACKUPS}/bitwarden-* | head -1").strip()
    restored = {"set": backup, "confirm": host.data.installation["id"]}
    given = {"backup": {}, "update": {"source": scripts}, "restore": restored, "server": {"state": "restarted"}}
    tasks = [
        {f"selfhosted.bitwarden.{name}": {**options, "lock_timeout": "0s"}, "ignore_errors": True}
        for name, options in given.items()
    ]
    done = playbook([{"hosts": HOST, "gather_facts": False, **AS_ROOT, "tasks": tasks}])
    return [one.result.get("msg", "") for one in done.tasks]


def test_what_is_wrong_is_known_before_the_stop(host, watch):
    started = {name: one["started"] for name, one in host.containers().items()}
    # An image that the host has already is not pulled again.
    host.docker("rmi", "--force", f"{names.REGISTRY}/bitwarden/mssql:2026.9.0", check=False)
    sites, registry = fleet.downloads(), fleet.registry()
    for bring_about, text in (
        (lambda: sites.fail("raw", "html"), "is not a bash script"),
        (lambda: sites.fail("raw", 404), "404"),
        (lambda: sites.fail("raw", "cut"), "raw.githubusercontent.com"),
        (lambda: sites.stop("unknown"), "raw.githubusercontent.com"),
        (registry.stop, "is not local, and its registry does not give it"),
    ):
        bring_about()
        result = update(version="2026.9.0").result(HOST, "update")
        assert text in result["msg"]
        assert result["msg"].endswith("Nothing was changed.")
        sites.reset()
    registry.start()
    predicted = update("--check", version="2026.9.0").ok().result(HOST, "update")
    assert (predicted["changed"], predicted["after"]["core"]) == (True, "2026.9.0")
    registry.spoil("mssql", "2026.9.0", "crash")
    failed = update(version="2026.9.0").result(HOST, "update")
    assert "was tried with an empty database on this host" in failed["msg"]
    host.execute("sh", "-c", f"rm -rf {BACKUPS}; mkdir {BACKUPS}; mount -t tmpfs -o size=256k tmpfs {BACKUPS}")
    full = update(version="2026.9.0").result(HOST, "update")
    host.execute("umount", BACKUPS)
    assert "free" in full["msg"]
    assert full["msg"].endswith("Nothing was changed.")
    assert {name: one["started"] for name, one in host.containers().items()} == started


def test_no_secret_was_seen(host, watch):
    """Neither in what was taken back, nor in what was killed and settled, nor in what was refused."""
    secrets = watch.secrets()
    watch.end()
    places = {
        place: text
        for place, text in watch.places().items()
        if f" {BACKUPS}/" not in place and "/mssql/data.after-update" not in place
    }
    for number, run in enumerate(RUNS):
        places[f"output of run {number}"] = run.output
        places[f"results of run {number}"] = json.dumps([one.result for one in run.tasks])
    leaks = [
        f"{name} in {where}" for where, text in places.items() for name, secret in secrets.items() if secret in text
    ]
    # The password of the database that is tried is made for it.
    leaks += [f"that of the trial in {where}" for where, text in places.items() if re.search(r"Aa1-[0-9a-f]{32}", text)]
    assert leaks == []
    assert "sqlcmd" in places["process lists"]
