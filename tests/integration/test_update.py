# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server of the fleet over three releases and one step of the engine, and back, as its clients see it."""

from __future__ import annotations

import threading

import pytest

from tests.support import fleet
from tests.support.fleet import names

from .ansible_run import task

HOST = "bw4"
AS_ROOT = {"vars": {"ansible_user": "admin"}, "become": True}
BACKUPS = "/var/backups/bitwarden"
pytestmark = pytest.mark.fleet


def update(*options, **arguments):
    return task("update", HOST, *options, play=AS_ROOT, **arguments)


def client_sees(host):
    """Log in as a client and return the organization and its license; None where that is not possible."""
    names_of = ("url", "client_id", "client_secret", "organization", "ca_path")
    found = task("organization_info", HOST, **{name: f"{{{{ bitwarden_{name} }}}}" for name in names_of})
    result = found.result(HOST, "organization_info")
    return None if found.status else (result["organization"], result["license"])


def tags(host):
    return {str(one["image"]).rpartition(":")[2] for name, one in host.containers().items() if name != "key-connector"}


@pytest.fixture(scope="module")
def host(bw4_of_file):
    bw4_of_file.reset()
    bw4_of_file.execute("rm", "-rf", BACKUPS)
    bw4_of_file.use_version("2026.6.0")
    yield bw4_of_file
    bw4_of_file.execute("sh", "-c", f"rm -rf {BACKUPS} {names.BWDATA}/.bitwarden-* {names.BWDATA}/mssql/data.after-*")


def test_a_migration_that_fails_silently_is_taken_back_over_the_engine_step(host):
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
    """A folder of the controller with the scripts of 2026.7.0."""
    for file in (names.FILES / "bitwarden").iterdir():
        (tmp_path / file.name).write_text(file.read_text().replace(names.VERSION, "2026.7.0"))
    return str(tmp_path)


def test_a_killed_update_is_settled_by_the_next_which_needs_no_network(host, scripts):
    """It is killed while the server is down. The next run takes it back over the engine step, and updates then."""
    seen = client_sees(host)
    by_name = {**AS_ROOT, "vars": {**AS_ROOT["vars"], "ansible_pipelining": False}}  # what runs has no name otherwise
    running = threading.Thread(target=lambda: task("update", HOST, play=by_name, version="2026.7.0"))
    running.start()
    journal = f"{names.BWDATA}/.bitwarden-update/journal.json"
    # In one shell, as the run goes on meanwhile.
    wait = f"for _i in $(seq 2400); do grep -qs '\"database\"' {journal} && break; sleep 0.05; done"
    kill = "pkill -KILL -e -f 'AnsiballZ_[u]pdate'"
    assert "killed" in host.execute("sh", "-c", f"{wait}; {kill}", check=False)
    running.join()
    refused = task("server", HOST, play=AS_ROOT).result(HOST, "server")
    assert "An update was cut off while it replaced files" in refused["msg"]
    host.air_gap("drop")
    done = update("--diff", source=scripts, pull=False).ok()
    result = done.result(HOST, "update")
    assert host.air_gap("count") == [0, 0]
    host.air_gap("open")
    assert [one for one in result["proof"] if one["ok"] is not True] == []
    assert (tags(host), client_sees(host)) == ({"2026.7.0"}, seen)
    assert host.execute("find", names.BWDATA, "-maxdepth", "1", "-name", ".bitwarden-*").split() == []
    assert update(source=scripts, pull=False).ok().result(HOST, "update")["changed"] is False
    secrets = [value for name, value in fleet.secrets().items() if name.startswith(f"{HOST}.")]
    assert [one for one in secrets if one in done.output] == []


def test_what_is_wrong_is_known_before_the_stop(host):
    started = {name: one["started"] for name, one in host.containers().items()}
    # An image that the host has already is not pulled again.
    host.docker("rmi", "--force", f"{names.REGISTRY}/bitwarden/mssql:2026.9.0", check=False)
    fleet.downloads().fail("raw", "html")
    assert "is not a bash script" in update(version="2026.9.0").result(HOST, "update")["msg"]
    fleet.downloads().fail("raw", None)
    predicted = update("--check", version="2026.9.0").ok().result(HOST, "update")
    assert (predicted["changed"], predicted["after"]["core"]) == (True, "2026.9.0")
    fleet.registry().spoil("mssql", "2026.9.0", "crash")
    failed = update(version="2026.9.0").result(HOST, "update")
    assert "was tried with an empty database on this host" in failed["msg"]
    assert {name: one["started"] for name, one in host.containers().items()} == started
