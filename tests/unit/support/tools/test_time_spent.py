# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of where the time of tests goes."""

from __future__ import annotations

import os

from tests.support.tools.time_spent import TimeSpent, Use, now


def test_files_are_summed_longest_first_and_the_rest_is_one_line() -> None:
    spent = TimeSpent()
    for test, seconds, ends in (
        ("a.py::one", 1, False),
        ("b.py::one", 40, True),
        ("a.py::two[x::y]", 2, True),
        ("c.py::one", 1, True),
        ("d.py::one", 1, True),
    ):
        spent.add(test, seconds, ends)
    processors = os.cpu_count() or 1
    *files, whole = spent.lines(Use(spent.begun.clock + 30, spent.begun.busy + 15 * processors), most=2)
    assert [line.split() for line in files] == [
        ["40s", "1", "b.py"], ["3s", "1", "a.py"], ["2s", "2", "2", "other", "files"]
    ]  # fmt: skip
    assert whole.split() == ["45s", "in", "all,", "in", "30s;", "processors", "were", "busy", "50%"]


def test_what_is_idle_or_waits_for_a_disk_is_not_busy(tmp_path) -> None:
    (tmp_path / "stat").write_text("cpu  100 20 30 4000 500 0 50 0 9 9\ncpu0 1 2 3\n")
    assert now(tmp_path / "stat").busy == 200 / os.sysconf("SC_CLK_TCK")
