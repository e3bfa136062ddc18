# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of the fleet."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.selfhosted.bitwarden.plugins.filter.fleet_table import fleet_table
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.table import COLUMNS, OPTIONAL

SHOWN = [name for name in COLUMNS if name not in OPTIONAL]
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
    assert cells(fleet_table({})[0]) == SHOWN


@pytest.mark.parametrize(
    ("status", "row"),
    [
        (GOOD, ["2026.8.0", "on", "set", "2026-11-22 14:16", "2027-12-28 00:00", "2026-11-22 02:00", "no", "ok"]),
        (
            {**GOOD, "last_sync": None, "changed": True},
            ["2026.8.0", "on", "set", "never", "2027-12-28 00:00", "2026-11-22 02:00", "yes", "ok"],
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
                "failed",
            ],
        ),
        (
            {"version": None, "cloud_communication": None, "token": None, "changed": False, "problem": "unreachable"},
            ["-", "-", "-", "-", "-", "-", "no", "failed"],
        ),
        (None, ["-", "-", "-", "-", "-", "-", "-", "not touched"]),
        ({}, ["-", "-", "-", "-", "-", "-", "-", "not touched"]),
    ],
)
def test_row(status, row):
    assert cells(fleet_table({"bw1": status})[2]) == ["bw1", *row]


def test_columns_of_what_only_some_hosts_know():
    certificate, backup = {"expires": "2027-02-24T09:12:00Z", "days_left": 89}, {"created": "…", "age": 8 * 3600 + 59}
    hosts = {
        "bw1": {**GOOD, "available_version": "2026.9.0", "backup": backup, "certificate": certificate},
        "bw2": {**GOOD, "available_version": None, "backup": {**backup, "age": 3 * 86400}, "certificate": None},
        "bw3": {**GOOD, "certificate": {**certificate, "days_left": -1}},
        "bw4": None,
    }
    lines = [cells(line) for line in fleet_table(hosts)]
    assert lines[0] == list(COLUMNS)
    found = [[row[COLUMNS.index(name)] for name in OPTIONAL] for row in lines[2:6]]
    assert found == [["2026.9.0", "8h", "89d"], ["-", "3d", "-"], ["-", "-", "expired"], ["-", "-", "-"]]


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
    assert row[SHOWN.index("sponsorships")] == cell


@pytest.mark.parametrize(
    ("status", "cell"),
    [
        ({}, "no"),
        ({"actions": ["restart"]}, "no"),
        ({"changed": True, "actions": ["settings", "restart"]}, "settings, restart"),
        ({"changed": True, "actions": ["settings", "restart"], "predicted": True}, "(settings, restart)"),
        ({"changed": True, "predicted": True}, "(yes)"),
        ({"changed": None}, "-"),
    ],
)
def test_what_changed(status, cell):
    assert cells(fleet_table({"bw1": {**GOOD, **status}})[2])[SHOWN.index("changed")] == cell


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (["token"], "Check mode: nothing was changed. What is in brackets would be."),
        (
            ["settings", "restart"],
            "Check mode: nothing was changed. What is in brackets would be. A restart takes about a minute, in which "
            "the server does not respond.",
        ),
    ],
)
def test_check_mode_is_named(actions, expected):
    predicted = {**GOOD, "changed": True, "actions": actions, "predicted": True}
    assert fleet_table({"a": GOOD, "b": predicted, "c": None})[5:] == ["", expected]
    assert len(fleet_table({"a": {**predicted, "predicted": False}})) == 3


def test_problems_and_warnings_follow_in_full_and_once():
    long = "API: down\nfor now. " + "Look at its log. " * 20
    hosts = {
        "bw1": GOOD,
        "bw2": {**GOOD, "problem": long, "warnings": ["look at this"]},
        "bw3": {**GOOD, "warnings": ["and that"]},
        "bw4": None,
    }
    lines = fleet_table(hosts)
    assert [cells(line)[-1] for line in lines[2:6]] == ["ok", "failed", "warning", "not touched"]
    assert lines[6:] == [
        "",
        f"bw2: failed: {' '.join(long.split())}",
        "bw2: warning: look at this",
        "bw3: warning: and that",
    ]


def test_columns_are_aligned_whatever_their_width():
    lines = fleet_table({"a": GOOD, "a-much-longer-name.example.com": {**GOOD, "version": "2026.10.0-beta"}, "b": None})
    bars = {tuple(at for at, mark in enumerate(line) if mark in "|+") for line in lines}
    assert len(bars) == 1


def test_order_of_hosts_is_kept():
    assert [cells(line)[0] for line in fleet_table({"z": GOOD, "a": None})[2:]] == ["z", "a"]


@pytest.mark.parametrize("wrong", [["bw1"], "bw1", None])
def test_wrong_input_is_refused(wrong):
    with pytest.raises(AnsibleFilterError, match="needs a dictionary"):
        fleet_table(wrong)
