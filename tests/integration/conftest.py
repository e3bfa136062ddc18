# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet for integration tests. ``make fleet`` brings it up."""

from __future__ import annotations

from typing import Callable

import pytest

from tests.support.fleet import api


@pytest.fixture(scope="session")
def fleet() -> dict[str, api.Host]:
    """All hosts by name; each must answer."""
    hosts = {host.name: host for host in api.hosts()}
    for host in hosts.values():
        host.wait(60)
    return hosts


@pytest.fixture
def fresh(fleet: dict[str, api.Host]) -> Callable[[str], api.Host]:
    """Give a host in its state after set-up: cloud communication off, no connection, never synced, no faults."""

    def reset(name: str) -> api.Host:
        fleet[name].reset()
        return fleet[name]

    return reset
