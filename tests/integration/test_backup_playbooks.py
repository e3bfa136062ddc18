# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks backup and restore on the fleet: sets fetched by a user with sudo, and one restored from there."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.support.fleet.names import NOBODY

from .ansible_run import playbook

DEST = "/var/backups/bitwarden"
FILE = "core/attachments/of-the-test"


def rows(run):
    """Return what changed on each host, and its result."""
    found = [[cell.strip() for cell in line.split("|")] for line in run.output.splitlines()]
    return {row[0]: row[-2:] for row in found if len(row) in (4, 5) and row[0].startswith("bw")}


@pytest.mark.fleet
def test_sets_are_fetched_once_and_restored_from_the_controller(fresh, tmp_path):
    hosts = {name: fresh(name) for name in ("bw1", "bw2")}
    gone = tmp_path / "gone.yml"
    gone.write_text(json.dumps({"bitwarden": {"hosts": {"bw5": {"ansible_host": NOBODY, "ansible_ssh_timeout": 5}}}}))
    sets = tmp_path / "sets"
    common = {"ansible_user": "admin", "bitwarden_backup_fetch": True, "bitwarden_backup_fetch_dest": str(sets)}
    common.update(bitwarden_backup_max_age="1h", bitwarden_backup_keep=2)
    try:
        # More than a piece.
        hosts["bw1"].execute("sh", "-c", f"head -c 20000000 /dev/urandom > /opt/bitwarden/bwdata/{FILE}")
        content = hosts["bw1"].execute("sha256sum", f"/opt/bitwarden/bwdata/{FILE}")
        made = playbook("selfhosted.bitwarden.backup", "-i", str(gone), "--limit", "bw1,bw2,bw5", "-vvv", **common)
        assert made.status != 0
        found = rows(made)
        assert [found[name] for name in hosts] == [["backup, fetch", "ok"]] * 2
        assert found["bw5"] == ["no", "failed"] and "bw5: failed: unreachable: " in made.output
        for name, host in hosts.items():
            result = made.result(name, "backup")
            here = sets / name / result["path"].rpartition("/")[2]
            assert hashlib.sha256(here.read_bytes()).hexdigest() == result["manifest"]["archive"]["sha256"]
            assert host.execute("sha256sum", result["path"]).split()[0] == result["manifest"]["archive"]["sha256"]
        # A set that is printed on its way is not part of the output.
        assert len(made.output) < 5_000_000
        again = playbook("selfhosted.bitwarden.backup", "--limit", "bw1,bw2", **common).ok()
        assert [rows(again)[name] for name in hosts] == [["no", "ok"]] * 2
        hosts["bw1"].execute("rm", "-rf", f"/opt/bitwarden/bwdata/{FILE}", DEST)
        restored = playbook(
            "selfhosted.bitwarden.restore", "--limit", "bw1", ansible_user="admin",
            bitwarden_restore_src=made.result("bw1", "backup")["fetch"]["path"],
            bitwarden_restore_confirm=hosts["bw1"].data.installation["id"], bitwarden_restore_safety_backup=False,
        ).ok()  # fmt: skip
        assert rows(restored)["bw1"][0].startswith("restore of ")
        assert hosts["bw1"].execute("sha256sum", f"/opt/bitwarden/bwdata/{FILE}") == content
    finally:
        for host in hosts.values():
            host.execute("rm", "-rf", DEST, f"/opt/bitwarden/bwdata/{FILE}")
