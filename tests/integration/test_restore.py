# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server of the fleet from backup over disaster to restore, as its clients see it."""

from __future__ import annotations

import json

import pytest

from tests.support import fleet
from tests.support.fleet import names

from .ansible_run import client_sees, task

HOST = "bw4"
AS_ROOT = {"vars": {"ansible_user": "admin"}, "become": True}
BACKUPS = "/var/backups/bitwarden"
#: Its SQL Server is older than that of the fleet's version.
OLDER = "2026.6.0"
pytestmark = pytest.mark.fleet


def run(action, *options, **arguments):
    return task(action, HOST, *options, play=AS_ROOT, **arguments)


def restore(host, path, *options, **arguments):
    arguments = {"set": path, "confirm": host.data.installation["id"], **arguments}
    return run("restore", *options, **arguments)


def lose(host):
    """Have a host with Docker, the owner's account and the backups, and nothing else."""
    host.execute("sh", "-c", "docker rm --force --volumes $(docker ps --all --quiet) && docker network prune --force")
    host.execute("sh", "-c", f"rm -r {names.BITWARDEN}/* {names.BITWARDEN}/.[!.]* 2>/dev/null; ls -A {names.BITWARDEN}")


def running(host):
    """Return the versions of the images that run, and the owners of the files in bwdata."""
    versions = {one["image"].rpartition(":")[2] for name, one in host.containers().items() if name in ("api", "mssql")}
    owners = host.execute("sh", "-c", f"find {names.BWDATA} -maxdepth 2 -printf '%u\\n' | sort -u")
    return versions, owners.split()


def started(host):
    return {name: one["started"] for name, one in host.containers().items()}


@pytest.fixture(scope="module")
def host(bw4_of_file):
    left = f"rm -rf {BACKUPS} {names.BWDATA}/.bitwarden-* {names.BWDATA}/mssql/data.before-*"
    bw4_of_file.execute("sh", "-c", left)
    bw4_of_file.reset()
    yield bw4_of_file
    bw4_of_file.execute("sh", "-c", left)


@pytest.fixture(scope="module")
def backup(host):
    return run("backup").ok().result(HOST, "backup")["path"]


@pytest.fixture(scope="module")
def seen(host, backup):
    found = client_sees(host)
    assert found
    return found


def test_a_refused_set_touches_nothing(host, backup):
    before, spoilt = started(host), f"{BACKUPS}/spoilt"
    host.execute("cp", "-a", backup, spoilt)
    inside = f"{spoilt}/bwdata"
    host.execute("sh", "-c", f"rm {inside}/core/aspnet-dataprotection/* {inside}/identity/identity.pfx")
    other = "11111111-2222-4333-8444-555555555555"
    for option in ("--check", "--diff"):
        failed = restore(host, spoilt, option, confirm=other)
        assert failed.status != 0
        message = failed.result(HOST, "restore")["msg"]
        parts = (f"confirm is {other}", "(key ring)", "every login", "(identity certificate)", "Nothing was changed.")
        for part in parts:
            assert part in message
    assert started(host) == before


def test_after_a_disaster_a_client_is_where_it_was(host, backup, seen):
    folder = names.BWDATA
    host.execute("sh", "-c", f"rm -r {folder}/core/* {folder}/env/global.override.env {folder}/mssql/data/*")
    host.write("env/mssql.override.env", "DATABASE=vault\n")
    assert not client_sees(host)
    predicted = restore(host, backup, "--check", safety_backup=False).ok().result(HOST, "restore")
    done = restore(host, backup, "--diff", safety_backup=False).ok()
    result = done.result(HOST, "restore")
    # What is there before may differ: the damaged server is still running, and writes.
    brought = [[(part["name"], part["after"]) for part in one["parts"]] for one in (predicted, result)]
    assert (predicted["changed"], brought[0]) == (True, brought[1])
    assert [one for one in result["proof"] if one["ok"] is False] == []
    assert len(result["proof"]) == 7
    assert client_sees(host) == seen
    secrets = [value for name, value in fleet.secrets().items() if name.startswith(f"{HOST}.")]
    assert [one for one in secrets if one in done.output] == []
    left = host.execute("find", folder, "-name", ".bitwarden-*", "-o", "-name", "*restore*.bak")
    assert left.split() == []
    owners = host.execute("find", f"{folder}/core", f"{folder}/env", "-not", "-user", "bitwarden")
    assert owners.split() == []


def test_what_is_not_proven_is_rolled_back(host, backup, seen):
    """The manifest says something else than the dump, so that the restore comes as far as the database."""
    before = started(host)
    lying = f"{BACKUPS}/lying"
    host.execute("cp", "-a", backup, lying)
    manifest = json.loads(host.execute("cat", f"{lying}/manifest.json"))
    manifest["database"]["counts"]["User"] += 1
    manifest["database"]["counts_before"]["User"] += 1
    host.write(f"{lying}/manifest.json", json.dumps(manifest))
    failed = restore(host, lying)
    assert failed.status != 0
    result = failed.result(HOST, "restore")
    assert (result["changed"], result["rolled_back"]) == (True, True)
    assert "row counts: User has" in result["msg"]
    assert result["safety_backup"] in result["msg"]
    assert client_sees(host) == seen
    assert started(host) != before


def test_over_steps_of_the_engine_and_on_a_new_host(host, backup, seen):
    """Two sets, each of its own version and SQL Server: forwards, back, and on a host that has lost everything."""
    host.use_version(OLDER)
    older = run("backup").ok().result(HOST, "backup")["path"]
    for path, version in ((backup, names.VERSION), (older, OLDER)):
        result = restore(host, path, allow_other_version=True, safety_backup=False).ok().result(HOST, "restore")
        assert ([one for one in result["proof"] if not one["ok"]], running(host)) == ([], ({version}, ["bitwarden"]))
        assert len(result["kept"]) == 1
    assert client_sees(host) == seen
    lose(host)
    done = restore(host, backup, "--diff").ok()
    result = done.result(HOST, "restore")
    assert (result["new_host"], [one for one in result["proof"] if not one["ok"]]) == (True, [])
    assert running(host) == ({names.VERSION}, ["bitwarden"])
    assert client_sees(host) == seen
    secrets = [value for name, value in fleet.secrets().items() if name.startswith(f"{HOST}.")]
    assert [one for one in secrets if one in done.output] == []
    assert host.execute("find", "/tmp", names.BWDATA, "-name", "*bitwarden-restore*") == ""
