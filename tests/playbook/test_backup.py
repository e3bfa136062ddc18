# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks backup and restore, on hosts whose steps pretend: what only a run of Ansible shows."""

from __future__ import annotations

import json

BACKUP = "selfhosted.bitwarden.backup"
RESTORE = "selfhosted.bitwarden.restore"
MANIFEST = {"created": "2026-01-01T02:00:00Z", "versions": {"core": "2026.8.0"}, "verified": {"how": "checksum"}}
MADE = {"changed": True, "made": True, "path": "/sets/a", "manifest": MANIFEST, "removed": [], "fetch": None}
CURRENT = {**MADE, "changed": False, "made": False}
RESTORED = {
    "changed": True,
    "created": "2026-01-01T02:00:00Z",
    "rolled_back": False,
    "services": [{"name": "api", "image": "ghcr.io/bitwarden/api:2026.8.0"}],
}
IDS = {name: f"{number}4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b" for number, name in enumerate(("bw1", "bw2", "bw3"), 1)}


def host(result, step="backup", **variables):
    return {"fake": {step: result}, "ansible_become": False, **variables}


def set_of(name, result, **variables):
    """Return a host that a set is confirmed for."""
    given = {"bitwarden_restore_set": f"/sets/{name}", "bitwarden_restore_confirm": IDS[name]}
    return host(result, "restore", **{**given, **variables})


def rows(run):
    """Return the cells of each row: host, version, where known the backup, changed, result."""
    found = [[cell.strip() for cell in line.split("|")] for line in run.output.splitlines()]
    return {row[0]: row[1:] for row in found if len(row) in (4, 5) and row[0].startswith("bw")}


def test_backups_of_a_fleet_with_hosts_that_fail(play, tmp_path):
    """One that fails, one that is down, one whose variables are wrong: each is a row, and the others go on."""
    variables = {
        "bitwarden_backup_keep": 7,
        "bitwarden_backup_max_age": "20h",
        "bitwarden_backup_encrypt": {"recipients": ["age1canary"]},
        "bitwarden_backup_fetch": True,
        "bitwarden_backup_fetch_dest": str(tmp_path / "sets"),
        "bitwarden_backup_throttle": 1,
    }
    run = play(
        {
            "bw1": host({**MADE, "removed": ["/sets/old"], "fetch": {"fetched": True, "removed": []}}, **variables),
            "bw2": host(CURRENT),
            "bw3": host({"failed": True, "changed": False, "msg": "The key ring is incomplete."}),
            "bw4": host({"unreachable": True}),
            "bw5": host(MADE, bitwarden_backup_verify="thoroughly"),
        },
        what=BACKUP,
        bitwarden_serial=[1, "100%"],
    )
    assert run.status == 2
    found = rows(run)
    age = found["bw1"][1]
    assert age.endswith("d") and age != "-"
    assert found == {
        "bw1": ["2026.8.0", age, "backup, old sets removed, fetch", "ok"],
        "bw2": ["2026.8.0", age, "no", "ok"],
        "bw3": ["-", "-", "no", "failed"],
        "bw4": ["-", "-", "no", "failed"],
        "bw5": ["-", "-", "no", "failed"],
    }
    assert "bw3: failed: The key ring is incomplete." in run.output
    assert "bw4: failed: unreachable: no route to host" in run.output
    assert "bw5: failed: value of bitwarden_backup_verify must be one of" in run.output
    assert [run.recap(name)["failed"] for name in ("bw1", "bw2", "bw3", "bw4", "bw5")] == [0, 0, 1, 1, 1]
    assert run.touched() == ["bw1", "bw2", "bw3", "bw4"]
    given = run.arguments("bw1", "backup")
    assert {**given, "keep": int(given["keep"])} == {
        "max_age": "20h",
        "keep": 7,
        "format": "tar",
        "encrypt": {"recipients": ["age1canary"]},
        "fetch_dest": str(tmp_path / "sets"),
        "fail_when_unreachable": True,
    }
    assert run.arguments("bw2", "backup") == {"fail_when_unreachable": True}


def test_check_mode_of_a_backup(play):
    predicted = {**MADE, "path": None, "manifest": None}
    run = play({"bw1": host(predicted, bitwarden_backup_fetch=True)}, "--check", what=BACKUP)
    assert run.status == 0, run.output
    assert rows(run)["bw1"] == ["-", "(backup)", "ok"]
    assert "WARNING" not in run.output and "DEPRECATION" not in run.output
    arguments = run.arguments("bw1", "backup")
    assert (arguments["format"], arguments["fetch_dest"]) == ("tar", "~/bitwarden-sets")


def test_without_a_host(play):
    for what in (BACKUP, RESTORE):
        run = play({"bw1": host(MADE)}, what=what, bitwarden_hosts="typo")
        assert run.status == 2 and "No host matches typo" in run.output


