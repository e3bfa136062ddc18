# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook that installs servers, on hosts whose steps pretend: what only a run of Ansible shows."""

from __future__ import annotations

INSTALL = "selfhosted.bitwarden.install"
MADE = {"changed": True, "installed": True, "version": "2026.8.0"}
STARTED = {"changed": True, "restarted": True, "version": "2026.8.0", "cloud_communication": False}


def host(install=None, server=None, **variables):
    given = {
        "bitwarden_domain": "vault.example.com",
        "bitwarden_installation_id": "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b",
        "bitwarden_installation_key": "CanaryInstallationKey",
        "ansible_become": False,
    }
    fake = {"install": install or {**MADE, "changed": False}, "server": server or {**STARTED, "changed": False}}
    return {"fake": fake, **given, **variables}


def rows(run):
    """Return the cells of each row: host, version, cloud, changed, result."""
    found = [[cell.strip() for cell in line.split("|")] for line in run.output.splitlines()]
    return {row[0]: tuple(row[1:]) for row in found if len(row) == 5 and row[0].startswith("bw")}


def test_a_fleet_with_a_new_host_one_that_is_there_and_two_that_fail(play):
    run = play(
        {
            "bw1": host(MADE, STARTED, bitwarden_settings={"globalSettings__mail__smtp__host": "mail"}),
            "bw2": host(),
            "bw3": host({"failed": True, "changed": False, "msg": "Docker is not installed here."}),
            "bw4": host(MADE, {"failed": True, "changed": True, "msg": "api crash-loops."}),
            "bw5": host({"unreachable": True}),
            "bw6": host(MADE, {"unreachable": True}),
            "bw7": host(MADE, bitwarden_certificate="borrowed"),
        },
        what=INSTALL,
        bitwarden_serial=[1, "100%"],
    )
    assert run.status != 0
    assert rows(run) == {
        "bw1": ("2026.8.0", "off", "install, start", "ok"),
        "bw2": ("2026.8.0", "off", "no", "ok"),
        "bw3": ("-", "-", "no", "failed"),
        "bw4": ("2026.8.0", "-", "install, start", "failed"),
        "bw5": ("-", "-", "no", "failed"),
        "bw6": ("2026.8.0", "-", "install", "failed"),
        "bw7": ("-", "-", "no", "failed"),
    }
    assert "bw3: failed: Docker is not installed here." in run.output
    assert "bw4: failed: api crash-loops." in run.output
    for name in ("bw5", "bw6"):
        assert f"{name}: failed: unreachable: no route to host" in run.output
    assert "bw7: failed: value of bitwarden_certificate must be one of" in run.output
    assert [run.recap(f"bw{number}")["failed"] for number in range(1, 8)] == [0, 0, 1, 1, 1, 1, 1]
    assert run.steps("bw3") == ["install"]
    given = run.arguments("bw1", "install")
    assert (given["start"], given["verify_installation"]) == (False, True)
    assert not {"region", "owner", "config", "certificate_files", "source", "pull"} & set(given)
    assert run.arguments("bw1", "server")["settings"] == {"globalSettings__mail__smtp__host": "mail"}
    assert "CanaryInstallationKey" not in run.output


def test_check_mode_does_not_start_what_is_not_there(play):
    run = play({"bw1": host(MADE), "bw2": host(None, STARTED, bitwarden_offline=True)}, "--check", what=INSTALL)
    assert run.status == 0, run.output
    assert (run.steps("bw1"), run.steps("bw2")) == (["install"], ["install", "server"])
    assert rows(run)["bw1"] == ("2026.8.0", "-", "(install)", "ok")
    assert rows(run)["bw2"] == ("2026.8.0", "off", "(start)", "ok")
    assert run.arguments("bw2", "install")["verify_installation"] is False


def test_without_a_host_or_with_a_wrong_size_of_batches(play):
    run = play({"bw1": host(MADE)}, what=INSTALL, bitwarden_hosts="typo")
    assert run.status == 2 and "No host matches typo" in run.output
    run = play({"bw1": host(MADE)}, what=INSTALL, bitwarden_serial=["half"])
    assert run.calls == [] and "bitwarden_serial: half is not a size of batches" in run.output
