# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turns: never more than so many in a minute, for all who ask, and a file of times that recovers."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import time
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._pacer import (
    SPACING,
    WINDOW,
    Pacer,
    PacerError,
    next_turn,
)

from tests.support.sleeping_clock import SleepingClock

PACE = 10
START = 1_795_392_000.0


def pacer(folder: Path, clock: SleepingClock, egress: str = "office", pace: int = PACE) -> Pacer:
    return Pacer(egress, pace, folder / "turns", clock, clock.sleep)


def file_of(folder: Path) -> Path:
    (found,) = (folder / "turns").iterdir()
    return found


def test_no_more_than_so_many_in_any_minute(tmp_path: Path) -> None:
    clock = SleepingClock(START)
    turns = []
    for _count in range(35):
        pacer(tmp_path, clock).wait()
        turns.append(clock.now)
    for turn in turns:
        assert sum(turn - WINDOW < other <= turn for other in turns) <= PACE
    assert min(later - sooner for sooner, later in zip(turns, turns[1:])) >= SPACING - 1e-6
    assert turns[-1] - turns[0] <= 3 * WINDOW + PACE * SPACING, "as fast as the pace allows"


def test_those_who_wait_at_the_same_time_get_different_turns(tmp_path: Path) -> None:
    clock = SleepingClock(START)
    waits = [Pacer("office", PACE, tmp_path / "turns", lambda: START, lambda _s: None).wait() for _count in range(25)]
    assert waits == sorted(waits) and len(set(waits)) == 25
    assert [int(wait // WINDOW) for wait in waits] == [0] * 10 + [1] * 10 + [2] * 5
    assert clock.now == START


def test_each_egress_has_its_own(tmp_path: Path) -> None:
    clock = SleepingClock(START)
    for _count in range(PACE):
        pacer(tmp_path, clock).wait()
    assert pacer(tmp_path, clock, egress="branch").wait() == 0
    assert pacer(tmp_path, clock).wait() > 50


def test_time_passed_is_forgotten(tmp_path: Path) -> None:
    clock = SleepingClock(START)
    for _count in range(PACE):
        pacer(tmp_path, clock).wait()
    clock.now += WINDOW + 1
    assert pacer(tmp_path, clock).wait() == 0
    assert len(json.loads(file_of(tmp_path).read_text())) == 1


@pytest.mark.parametrize(
    "content", ["", "no json", "{}", '["x", null, true]', json.dumps([START + 1e6] * 30), "[1e999]"]
)
def test_a_damaged_file_or_a_clock_set_back_heals(tmp_path: Path, content: str) -> None:
    clock = SleepingClock(START)
    pacer(tmp_path, clock).wait()
    file_of(tmp_path).write_text(content)
    assert pacer(tmp_path, clock).wait() == 0


def test_only_this_user_can_read_it_and_only_times_are_in_it(tmp_path: Path) -> None:
    pacer(tmp_path, SleepingClock(START), egress="a name to keep").wait()
    file = file_of(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert "name" not in file.name and all(isinstance(one, float) for one in json.loads(file.read_text()))


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    clock = SleepingClock(START)
    pacer(tmp_path, clock).wait()
    file, victim = file_of(tmp_path), tmp_path / "victim"
    victim.write_text("precious")
    file.unlink()
    file.symlink_to(victim)
    with pytest.raises(PacerError):
        pacer(tmp_path, clock).wait()
    assert victim.read_text() == "precious"


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "turns").mkdir()
    if os.getuid():
        pytest.fail("this test needs root to give a folder away")
    os.chown(tmp_path / "turns", 12345, 12345)
    with pytest.raises(PacerError, match="another user"):
        pacer(tmp_path, SleepingClock(START)).wait()


def _take(folder: str, results: multiprocessing.Queue[float]) -> None:
    turns = []
    for _count in range(5):
        Pacer("office", 1000, Path(folder), time.time, turns.append).wait()
    results.put(len(turns))


def test_processes_share_the_turns(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[float] = context.Queue()
    processes = [context.Process(target=_take, args=(str(tmp_path / "turns"), results)) for _count in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    taken = json.loads(file_of(tmp_path).read_text())
    assert len(taken) == 20 and len(set(taken)) == 20


@pytest.mark.parametrize(("taken", "turn"), [
    ([], 100.0),
    ([50.0], 100.0),
    ([99.9], 99.9 + SPACING),
    ([50.0, 60.0], 50.0 + WINDOW),
    ([50.0, 60.0, 110.0], 60.0 + WINDOW),
])  # fmt: skip
def test_next_turn(taken: list[float], turn: float) -> None:
    assert next_turn(taken, 100.0, 2) == pytest.approx(turn)
