# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook on the fleet: from "never synced" to synced, and what a bad and an unreachable host do to a run."""

from __future__ import annotations

import json
import re
from typing import Dict, List, Tuple

import pytest

from tests.support.fleet.names import NOBODY

from .ansible_run import ENVIRONMENTS, Run, playbook

PLAYBOOK = "selfhosted.bitwarden.families_sync"
HOSTS = ["bw1", "bw2", "bw3"]
# A step, or what module organization has changed.
STEPS = ["server", "license", "billing_sync_token", "last_license_sync"]
CONFIGURE = "families_sync_configure"
# What the controller keeps of a step that did nothing.
KEPT = {
    "server": {"changed", "restarted", "changes", "version", "cloud_communication", "installation_id"},
    CONFIGURE: {"changed", "changes", "status"},
}
TASKS = 8  # of the role on a host in an unchanged run, those that are skipped included


def table(run: Run) -> Dict[str, List[str]]:
    """Return the printed table: host -> its cells."""
    rows = [[cell.strip() for cell in line.split("|")] for line in run.output.splitlines()]
    return {row[0]: row for row in rows if len(row) in (9, 10)}


def changed(run: Run) -> Dict[Tuple[str, str], bool]:
    found = {}
    for host in HOSTS:
        keys = {change["key"] for change in run.result(host, CONFIGURE)["changes"]}
        found.update({(host, step): step in keys for step in STEPS})
        found[host, "server"] = bool(run.result(host, "server").get("changed"))
    return found


@pytest.mark.fleet
@pytest.mark.parametrize("core", ENVIRONMENTS)
def test_check_mode_predicts_the_run_and_a_second_one_changes_nothing(fresh, core):
    hosts = [fresh(name) for name in HOSTS]
    before = [host.read("env/global.override.env") for host in hosts]
    limit = ("--limit", ",".join(HOSTS))

    predicted = playbook(PLAYBOOK, *limit, "--check", "--diff", core=core).ok()
    assert [host.read("env/global.override.env") for host in hosts] == before, "check mode wrote a file"
    assert all(predicted.result(name, CONFIGURE)["last_license_sync"] is None for name in HOSTS)

    done = playbook(PLAYBOOK, *limit, core=core).ok()
    assert changed(done) == changed(predicted)
    for host in hosts:
        assert [changed(done)[host.name, step] for step in STEPS] == [True, False, True, True]
        assert host.container_env("api")["globalSettings__enableCloudCommunication"] == "true"
        row = table(done)[host.name]
        assert row[2:4] == ["on", "set"] and row[4] not in ("never", "-") and row[8] == "ok"
        assert row[7].startswith("settings, restart, ") and row[7].endswith("token, license sync")

    again = playbook(PLAYBOOK, *limit, core=core).ok()
    assert set(changed(again).values()) == {False}
    for name in HOSTS:
        assert again.recap(name)["changed"] == 0
        # One module on the host, which checks no connectivity as it changes nothing; the rest is the controller's.
        for step, kept in KEPT.items():
            assert set(again.result(name, step)) - {"ansible_facts", "_ansible_no_log"} == kept
        of_role = [task for task in again.tasks if task.host == name and not task.task.endswith("Show the fleet")]
        assert len([task for task in of_role if "families_sync : " in task.task]) <= TASKS
        assert table(again)[name][4] == table(done)[name][4], "the last sync moved in a run that changed nothing"


@pytest.mark.fleet
def test_a_bad_and_an_unreachable_host_do_not_stop_the_others(fleet, tmp_path):
    for host in fleet.values():
        host.reset_data()
    more = tmp_path / "more.yml"
    more.write_text(json.dumps({"bitwarden": {"hosts": {
        "bw4": {"bitwarden_billing_sync_token": "a-token-that-the-cloud-does-not-know"},
        "bw5": {"ansible_host": NOBODY, "bitwarden_url": f"https://{NOBODY}", "bitwarden_billing_sync_token": "none",
                "bitwarden_client_id": "user.00000000-0000-4000-8000-000000000005", "bitwarden_client_secret": "none",
                "bitwarden_organization": "Company bw5", "ansible_ssh_timeout": 5},
    }}}))  # fmt: skip
    run = playbook(PLAYBOOK, "-i", str(more), bitwarden_gather=["certificate"])
    assert run.status != 0
    rows = table(run)
    days = [rows[name][-3] for name in ("bw1", "bw2", "bw3", "bw4", "bw5")]
    assert [re.sub("[0-9]+d", "days", one) for one in days] == ["days"] * 4 + ["-"]
    assert [rows[name][-1] for name in ("bw1", "bw2", "bw3")] == ["ok", "ok", "ok"]
    assert all(rows[name][4] not in ("never", "-") for name in ("bw1", "bw2", "bw3"))
    assert [rows[name][-1] for name in ("bw4", "bw5")] == ["failed", "failed"] and rows["bw4"][4] == "never"
    assert "\nbw4: failed: Sync the license: " in run.output
    assert re.search("^bw5: failed: .*unreachable", run.output, re.MULTILINE)
    assert [run.recap(name)["failed"] for name in ("bw1", "bw2", "bw3", "bw4", "bw5")] == [0, 0, 0, 1, 1]
    assert "a-token-that-the-cloud-does-not-know" not in run.output


@pytest.mark.fleet
def test_a_failed_canary_leaves_the_others_untouched(fresh):
    fresh("bw1")
    other = fresh("bw2")
    started = other.containers()["api"]["started"]
    run = playbook(PLAYBOOK, "--limit", "bw1,bw2", bitwarden_serial=[1, "100%"], bitwarden_url="https://127.0.0.1:1",
                   bitwarden_wait_timeout="1s")  # fmt: skip
    assert run.status != 0
    assert [table(run)[name][-1] for name in ("bw1", "bw2")] == ["failed", "not touched"]
    assert re.search("^bw1: failed: (Wait for the API|Apply the settings):", run.output, re.MULTILINE)
    assert other.containers()["api"]["started"] == started