def test_a_restore_is_checked_on_all_hosts_before_any_is_touched(play):
    hosts = {"bw1": set_of("bw1", RESTORED), "bw2": set_of("bw2", RESTORED, bitwarden_restore_confirm="")}
    hosts["bw3"] = set_of("bw3", RESTORED, bitwarden_restore_set="", bitwarden_restore_src="nowhere")
    hosts["bw3"].update(bitwarden_restore_database_timeout="soon", bitwarden_restore_rollback="perhaps")
    run = play(hosts, what=RESTORE)
    assert run.status == 2 and run.calls == []
    for text in (
        "bw2: bitwarden_restore_confirm is missing: a restore replaces what is on the host.",
        "bw3: bitwarden_restore_src: nowhere does not exist on the controller.",
        "bw3: bitwarden_restore_database_timeout",
        "bw3: bitwarden_restore_rollback is not of type bool.",
    ):
        assert text in run.output.replace("\\n", "\n"), run.output
    both = {name: set_of(name, RESTORED) for name in ("bw1", "bw2")}
    run = play(both, what=RESTORE, bitwarden_restore_confirm=IDS["bw1"])
    assert run.status == 2 and run.calls == []
    assert "bw1, bw2: Several hosts have the same bitwarden_restore_confirm." in run.output.replace("\\n", "\n")
    run = play(both, "--limit", "bw2", what=RESTORE, bitwarden_restore_confirm=IDS["bw1"])
    assert run.status == 0, run.output
    assert run.touched() == ["bw2"] and run.arguments("bw2", "restore")["confirm"] == IDS["bw1"]


def test_drills_of_several_hosts_beside_a_restore(play):
    """They need no confirmation, and never get the folder or the script of the server."""
    drill = {**RESTORED, "project": "bitwarden-drill-1f0c5a3e9b7d", "duration": 214}
    server = {"bitwarden_bwdata": "/srv/bwdata", "bitwarden_script": "/srv/bitwarden.sh"}
    rehearsal = {**server, "bitwarden_restore_isolated": "yes", "bitwarden_restore_confirm": ""}
    hosts = {
        "bw1": set_of("bw1", drill, **rehearsal),
        "bw2": set_of("bw2", drill, **rehearsal, bitwarden_restore_drill_bwdata="/srv/drill"),
        "bw3": set_of("bw3", RESTORED, **server),
    }
    run = play(hosts, what=RESTORE)
    assert run.status == 0, run.output
    assert rows(run)["bw1"] == ["2026.8.0", "drill of 2026-01-01 02:00 in 214s", "ok"]
    assert rows(run)["bw3"] == ["2026.8.0", "restore of 2026-01-01 02:00", "ok"]
    given = run.arguments("bw1", "restore")
    assert given == {
        "set": "/sets/bw1",
        "isolated": "yes",
        "bwdata": "/var/lib/bitwarden-drill",
        "fail_when_unreachable": True,
    }
    assert run.arguments("bw2", "restore")["bwdata"] == "/srv/drill"
    assert (run.arguments("bw3", "restore")["bwdata"], run.arguments("bw3", "restore")["script"]) == (
        "/srv/bwdata",
        "/srv/bitwarden.sh",
    )
    gone = {name: host({"changed": True}, "restore", **rehearsal) for name in ("bw1", "bw2")}
    run = play(gone, what=RESTORE, bitwarden_restore_state="absent")
    assert run.status == 0, run.output
    assert rows(run)["bw2"][-2:] == ["drill removed", "ok"]
    run = play({"bw3": hosts["bw3"]}, what=RESTORE, bitwarden_restore_state="absent")
    assert run.calls == []
    assert "bitwarden_restore_state=absent removes a drill. It needs bitwarden_restore_isolated=true." in run.output


def test_restores_of_several_hosts(play):
    failed = {**RESTORED, "failed": True, "rolled_back": True, "msg": "The restore is not proven."}
    run = play(
        {
            "bw1": set_of("bw1", RESTORED, bitwarden_restore_safety_backup=False),
            "bw2": set_of("bw2", failed),
            "bw3": set_of("bw3", {"unreachable": True}),
        },
        what=RESTORE,
    )
    assert run.status == 2
    assert rows(run) == {
        "bw1": ["2026.8.0", "restore of 2026-01-01 02:00", "ok"],
        "bw2": ["2026.8.0", "restore of 2026-01-01 02:00, rollback", "failed"],
        "bw3": ["-", "no", "failed"],
    }
    assert "bw2: failed: The restore is not proven." in run.output
    assert run.arguments("bw1", "restore") == {
        "set": "/sets/bw1",
        "confirm": IDS["bw1"],
        "safety_backup": False,
        "fail_when_unreachable": True,
    }
    assert json.dumps(IDS["bw1"]) not in run.output
