# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook that shows the status of a fleet, on hosts whose facts are given: what only a run of Ansible shows."""

from __future__ import annotations

import json

from prometheus_client.parser import text_string_to_metric_families

from .pretend import ORGANIZATION

STATUS = "selfhosted.bitwarden.fleet_status"
SERVER = {
    "changed": False,
    "services": [{"name": "api", "state": "running", "health": "healthy", "image": "ghcr.io/bitwarden/api:2026.8.0"}],
    "version": "2026.8.0",
    "stale_services": {},
    "available_versions": {"core": "2026.9.0", "web": "2026.9.0", "key_connector": None},
    "certificate": {"expires": "2099-02-24T12:00:00Z", "days_left": 26000, "names": ["vault.example.com"]},
    "backup": {"created": "2026-01-01T02:00:00Z", "age": 36000, "verified": "checksum"},
    "licenses": [],
    "unknown": {},
}
FACTS = {
    **ORGANIZATION,
    "organization": {"id": "7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003", "name": 'Example "Enterprise"', "enabled": True},
    "license": {"state": "ok", "expires": "2099-12-28T00:00:00Z"},
    "problems": [],
    "sync_problem": None,
}


def host(server_info=None, organization_info=None):
    facts = {**FACTS, **(organization_info or {})}
    fake = {"server_info": {**SERVER, **(server_info or {})}, "organization_info": facts}
    return {"fake": fake, "bitwarden_client_secret": "canary-api-key"}


GOOD = host()
EXPIRING = host({"certificate": {"expires": "2026-01-01T00:00:00Z", "days_left": -1, "names": ["old.example.com"]}})
GONE = host({"unreachable": True})
SILENT = host(None, {"failed": True, "msg": "vault.example.com was not reached."})


def last_cells(run):
    """Return the last cell of each host's row; the table has three columns more than that of the Families sync."""
    rows = [[cell.strip() for cell in line.split("|")] for line in run.output.splitlines()]
    return {row[0]: row[-1] for row in rows if len(row) == 12 and not row[0].startswith('"')}


def test_a_fleet_on_which_nothing_is_wrong(play, tmp_path):
    """Files relative to the inventory; nothing is changed but these, and check mode does not write them."""
    files = {"bitwarden_status_file": "status.json", "bitwarden_prometheus_file": str(tmp_path / "bitwarden.prom")}
    run = play({"bw1": GOOD, "bw2": GOOD}, "--check", what=STATUS, **files)
    assert run.status == 0, run.output
    assert not (tmp_path / "status.json").exists() and not (tmp_path / "bitwarden.prom").exists()
    run = play({"bw1": GOOD, "bw2": GOOD}, what=STATUS, **files)
    assert run.status == 0, run.output
    assert last_cells(run) == {"host": "result", "bw1": "ok", "bw2": "ok"}
    assert "WARNING" not in run.output and "DEPRECATION" not in run.output
    assert run.steps("bw1") == ["server_info", "organization_info"]
    assert run.arguments("bw1", "server_info") == {"show_settings": False}
    assert run.arguments("bw1", "organization_info")["client_secret"] == "canary-api-key"
    found = json.loads((tmp_path / "status.json").read_text())
    assert found["failing"] == {} and found["hosts"]["bw2"]["available_version"] == "2026.9.0"
    assert (tmp_path / "bitwarden.prom").stat().st_mode & 0o777 == 0o644


def test_what_is_wrong_with_a_host_stops_no_other_and_fails_at_the_end(play, tmp_path):
    prometheus, status = tmp_path / "bitwarden.prom", tmp_path / "status.json"
    hosts = {"bw1": GONE, "bw2": GOOD, "bw3": EXPIRING, "bw4": SILENT}
    run = play(hosts, "-vvv", what=STATUS, bitwarden_prometheus_file=str(prometheus), bitwarden_status_file=str(status))
    assert run.status == 2
    assert last_cells(run) == {
        "host": "result", "bw1": "failed", "bw2": "ok", "bw3": "failed", "bw4": "failed",
    }  # fmt: skip
    assert [run.recap(name)["failed"] for name in hosts] == [1, 0, 1, 1]
    assert "bw1: failed: The host is unreachable: no route to host" in run.output
    assert "bw3: The certificate for old.example.com expired on 2026-01-01." in run.output
    samples = {
        (sample.name, sample.labels.get("host")): sample.value
        for family in text_string_to_metric_families(prometheus.read_text())
        for sample in family.samples
    }
    assert [samples["bitwarden_up", name] for name in hosts] == [0, 1, 1, 0]
    assert sorted(json.loads(status.read_text())["failing"]) == ["bw1", "bw3", "bw4"]
    for text in (run.output, prometheus.read_text(), status.read_text()):
        assert "canary-api-key" not in text


def test_without_an_api_key_and_on_an_air_gapped_host(play):
    """Nothing is asked of Bitwarden, and of the API nothing; the files on the disk tell of the license."""
    licenses = [{"organization_id": "x", "expires": "2026-01-01T00:00:00Z", "state": "ok", "problem": ""}]
    hosts = {"bw1": {**host({"licenses": licenses}), "bitwarden_offline": True, "bitwarden_url": ""}}
    run = play(hosts, what=STATUS)
    assert run.status == 2
    assert run.steps("bw1") == ["server_info"]
    assert run.arguments("bw1", "server_info")["gather"] == ["certificate", "backup"]
    assert "The license of x expired on 2026-01-01." in run.output


def test_thresholds_and_files_that_cannot_be_written(play, tmp_path):
    options = {"bitwarden_fail_when_outdated": True, "bitwarden_backup_older_than": "1h"}
    files = {"bitwarden_status_file": "/nowhere/status.json", "bitwarden_prometheus_file": str(tmp_path / "x.txt")}
    run = play({"bw1": GOOD}, what=STATUS, **options, **files)
    assert run.status == 2
    assert last_cells(run)["bw1"] == "failed", "the table comes all the same"
    assert "Version 2026.9.0 is available" in run.output and "old, more than 1h" in run.output
    assert "the folder /nowhere does not exist" in run.output and "does not end in .prom" in run.output
    assert not (tmp_path / "x.txt").exists()


def test_without_a_host(play):
    run = play({"bw1": GOOD}, what=STATUS, bitwarden_hosts="typo")
    assert run.status == 2 and "No host matches typo" in run.output
