# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet in waves whose second host is bad: it goes back, the others stay as they are, and the next run goes on."""

from __future__ import annotations

import pytest

from tests.support import fleet
from tests.support.fleet import names

from .ansible_run import playbook

PLAYBOOK = "selfhosted.bitwarden.update"
HOSTS = ("bw1", "bw2", "bw3", "bw4")
BACKUPS = "/var/backups/bitwarden"
OLD, NEW = names.VERSION, names.NEWER_VERSION
pytestmark = pytest.mark.fleet


def update(*options, **extra):
    return playbook(PLAYBOOK, *options, ansible_user="admin", bitwarden_update_try_database=False, **extra)


def table(run):
    """Return version, changed and result of each host."""
    found = [[cell.strip() for cell in line.split("|")] for line in run.output.splitlines()]
    return {row[0]: tuple(row[1:]) for row in found if len(row) == 4 and row[0] in HOSTS}


def started(host):
    return {name: one["started"] for name, one in host.containers().items()}


def versions(host):
    return {str(one["image"]).rpartition(":")[2] for name, one in host.containers().items() if name != "key-connector"}


@pytest.fixture(scope="module")
def hosts():
    found = {name: fleet.host(name) for name in HOSTS}
    for host in found.values():
        host.reset()
    yield found
    left = f"rm -rf {BACKUPS} {names.BWDATA}/.bitwarden-* {names.BWDATA}/mssql/data.after-*"
    for host in found.values():
        host.execute("sh", "-c", left)
        host.reset()


def test_a_bad_host_ends_the_waves_and_the_next_run_goes_on(hosts):
    fleet.downloads().offer(NEW)
    before = {name: started(hosts[name]) for name in HOSTS}
    predicted = update("--check", bitwarden_serial="100%").ok()
    assert table(predicted) == dict.fromkeys(HOSTS, (OLD, f"(update to {NEW})", "ok"))
    assert {name: started(hosts[name]) for name in HOSTS} == before

    hosts["bw2"].control("migration", {"fails": NEW})
    failed = update()
    assert failed.status != 0
    assert table(failed) == {
        "bw1": (NEW, f"update to {NEW}", "ok"),
        "bw2": (OLD, f"update to {NEW}, rollback", "failed"),
        "bw3": ("-", "-", "not touched"),
        "bw4": ("-", "-", "not touched"),
    }
    assert f"The server is running on {OLD} again" in failed.output
    assert [failed.recap(name)["failed"] for name in HOSTS] == [0, 1, 0, 0]
    assert [versions(hosts[name]) for name in HOSTS] == [{NEW}, {OLD}, {OLD}, {OLD}]
    assert {name: started(hosts[name]) for name in ("bw3", "bw4")} == {name: before[name] for name in ("bw3", "bw4")}

    hosts["bw2"].control("migration", {"fails": None})
    mended = update("--limit", "bw1,bw2,bw3", bitwarden_serial="100%").ok()
    others = dict.fromkeys(("bw2", "bw3"), (NEW, f"update to {NEW}", "ok"))
    assert table(mended) == {"bw1": (NEW, "no", "ok"), **others}
    assert [versions(hosts[name]) for name in HOSTS] == [{NEW}, {NEW}, {NEW}, {OLD}]
    assert [one for run in (predicted, failed, mended) for one in fleet.secrets().values() if one in run.output] == []
