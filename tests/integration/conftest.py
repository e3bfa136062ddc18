# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet for integration tests. ``make fleet`` brings it up."""

from __future__ import annotations

from typing import Callable, Iterator

import pytest

from tests.support.fleet import api


@pytest.fixture(scope="session")
def fleet() -> dict[str, api.Host]:
    """Return all hosts by name; each must respond."""
    hosts = {host.name: host for host in api.hosts()}
    for host in hosts.values():
        host.wait(60)
    return hosts


@pytest.fixture(scope="module")
def bw4_of_file() -> Iterator[api.Host]:
    """Give the host back in its state after set-up when a file has ended."""
    yield api.host("bw4")
    api.host("bw4").reset()


@pytest.fixture
def bw4(bw4_of_file: api.Host) -> api.Host:
    """Return the host in its state after set-up, whatever was broken before (Compose files, engine, registry)."""
    bw4_of_file.reset()
    return bw4_of_file


@pytest.fixture
def fresh(fleet: dict[str, api.Host]) -> Callable[[str], api.Host]:
    """Give a host in its state after set-up: cloud communication off, no connection, never synced, no faults."""

    def reset(name: str) -> api.Host:
        fleet[name].reset()
        return fleet[name]

    return reset
