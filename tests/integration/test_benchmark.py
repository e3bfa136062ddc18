# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmark measures; its figures are not a test. It is tried with very few runs."""

from __future__ import annotations

import pytest

from ..support.benchmark import flow, memory, size, traffic
from ..support.benchmark.runs import FLOW, PING, Controller

pytestmark = pytest.mark.fleet


@pytest.fixture(scope="module")
def unchanged(fleet, tmp_path_factory):
    """Return all hosts in the state in which a run finds nothing to do."""
    controller = Controller(tmp_path_factory.mktemp("first"))
    controller.write_inventory({name: host.variables for name, host in fleet.items()})
    controller.run(FLOW)
    return fleet


def test_many_names_on_four_hosts(unchanged, tmp_path):
    """Recorded once, the hosts answer for all names that share them, and the cloud is asked no more often."""
    controller = Controller(tmp_path, forks=10)
    with size.answering_hosts():
        asked = []
        for count in (len(unchanged), len(unchanged) + 2):
            controller.write_inventory(size.inventory(count))
            controller.run(PING)
            size.forget_cloud_requests()
            recap = controller.run(FLOW).recap()
            asked.append(size.cloud_requests())
            assert len(recap) == count
        assert 0 < asked[1] <= asked[0]
        assert {host: counts["changed"] for host, counts in recap.items()} == dict.fromkeys(recap, 0)


def test_bytes_and_tasks(fleet, tmp_path):
    controller = Controller(tmp_path)
    assert traffic._sent(controller, PING, "true") > 10_000 * len(fleet)
    shares = controller.shares(PING)
    assert [name for name, _share in shares] == ["(Ansible's start and end)", "Ask whether it is there"]
    assert 0 < shares[1][1] < 1


def test_requests_are_counted(unchanged, tmp_path, monkeypatch):
    monkeypatch.setattr(flow.turns, "walls", lambda _rounds, variants: {name: [1.0] for name in variants})
    controller = Controller(tmp_path)
    controller.write_inventory({name: host.variables for name, host in unchanged.items()})
    figures = flow.measure(controller, 1)
    assert min(figures["logins"]) >= 1
    assert len(figures["reads"]) == len(figures["tasks"]) == len(unchanged)


def test_memory_of_many_pretended_hosts(unchanged, tmp_path):
    """The role's checks accept them, and the modules that return what the fleet's did are enough for a whole run."""
    controller = Controller(tmp_path)
    figures = memory.measure(controller, rounds=1, size=3)
    assert 0.9 < figures["memory"][0] < 3
