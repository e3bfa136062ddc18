# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls at once, each within its time limit."""

from __future__ import annotations

import sys
import threading
import time

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.cloud import (
    log_in,
    probe,
    run_concurrently,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.endpoints import (
    API,
    IDENTITY,
    DesiredCloud,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.failures import ConnectFailure, Outcome

FINE = Outcome(True, "", "fine", "")
SECRET = "CanaryInstallationKey"


def test_all_calls_are_under_way_before_any_returns():
    together = threading.Barrier(3)

    def call():
        together.wait(10)
        return FINE

    assert run_concurrently(dict.fromkeys("abc", call), 10) == dict.fromkeys("abc", FINE)


def test_what_overstays_is_left_behind(monkeypatch):
    monkeypatch.setattr(sys.modules[run_concurrently.__module__], "_GRACE", 0.0)
    ended = threading.Event()

    def slow():
        ended.wait(20)
        return FINE

    found = run_concurrently({"a": slow, "b": lambda: FINE}, 0.1)
    assert found["b"].ok and not found["a"].ok and found["a"].advice
    ended.set()


def test_a_failure_is_its_outcome():
    def fail():
        raise ConnectFailure(FINE._replace(ok=False, layer="tcp"))

    assert run_concurrently({"a": fail}, 1)["a"].layer == "tcp"


def test_a_defect_spoils_nothing_else():
    def broken():
        raise ValueError(SECRET)

    found = run_concurrently({"a": broken, "b": lambda: FINE}, 1)
    assert found["b"].ok and not found["a"].ok
    assert "the check itself failed: ValueError in test_run_concurrently.py, line" in found["a"].detail
    assert "report this defect" in found["a"].advice and SECRET not in str(found)


@pytest.mark.parametrize(
    "call",
    [
        lambda network, cloud: probe(network, cloud.endpoints[:2], 2.0),
        lambda network, cloud: {IDENTITY: log_in(network, cloud, 2.0)},
    ],
)
def test_a_server_that_drips_costs_one_time_limit(serve, authority, network, call):
    """Each byte starts a socket's own time limit again."""
    url = serve(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000, authority.context(), 0.2).url()
    names = ("globalSettings__installation__apiUri", "globalSettings__installation__identityUri")
    cloud = DesiredCloud.of(dict.fromkeys(names, url).get)
    begin = time.monotonic()
    found = call(network, cloud)
    assert time.monotonic() - begin < 1.8 * 2.0
    assert set(found) <= {API, IDENTITY}
    assert all((one.ok, one.layer, bool(one.advice)) == (False, "http", True) for one in found.values())
