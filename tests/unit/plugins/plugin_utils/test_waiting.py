# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nothing is silent for minutes: whatever waits says every half minute what it waits for."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.utils.display import Display
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import NETWORK, ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.session import wait_for_answer
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.sync_attempts import LicenseSync, Times
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._cloud.account import CloudAccount
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.waiting import pause, told_to
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._api_action import ApiActionModule
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._pacer import Pacer

from tests.support.sleeping_clock import SleepingClock


@pytest.fixture
def clock(monkeypatch):
    clock = SleepingClock(1000.0)
    monkeypatch.setattr(time, "monotonic", clock)
    monkeypatch.setattr(time, "sleep", clock.sleep)
    return clock


def lost():
    return ApiError(NETWORK, "https://vault does not answer.", transient=True)


def limited():
    return ApiError("cloud", "Too many requests.", 429, transient=True, retry_after=20)


def fail(error):
    raise error


def wait_for_the_server(_clock, _folder):
    wait_for_answer(lambda: fail(lost()), 100.0, "100s")


def wait_for_the_cloud(clock, _folder):
    account = CloudAccount.__new__(CloudAccount)
    account._deadline, account._sleep = clock.now + 110, clock.sleep
    account._patiently(lambda: fail(limited()))


def look_for_an_outcome(clock, _folder):
    account = CloudAccount.__new__(CloudAccount)
    account._sleep = lambda _seconds: clock.sleep(17.0)  # each look takes its time as well
    account.until(lambda: None)


def sync_again(clock, _folder):
    account = SimpleNamespace(
        client=SimpleNamespace(options=SimpleNamespace(timeout=30)),
        call=lambda *_arguments, **_named: fail(lost()),
        get=lambda *_arguments, **_named: fail(lost()),
    )
    times = Times(clock.sleep, clock, lambda _low, high: high)
    LicenseSync(account, SimpleNamespace(id="one"), None, None, times).run(100.0)


def wait_for_a_turn(clock, folder):
    for _count in range(3):
        Pacer("office", 1, folder / "turns", clock, clock.sleep).wait()


@pytest.mark.parametrize(("wait", "reason"), [
    (wait_for_the_server, "Waiting for the server to answer: https://vault does not answer ("),
    (wait_for_the_cloud, "Waiting because of the cloud's rate limit (429) ("),
    (look_for_an_outcome, "Waiting to see in the cloud what became of a request without an answer ("),
    (sync_again, "Waiting to sync the license again: https://vault does not answer ("),
    (wait_for_a_turn, "Waiting for a turn: syncs_per_minute allows 1 license syncs from one address ("),
])  # fmt: skip
def test_every_half_minute_the_reason(clock, tmp_path: Path, wait, reason):
    told = []
    with told_to(lambda text: told.append((clock.now - 1000, text)), clock), contextlib.suppress(ApiError):
        wait(clock, tmp_path)
    times = [when for when, _text in told]
    assert len(times) >= 3, told
    for sooner, later in zip([0, *times], times):
        assert 30 <= later - sooner < 50
    assert all(text.startswith(reason) for _when, text in told)
    assert told[0][1].endswith(f"({times[0]:.0f} seconds so far).")


def test_what_sleeps_elsewhere_does_not_move_the_clock(clock):
    other = threading.Thread(target=time.sleep, args=(0.01,))
    other.start()
    other.join()
    assert clock.now == 1000.0


def test_a_short_wait_and_one_that_nobody_listens_to_say_nothing(clock):
    told = []
    with told_to(told.append, clock):
        pause(29.0, "Waiting")
    pause(100.0, "Waiting")
    assert told == [] and clock.now == 1129.0


def test_what_is_seen(clock, monkeypatch):
    """Without -v, with the host, without secrets; not on stdout, where callbacks print for programs."""
    shown = []
    monkeypatch.setattr(Display, "display", lambda _self, text, **named: shown.append((text, named)))
    monkeypatch.setattr(ApiActionModule, "options", lambda _self: {"client_secret": {"no_log": True}})
    action = ApiActionModule.__new__(ApiActionModule)
    action._task = SimpleNamespace(args={"client_secret": "canary"}, action="selfhosted.bitwarden.organization")
    action._secrets = ["from-the-environment"]
    with told_to(lambda text: action._say({"inventory_hostname": "bw1"}, text), clock):
        pause(31.0, "Waiting: canary from-the-environment")
    ((text, named),) = shown
    assert text.startswith("bw1: Waiting: ") and text.endswith(" (30 seconds so far).") and named == {"stderr": True}
    assert "canary" not in text and "environment" not in text
