# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in answers as the recorded server: one test for each file of recordings."""

from __future__ import annotations

from pathlib import Path

import pytest
from standin.replay.__main__ import replay
from standin.replay.recordings import PROJECT, load
from standin.replay.report import summary

NAMES = [path.name for path in sorted(PROJECT.glob("*.json"))]


@pytest.fixture(scope="session")
def reports(tmp_path_factory):
    """Replay all files once, since they build on each other."""
    found = list(replay(PROJECT, tmp_path_factory.mktemp("replay")))
    return {report.name: report for report in found}


@pytest.mark.parametrize("name", NAMES)
def test_every_exchange_agrees(reports, name):
    assert "\n".join(reports[name].lines()) == f"{name}: {reports[name].matches} match, 0 differ"


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_left_unlooked_at(reports, name):
    recording = next(one for one in load(PROJECT) if one.name == name)
    assert reports[name].matches + len(reports[name].omitted) == len(recording.items)


def test_the_closing_line_says_that_all_is_well(reports):
    assert summary(list(reports.values()))[1]


def test_the_project_has_its_recordings():
    assert len(NAMES) >= 15
    assert all((Path(PROJECT) / name).stat().st_size for name in NAMES)
