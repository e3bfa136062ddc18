# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The status of a host from the results of its steps, and its row in the table of a fleet on which no sync ran."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.dates import parse_date
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.table import (
    OF_SYNC,
    OPTIONAL,
    table_lines,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._fleet_status.runs import run_status

NOW = parse_date("2026-11-26T22:37:16Z")
MANIFEST = {
    "created": "2026-11-26T21:37:16Z",
    "versions": {"core": "2026.8.0", "engine": 17},
    "verified": {"how": "checksum", "at": "2026-11-26T21:38:02Z"},
}
MADE = {"changed": True, "made": True, "path": "/sets/a", "manifest": MANIFEST, "removed": [], "fetch": None}
AGE = {"created": "2026-11-26T21:37:16Z", "age": 3600, "verified": "checksum"}
RESTORED = {
    "changed": True,
    "created": "2026-11-26T21:37:16Z",
    "rolled_back": False,
    "services": [{"name": "api", "image": "registry.example.com:5000/bitwarden/api:2026.8.0"}],
}
UPDATED = {
    **RESTORED,
    "before": {"core": "2026.7.0", "web": "2026.7.0"},
    "after": {"core": "2026.8.0", "web": "2026.8.0"},
    "downtime": 41.5,
}
UNREACHABLE = {"unreachable": True, "changed": False, "msg": "no route to host"}


def cells(results, predicted=False):
    """Return the row of a host without its name, by the heading."""
    lines = table_lines({"bw1": run_status(results, predicted, NOW)}, (*OPTIONAL, *OF_SYNC))
    heading, row = ([cell.strip() for cell in line.split("|")] for line in (lines[0], lines[2]))
    return dict(zip(heading[1:], row[1:]))


@pytest.mark.parametrize(
    ("results", "row"),
    [
        ({"backup": MADE}, {"version": "2026.8.0", "backup": "1h", "changed": "backup", "result": "ok"}),
        (
            {"backup": {**MADE, "changed": False, "made": False}},
            {"version": "2026.8.0", "backup": "1h", "changed": "no", "result": "ok"},
        ),
        (
            {"backup": {**MADE, "removed": ["/sets/old"], "fetch": {"fetched": True, "removed": []}}},
            {"version": "2026.8.0", "backup": "1h", "changed": "backup, old sets removed, fetch", "result": "ok"},
        ),
        (
            {"backup": {**MADE, "made": False, "fetch": {"fetched": True, "removed": ["/x"]}, "warnings": ["Look."]}},
            {"version": "2026.8.0", "backup": "1h", "changed": "old sets removed, fetch", "result": "warning"},
        ),
        # One that was not verified is none.
        (
            {"backup": {**MADE, "manifest": {**MANIFEST, "verified": {"how": "none", "at": None}}}},
            {"version": "2026.8.0", "changed": "backup", "result": "ok"},
        ),
        ({"backup": {"failed": True, "msg": "Down."}}, {"version": "-", "changed": "no", "result": "failed"}),
        ({"backup": UNREACHABLE}, {"version": "-", "changed": "no", "result": "failed"}),
        ({"restore": RESTORED}, {"version": "2026.8.0", "changed": "restore of 2026-11-26 21:37", "result": "ok"}),
        (
            {"restore": {**RESTORED, "rolled_back": True, "failed": True, "msg": "Not proven."}},
            {"version": "2026.8.0", "changed": "restore of 2026-11-26 21:37, rollback", "result": "failed"},
        ),
        (
            {"restore": {**RESTORED, "project": "bitwarden-drill-1", "duration": 240}},
            {"version": "2026.8.0", "changed": "drill of 2026-11-26 21:37 in 4m", "result": "ok"},
        ),
        ({"restore": {"changed": True}}, {"version": "-", "changed": "drill removed", "result": "ok"}),
        (
            {"restore": {"changed": True, "failed": True, "msg": "Down."}},
            {"version": "-", "changed": "yes", "result": "failed"},
        ),
        (
            {"install": {"changed": True, "version": "2026.8.0"}, "server": {"changed": True, "version": "2026.8.0"}},
            {"version": "2026.8.0", "changed": "install, start", "result": "ok"},
        ),
        (
            {"install": {"changed": False}, "server": {"changed": True, "changes": [{}], "cloud_communication": False}},
            {"version": "-", "cloud": "off", "changed": "settings", "result": "ok"},
        ),
        ({"update": UPDATED}, {"version": "2026.8.0", "changed": "update to 2026.8.0", "result": "ok"}),
        (
            {"update": {**UPDATED, "failed": True, "rolled_back": True, "msg": "Not proven."}},
            {"version": "2026.7.0", "changed": "update to 2026.8.0, rollback", "result": "failed"},
        ),
        # Nothing ran.
        ({}, {"version": "-", "changed": "-", "result": "not touched"}),
        ({"backup": {"skipped": True, "changed": False}}, {"version": "-", "changed": "-", "result": "not touched"}),
    ],
)
def test_row(results, row):
    assert cells(results) == row


def test_what_check_mode_predicts():
    predicted = {**MADE, "path": None, "manifest": None, "fetch": {"fetched": True, "removed": []}}
    assert cells({"backup": predicted}, True) == {"version": "-", "changed": "(backup, fetch)", "result": "ok"}
    assert run_status({"backup": {**MADE, "changed": False}}, True, NOW)["predicted"] is False


@pytest.mark.parametrize(
    ("results", "problem"),
    [
        ({"backup": MADE}, ""),
        ({"backup": {"failed": True, "msg": "Down."}}, "Down."),
        ({"backup": {"failed": True}}, "failed without a message"),
        ({"backup": UNREACHABLE}, "unreachable: no route to host"),
        ({"backup": MADE, "failure": {"msg": "noted by the rescue"}}, "noted by the rescue"),
        (
            {"failure": {"msg": "Validation of arguments failed", "argument_errors": ["keep: no number", "x"]}},
            "keep: no number; x",
        ),
    ],
)
def test_why_a_host_failed(results, problem):
    assert run_status(results, False, NOW)["problem"] == problem


def test_the_backup_is_told_as_server_info_tells_it():
    assert run_status({"backup": MADE}, False, NOW)["backup"] == AGE
