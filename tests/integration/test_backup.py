# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules backup and backup_info on a host of the fleet: real engine, database, owners and processes."""

from __future__ import annotations

import json
import re
import threading

import pytest

from tests.support.fleet import names

from .ansible_run import playbook, task
from .test_secrets import Watch

HOST = "bw4"
DEST = "/var/backups/bitwarden"
ROOT = {"become": True, "vars": {"ansible_user": "admin"}}
pytestmark = pytest.mark.fleet


def run(action, *options, play=ROOT, **arguments):
    return task(action, HOST, *options, play=play, **arguments).ok().result(HOST, action)


def listed(host, folder):
    return sorted(host.execute("ls", "-A", folder, check=False).split())


@pytest.fixture(scope="module")
def server(bw4_of_file):
    """Yield the host, whose folder of backups is removed in the end."""
    bw4_of_file.reset()
    yield bw4_of_file
    bw4_of_file.execute("rm", "-rf", DEST, "/opt/bitwarden/backups")


@pytest.fixture
def host(server):
    server.execute("rm", "-rf", DEST, "/opt/bitwarden/backups")
    return server


def test_sets_of_both_formats(host):
    before = listed(host, f"{names.BWDATA}/mssql/backups")
    host.execute("mkdir", "-p", f"{DEST}/notes")
    predicted = run("backup", "--check", "--diff", max_age="1h")
    made = run("backup", max_age="1h")
    again = run("backup", max_age="1h")
    assert [one["changed"] for one in (predicted, made, again)] == [True, True, False]
    assert again["path"] == made["path"]
    manifest = made["manifest"]
    assert manifest["installation_id"] == host.data.installation["id"]
    assert (manifest["versions"]["core"], manifest["versions"]["engine"]) == ("2026.8.0", 17)
    assert manifest["database"]["counts"]["User"] >= 1
    assert manifest["database"]["protected_key_ids"] and set(manifest["database"]["protected_key_ids"]) <= {
        *manifest["key_ids"]
    }
    assert {"id": host.data.organization["id"], "license": True} in manifest["organizations"]
    # Other programs find in the set what is on the host, with its owner.
    path = f"core/licenses/organization/{host.data.organization['id']}.json"
    for program in (("sha256sum",), ("stat", "-c", "%u:%g:%a\n")):
        printed = host.execute(*program, f"{names.BWDATA}/{path}", f"{made['path']}/bwdata/{path}")
        original, copy = (line.split()[0] for line in printed.splitlines() if line)
        assert original == copy
    archive = run("backup", "--diff", format="tar", verify="restore", consistent="stopped", keep=1)
    assert archive["downtime"] > 0 and archive["manifest"]["verified"]["how"] == "restore"
    assert archive["removed"] == [made["path"]]
    host.wait(5)  # Api and Identity answer again, by nginx
    assert "database/vault.bak" in host.execute("tar", "-tzf", archive["path"])
    assert host.execute("stat", "-c", "%a %U", archive["path"]).strip() == "600 root"
    name = archive["path"].rpartition("/")[2]
    assert listed(host, DEST) == sorted([name, f"{name}.json", "notes"])
    assert listed(host, f"{names.BWDATA}/mssql/backups") == before


def test_what_backup_info_tells(host):
    job = "/etc/cron.weekly/bitwardenupdate"
    text = "#!/bin/sh\n/opt/bitwarden/bitwarden.sh update\n"
    host.execute("install", "-D", "-m", "0755", "/dev/stdin", job, stdin=text.encode())
    try:
        made = run("backup", format="tar")
        found = run("backup_info")
    finally:
        host.execute("rm", job)
    (backup,) = found["sets"]
    assert (backup["path"], backup["verified"], backup["restorable"], backup["obstacles"]) == (
        made["path"],
        True,
        True,
        [],
    )
    assert found["newest_verified"]["path"] == made["path"]
    assert [one["path"] for one in found["update_jobs"]] == [job]
    assert found["nightly"]["database"] == "vault"
    # One byte in the middle: sizes are the same.
    flip = "f = open({!r}, 'r+b'); f.seek(5000); old = f.read(1)[0]; f.seek(5000); f.write(bytes([old ^ 1]))"
    host.execute("python3", "-c", flip.format(made["path"]))
    (damaged,) = run("backup_info", verify=True)["sets"]
    assert (damaged["verified"], damaged["restorable"]) == (False, False)
    assert damaged["problems"]


