# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that use the one fleet of a machine wait for each other."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.support.fleet import FleetError, locks, names


def test_the_second_waits_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "CACHE", tmp_path / "cache")
    told, waits, had = [], threading.Event(), threading.Event()

    def second() -> None:
        with locks.using(lambda text: (told.append(text), waits.set())):
            had.set()

    thread = threading.Thread(target=second)
    with locks.using(told.append):
        thread.start()
        assert waits.wait(10)
        assert not had.is_set()
        # What sets the fleet up is called by who uses it.
        with locks.setting_up(told.append):
            pass
    assert had.wait(10)
    thread.join()
    assert told == ["waiting for another run that uses the fleet"]


def test_who_may_not_use_it_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(names, "CACHE", tmp_path / "file" / "cache")
    said = r"file/[\w-]+-in-use\.lock cannot be written .* needs root"
    with pytest.raises(FleetError, match=said), locks.using(print):
        pass
