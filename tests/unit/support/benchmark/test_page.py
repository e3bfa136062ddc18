# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmark's rows, verdicts and page, and that the page in docs/ shows the rows that are measured."""

from __future__ import annotations

import re

import pytest

from tests.support.benchmark import page
from tests.support.benchmark.figures import GROUPS, ROUNDS, Row, ratios, spread, verdict

ROWS = [row for group in GROUPS for row in group.rows]
RATIO = Row("key", "one", "another", 2.0)
NUMBER = Row("key", "things", "-", 4)


def test_ratios_are_of_the_same_round():
    assert ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]


def test_spread():
    assert spread([3.0, 1.0, 2.0]) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("row", "values", "expected"),
    [
        (RATIO, [1.0, 2.0, 9.0], "met"),
        (RATIO, [1.0, 2.004, 9.0], "met"),
        (RATIO, [1.0, 2.01, 9.0], "missed"),
        (NUMBER, [4.0, 4.0, 4.0], "met"),
        (NUMBER, [4.0, 4.0, 5.0], "missed"),
        (Row("key", "one", "another", None), [99.0], "-"),
        (RATIO, None, "-"),
    ],
)
def test_verdict(row, values, expected):
    assert verdict(row, values) == expected


def test_keys_are_unique():
    assert len({row.key for row in ROWS}) == len(ROWS)


def test_small_shares_become_one():
    assert page.largest([("a", 0.1), ("b", 0.02), ("c", 0.01), ("d", 0.87)]) == [
        ("d", 0.87),
        ("a", 0.1),
        ("2 other tasks", pytest.approx(0.03)),
    ]


def test_page_names_what_was_missed():
    figures = {row.key: [0.1] for row in ROWS}
    assert "All targets are met." in page.page(figures, [("Sync the license", 1.0)])
    text = page.page({**figures, "memory": [1.3]}, [("Sync the license", 1.0)])
    assert "Missed: unchanged run, 1,000 hosts (1.30 of 1.2)." in text
    assert "| 1.30 | 1.30 | 1.30 | missed |" in text
    assert "| Sync the license | 100% |" in text


def test_page_shows_counts_as_whole_numbers():
    text = page.page({row.key: [3.0] for row in ROWS}, [])
    assert "| logins a server | - | ≤ 1 | 3 | 3 | 3 | missed |" in text


def test_terminal_shows_the_same(capsys):
    page.show(GROUPS[0], {row.key: [0.25] for row in ROWS})
    assert re.search(r"by hand +≤ 0.35 +0.25 +0.25 +0.25 +met", capsys.readouterr().out)


def test_documented_rows_are_those_that_are_measured():
    """Names and targets, not figures: those are written by the command."""
    rows = [line.strip("| \n").split(" | ") for line in page.PAGE.read_text().splitlines() if line.count("|") == 8]
    assert [tuple(row[:3]) for row in rows if row[0] not in ("---", "measured")] == [page.cells(row) for row in ROWS]


def test_page_has_no_times():
    """They would be only of one machine."""
    assert not re.search(r"\d+(\.\d+)? ?(s|ms|seconds?|minutes?)\b", page.PAGE.read_text())


def test_page_says_how_often():
    assert f"{ROUNDS} times" in page.PAGE.read_text()
