# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of the fleet."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.selfhosted.bitwarden.plugins.filter.fleet_table import COLUMNS, fleet_table

GOOD = {
    "version": "2026.8.0",
    "cloud_communication": True,
    "token": True,
    "last_sync": "2026-11-22T14:16:19.123Z",
    "license_expires": "2027-12-28T00:00:00Z",
    "sponsorships": {"visible": 2, "last_sync": "2026-11-22T02:00:00Z", "overdue": False},
    "changed": False,
    "warnings": [],
    "problem": "",
}


def cells(line):
    return [cell.strip() for cell in line.split("|")]


def test_heading_names_every_column():
    assert cells(fleet_table({})[0]) == list(COLUMNS)


@pytest.mark.parametrize(
    ("status", "row"),
    [
        (GOOD, ["2026.8.0", "on", "set", "2026-11-22 14:16", "2027-12-28 00:00", "2026-11-22 02:00", "no", ""]),
        (
            {**GOOD, "last_sync": None, "changed": True},
            ["2026.8.0", "on", "set", "never", "2027-12-28 00:00", "2026-11-22 02:00", "yes", ""],
        ),
        (
            {**GOOD, "cloud_communication": False, "token": False, "problem": "API: down\nfor now"},
            [
                "2026.8.0",
                "off",
                "none",
                "2026-11-22 14:16",
                "2027-12-28 00:00",
                "2026-11-22 02:00",
                "no",
                "API: down for now",
            ],
        ),
        (
            {"version": None, "cloud_communication": None, "token": None, "changed": False, "problem": "unreachable"},
            ["-", "-", "-", "-", "-", "-", "no", "unreachable"],
        ),
        (None, ["-", "-", "-", "-", "-", "-", "-", "not touched in this run"]),
        ({}, ["-", "-", "-", "-", "-", "-", "-", "not touched in this run"]),
    ],
)
def test_row(status, row):
    assert cells(fleet_table({"bw1": status})[2]) == ["bw1", *row]


@pytest.mark.parametrize(
    ("sponsorships", "cell"),
    [
        (None, "-"),
        ({"visible": 0, "last_sync": None, "overdue": False}, "none"),
        ({"visible": 1, "last_sync": None, "overdue": False}, "never"),
        ({"visible": 1, "last_sync": "2026-11-20T02:00:00Z", "overdue": True}, "2026-11-20 02:00 (overdue)"),
        # That of another member.
        ({"visible": 0, "last_sync": "2026-11-20T02:00:00Z", "overdue": True}, "2026-11-20 02:00 (overdue)"),
    ],
)
def test_sponsorships(sponsorships, cell):
    row = cells(fleet_table({"bw1": {**GOOD, "sponsorships": sponsorships}})[2])
    assert row[COLUMNS.index("sponsorships")] == cell


@pytest.mark.parametrize(
    ("problem", "shown"), [("", "warning: look at this"), ("API: down", "API: down")], ids=["no problem", "problem"]
)
def test_a_warning_is_shown_where_there_is_no_problem(problem, shown):
    row = cells(fleet_table({"bw1": {**GOOD, "warnings": ["look at this", "and that"], "problem": problem}})[2])
    assert row[-1] == shown


def test_columns_are_aligned_whatever_their_width():
    lines = fleet_table({"a": GOOD, "a-much-longer-name.example.com": {**GOOD, "version": "2026.10.0-beta"}, "b": None})
    bars = {tuple(at for at, mark in enumerate(line) if mark in "|+") for line in lines}
    assert len(bars) == 1


def test_order_of_hosts_is_kept():
    assert [cells(line)[0] for line in fleet_table({"z": GOOD, "a": None})[2:]] == ["z", "a"]


def test_a_long_problem_is_cut():
    assert fleet_table({"a": {**GOOD, "problem": "x" * 500}})[2].endswith("x...")


@pytest.mark.parametrize("wrong", [["bw1"], "bw1", None])
def test_wrong_input_is_refused(wrong):
    with pytest.raises(AnsibleFilterError, match="needs a dictionary"):
        fleet_table(wrong)