def test_two_at_once(host):
    """They take turns; as the owner of the deployment, who may write elsewhere only. One is encrypted by age."""
    results = []
    key = host.execute("age-keygen")
    recipient = re.search("public key: (age1.*)", key).group(1)

    def back_up(**options):
        results.append(task("backup", HOST, dest="/opt/bitwarden/backups", lock_timeout="2m", **options))

    encrypted = {"format": "tar", "encrypt": {"recipients": [recipient]}}
    threads = [threading.Thread(target=back_up, kwargs=options) for options in ({}, encrypted)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    folder, archive = sorted((one.ok().result(HOST, "backup")["path"] for one in results), key=len)
    assert archive.endswith(".tar.gz.age")
    made = [path.rpartition("/")[2] for path in (folder, archive, f"{archive}.json")]
    assert listed(host, "/opt/bitwarden/backups") == sorted(made)
    decrypt = f"age --decrypt --identity /dev/stdin {archive} | tar -tzf -"
    assert "database/vault.bak" in host.execute("sh", "-c", decrypt, stdin=key.encode()).split()
    refused = task("backup", HOST)
    assert refused.status != 0
    assert "dest: /var/backups cannot be written to" in refused.result(HOST, "backup")["msg"]


def test_a_missing_key_fails_the_backup(host):
    folder = f"{names.BWDATA}/core/aspnet-dataprotection"
    host.execute("mv", folder, "/opt/bitwarden/kept")
    try:
        failed = task("backup", HOST, "--check", play=ROOT)
    finally:
        host.execute("mv", "/opt/bitwarden/kept", folder)
    assert failed.status != 0
    assert "The key ring is incomplete: key-" in failed.result(HOST, "backup")["msg"]
    assert listed(host, DEST) == []


def test_no_secret_is_seen(host, tmp_path):
    play = {"hosts": HOST, "gather_facts": False, **ROOT}
    attempts = [{}, {"format": "tar", "verify": "restore"}, {"dest": "/proc/nowhere"}, {"database_timeout": "0s"}]
    tasks = [{"selfhosted.bitwarden.backup": one, "ignore_errors": True} for one in attempts]
    environment = {"ANSIBLE_PIPELINING": "false", "HOME": "/root"}
    with Watch(host, tmp_path) as watch:
        secrets = watch.secrets()
        done = playbook([{**play, "tasks": [*tasks, {"selfhosted.bitwarden.backup_info": {}}]}], "-vvvv", "--diff",
                        environment=environment)  # fmt: skip
    assert [one.status for one in done.tasks] == ["ok", "ok", "failed", "failed", "ok"]
    places = {place: text for place, text in watch.places().items() if f" {DEST}/" not in place}
    assert "sqlcmd" in places["process lists"]
    # The health check of Bitwarden's image has the password among its arguments.
    places["process lists"] = re.sub(r"-P \S+", "", places["process lists"])
    manifests = [host.execute("cat", f"{done.tasks[0].result['path']}/manifest.json"),
                 host.execute("cat", f"{done.tasks[1].result['path']}.json")]  # fmt: skip
    places.update(
        output=done.output, manifests="".join(manifests), results=json.dumps([one.result for one in done.tasks])
    )
    leaks = [
        f"{name} in {where}" for where, text in places.items() for name, secret in secrets.items() if secret in text
    ]
    assert leaks == []
