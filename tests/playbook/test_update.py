# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook that updates a fleet in waves, on hosts whose steps pretend: what only a run of Ansible shows."""

from __future__ import annotations

UPDATE = "selfhosted.bitwarden.update"
DONE = {
    "changed": True,
    "before": {"core": "2026.7.0", "web": "2026.7.0"},
    "after": {"core": "2026.8.0", "web": "2026.8.0"},
    "downtime": 41.5,
    "rolled_back": False,
}
BACK = {**DONE, "failed": True, "rolled_back": True, "msg": "migrations: 2026-08-04_00_Users.sql did not run."}
SAME = {**DONE, "changed": False, "before": DONE["after"], "downtime": 0.0}


def host(update=None, **variables):
    return {"fake": {"update": update or DONE}, "ansible_become": False, **variables}


def rows(run):
    """Return version, changed and result of each host, in the table's order, without the columns of the sync."""
    found = [[cell.strip() for cell in line.split("|")] for line in run.output.splitlines()]
    return {row[0]: (row[1], row[-2], row[-1]) for row in found if len(row) == 4 and row[0].startswith("bw")}


def asked(run, *names):
    """Return each host's version, in the order in which they were updated."""
    return [(name, arguments.get("version")) for name, step, arguments in run.calls if step == "update"]


def test_waves_end_with_the_batch_of_a_bad_host_and_go_on_when_it_is_mended(play):
    """Also one that is unreachable; the release that the canary found is that of all."""
    hosts = {"bw1": host(), "bw2": host(BACK), "bw3": host(), "bw4": host({"unreachable": True}), "bw5": host()}
    run = play(hosts, what=UPDATE)
    assert run.status != 0
    assert asked(run) == [("bw1", "latest"), ("bw2", "2026.8.0")]
    assert rows(run) == {
        "bw1": ("2026.8.0", "update to 2026.8.0", "ok"),
        "bw2": ("2026.7.0", "update to 2026.8.0, rollback", "failed"),
        **dict.fromkeys(("bw3", "bw4", "bw5"), ("-", "-", "not touched")),
    }
    assert "bw2: failed: migrations: 2026-08-04_00_Users.sql did not run." in run.output
    assert [run.recap(name)["failed"] for name in hosts] == [0, 1, 0, 0, 0]
    assert "WARNING" not in run.output and "DEPRECATION" not in run.output

    mended = {**hosts, "bw1": host(SAME), "bw2": host()}
    run = play(mended, what=UPDATE, bitwarden_serial=[1, 2])
    assert run.status != 0
    assert rows(run)["bw1"] == ("2026.8.0", "no", "ok")
    assert rows(run)["bw3"] == ("2026.8.0", "update to 2026.8.0", "ok")
    assert rows(run)["bw4"] == ("-", "no", "failed")
    assert "bw4: failed: unreachable: no route to host" in run.output
    assert rows(run)["bw5"] == ("-", "-", "not touched")


def test_a_canary_by_name_and_check_mode_that_tells_of_all(play):
    hosts = {
        "bw1": host(bitwarden_update_version="2026.8.0", bitwarden_update_pull=False, bitwarden_bwdata="/srv/bwdata"),
        "bw2": host(BACK | {"changed": False, "rolled_back": False, "downtime": 0.0}),
        "bw3": host(),
        "bw4": host(bitwarden_update_source="/srv/release", bitwarden_update_remote_src=True),
    }
    run = play(hosts, "--check", what=UPDATE, bitwarden_canary="bw3:bw9")
    assert run.status != 0
    assert asked(run) == [("bw3", "latest"), ("bw1", "2026.8.0"), ("bw2", "2026.8.0"), ("bw4", "latest")]
    assert list(rows(run)) == ["bw3", "bw1", "bw2", "bw4"]
    assert rows(run)["bw3"] == ("2026.7.0", "(update to 2026.8.0)", "ok")
    assert rows(run)["bw2"] == ("2026.7.0", "no", "failed")
    given = {"version": "2026.8.0", "pull": False, "bwdata": "/srv/bwdata"}
    assert run.arguments("bw1", "update") == {**given, "fail_when_unreachable": True}

    within = play(hosts, "--limit", "bw1,bw4", what=UPDATE, bitwarden_canary="bw3", bitwarden_serial="50%")
    assert within.status == 0, within.output
    assert list(rows(within)) == ["bw1", "bw4"]


def test_every_fault_is_told_before_any_host_is_touched(play):
    hosts = {
        "bw1": host(),
        "bw2": host(bitwarden_update_version="2026.8", bitwarden_update_backup_max_age="soon"),
        "bw3": host(bitwarden_update_source="nowhere"),
    }
    run = play(hosts, what=UPDATE)
    assert run.status != 0 and run.calls == []
    for text in (
        "bw2: bitwarden_update_version: 2026.8 is not a version such as 2026.8.0.",
        "bw2: bitwarden_update_backup_max_age",
        "bw3: bitwarden_update_source: nowhere is not a folder on the controller.",
    ):
        assert text in run.output.replace("\\n", "\n"), run.output
    wrong = play({"bw1": host()}, what=UPDATE, bitwarden_serial=["half"], bitwarden_canary="bw7", more=["bw7"])
    assert "bitwarden_serial: half is not a size of batches" in wrong.output
    assert "bitwarden_canary: bw7 is not among the hosts of the playbook" in wrong.output
    nobody = play({"bw1": host()}, what=UPDATE, bitwarden_hosts="nobody")
    assert nobody.status != 0 and "No host matches nobody" in nobody.output
