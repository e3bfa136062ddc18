# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the steps returned, summed up."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.selfhosted.bitwarden.plugins.filter.families_sync_status import families_sync_status

OLD, NEW = "2026-11-01T00:00:00Z", "2026-11-22T14:16:19Z"
EXPIRES, RENEWED = "2026-12-28T00:00:00Z", "2027-12-28T00:00:00Z"
INFO = {
    "changed": False,
    "reachable": True,
    "version": "2026.8.0",
    "cloud_communication": True,
    "connection": {"billing_sync_token_set": True, "last_license_sync": OLD},
    "last_license_sync": OLD,
    "license": {"expires": EXPIRES},
}
SWITCHED_ON = {
    "changed": True,
    "restarted": True,
    "changes": [{"key": "globalSettings__enableCloudCommunication", "action": "added"}],
}
TOKEN_SAVED = {
    "changed": True,
    "connection": {"before": None, "after": {"billing_sync_token_set": True, "last_license_sync": None}},
}
SYNCED = {
    "changed": True,
    "last_license_sync": {"before": OLD, "after": NEW},
    "license_expires": {"before": EXPIRES, "after": RENEWED},
}
PREDICTED = {
    "changed": True,
    "last_license_sync": {"before": OLD, "after": None},
    "license_expires": {"before": EXPIRES, "after": None},
}
NEVER = {**INFO, "connection": None, "last_license_sync": None, "license": None}
OFF = {**INFO, "cloud_communication": False}


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ({}, {"version": None, "cloud_communication": None, "token": None, "changed": False, "restarted": False}),
        ({"info": INFO}, {"version": "2026.8.0", "cloud_communication": True, "token": True, "last_sync": OLD}),
        ({"info": INFO}, {"license_expires": EXPIRES, "changed": False}),
        ({"info": NEVER}, {"token": False, "last_sync": None, "license_expires": None}),
        ({"server": {"version": "2026.7.0", "changed": False}}, {"version": "2026.7.0", "changed": False}),
        ({"server": SWITCHED_ON, "info": OFF}, {"cloud_communication": False, "changed": True, "restarted": True}),
        ({"info": INFO, "billing": TOKEN_SAVED}, {"token": True, "last_sync": None, "changed": True}),
        ({"info": INFO, "license": SYNCED}, {"last_sync": NEW, "license_expires": RENEWED, "changed": True}),
        ({"info": INFO, "license": PREDICTED}, {"last_sync": OLD, "license_expires": EXPIRES, "changed": True}),
    ],
)
def test_status(results, expected):
    status = families_sync_status(results)
    assert {key: status.get(key, "absent") for key in expected} == expected
    assert status["problem"] == ""


DISABLED = "The organization is disabled on the server."
ENDS = {"state": "expiring", "message": "It ends in 5 days.", "advice": "Renew it.", "expires": EXPIRES}
ILL = {**INFO, "problems": [DISABLED]}


@pytest.mark.parametrize(
    ("results", "given", "problem", "warnings"),
    [
        ({"info": ILL}, "", DISABLED, []),
        ({"organization": ILL}, "", DISABLED, []),
        # A step that failed comes first.
        ({"organization": ILL}, "Sync the license: failed", "Sync the license: failed", [DISABLED]),
        # What a later step says counts, and a license that was uploaded since is not known to be bad.
        ({"info": ILL, "license": {**SYNCED, "problems": []}}, "", "", []),
        ({"info": INFO, "license": {**SYNCED, "problems": [DISABLED]}}, "", DISABLED, []),
        ({"info": ILL, "upload": {"uploaded": True}}, "", "", []),
        ({"info": ILL, "upload": {"uploaded": False}}, "", DISABLED, []),
        # Facts of a module that names no problems.
        ({"info": {**INFO, "organization": {"enabled": False}}}, "", DISABLED, []),
        ({"info": {**INFO, "license": {"state": "expired", "message": "It expired."}}}, "", "It expired.", []),
        ({"info": {**INFO, "license": {"state": "unreadable"}}}, "", "The license is unreadable.", []),
        ({"info": {**INFO, "license": ENDS}}, "", "", ["It ends in 5 days. Renew it."]),
        ({"info": {**INFO, "license": ENDS}, "license": {**SYNCED, "license": {"state": "ok"}}}, "", "", []),
        ({"info": {**INFO, "license": {**ENDS, "state": "ok"}}}, "", "", []),
        ({"info": {**INFO, "sponsorships": {"visible": 1, "last_sync": OLD, "obstacles": ["None syncs."]}}}, "", "",
         ["None syncs."]),
        ({"info": {**INFO, "sponsorships": {"visible": 1, "last_sync": None, "obstacles": ["None syncs."]}}}, "", "",
         ["The sponsorships were never synced. None syncs."]),
        ({"info": {**INFO, "sponsorships": {"visible": 0, "last_sync": None, "obstacles": ["None syncs."]}}}, "", "",
         []),
    ],
)  # fmt: skip
def test_what_is_wrong_although_no_step_failed(results, given, problem, warnings):
    status = families_sync_status(results, problem=given)
    assert (status["problem"], status["warnings"]) == (problem, warnings)


@pytest.mark.parametrize(
    ("results", "actions"),
    [
        ({"info": INFO}, []),
        ({"server": SWITCHED_ON}, ["settings", "restart"]),
        ({"server": {"changed": True, "restarted": True, "changes": []}}, ["restart"]),
        (
            {"server": {"restarted": True, "config": {"rebuilt": True}, "certificate": {"changed": True}}},
            ["config.yml", "certificate", "restart"],
        ),
        ({"server": {"config": {"rebuilt": False}, "certificate": {"changed": False}}}, []),
        ({"server": {**SWITCHED_ON, "rolled_back": True}}, ["settings", "restart", "rollback"]),
        ({"fetch": {"changed": True, "action": "rotated"}}, ["token rotated"]),
        ({"fetch": {"changed": True, "action": "created"}}, ["token created"]),
        ({"fetch": {"changed": False, "action": "none"}}, []),
        (
            {"organization": {"changes": [{"key": key} for key in ("license", "enabled", "billing_sync_token")]}},
            ["license", "token"],
        ),
        ({"organization": {"changes": [{"key": "last_license_sync"}]}}, ["license sync"]),
        (
            {"upload": {"changed": True}, "billing": TOKEN_SAVED, "license": SYNCED},
            ["license", "token", "license sync"],
        ),
    ],
)
@pytest.mark.parametrize("predicted", [False, True])
def test_what_was_done_or_would_be(results, actions, predicted):
    status = families_sync_status(results, predicted=predicted)
    assert (status["actions"], status["predicted"]) == (actions, predicted)


REMOVED = {"changes": [{"key": "globalSettings:EnableCloudCommunication", "action": "removed"}]}


@pytest.mark.parametrize(
    ("server", "info", "expected"),
    [
        # Check mode: the running server still says what it was before.
        (SWITCHED_ON, OFF, True),
        (SWITCHED_ON, INFO, False),
        (SWITCHED_ON, {"reachable": False}, True),
        (REMOVED, {"reachable": False}, False),
        ({"changes": []}, OFF, False),
        ({}, {}, None),
    ],
)
def test_cloud_communication_as_predicted(server, info, expected):
    status = families_sync_status({"server": server, "info": info}, predicted=True)
    assert status["cloud_communication"] is expected


SPONSORSHIPS = {"visible": 2, "last_sync": OLD, "overdue": True, "note": "Note.", "counts": {}}
NEVER_SYNCED = {**SPONSORSHIPS, "last_sync": None, "overdue": False}
FAILURES = [
    {"kind": "sponsorship", "message": "First.", "advice": ""},
    {"kind": "sponsorship", "message": "Refused.", "advice": "Copy the token."},
    {"kind": "license", "message": "Of the license.", "advice": ""},
]


def test_sponsorships_are_summed_up():
    status = families_sync_status({"info": {**INFO, "sponsorships": {**SPONSORSHIPS, "overdue": False}}})
    assert status["sponsorships"] == {"visible": 2, "last_sync": OLD, "overdue": False}
    assert status["warnings"] == []
    assert families_sync_status({"info": {**INFO, "sponsorships": None}})["sponsorships"] is None


@pytest.mark.parametrize(
    ("results", "warnings"),
    [
        ({"preflight": {"ok": False, "problems": ["Open the firewall."]}}, ["Open the firewall."]),
        ({"preflight": {"ok": True, "problems": []}}, []),
        ({"info": {**INFO, "sponsorships": SPONSORSHIPS}}, ["The sponsorships' daily sync is overdue. Note."]),
        (
            {"info": {**INFO, "sponsorships": SPONSORSHIPS}, "log": {"failures": FAILURES}},
            ["The sponsorships' daily sync is overdue. It failed: Refused. Copy the token."],
        ),
        ({"info": {**INFO, "sponsorships": NEVER_SYNCED}}, []),
        (
            {"info": {**INFO, "sponsorships": NEVER_SYNCED}, "log": {"failures": FAILURES}},
            ["The sponsorships were never synced. It failed: Refused. Copy the token."],
        ),
        ({"info": {**INFO, "sponsorships": {**NEVER_SYNCED, "visible": 0}}, "log": {"failures": FAILURES}}, []),
    ],
)
def test_warnings(results, warnings):
    assert families_sync_status(results)["warnings"] == warnings


@pytest.mark.parametrize("step", ["server", "fetch", "upload", "billing", "license"])
def test_any_changed_step_is_a_change(step):
    assert families_sync_status({step: {"changed": True}})["changed"]


def test_an_upload_brings_its_own_expiry():
    uploaded = {"changed": True, "license": {"before": {"expires": EXPIRES}, "after": {"expires": RENEWED}}}
    assert families_sync_status({"info": INFO, "upload": uploaded})["license_expires"] == RENEWED


def test_what_nobody_could_tell_is_absent():
    assert not {"last_sync", "license_expires"} & set(families_sync_status({"server": SWITCHED_ON}))


def test_what_only_the_host_tells():
    found = {
        "version": "2026.8.0",
        "available_versions": {"core": "2026.9.0", "web": "2026.9.1", "key_connector": None},
        "backup": {"path": "/x", "created": "2026-11-26T02:00:00Z", "age": 60, "verified": "checksum", "version": "1"},
        "certificate": {"expires": "2027-02-24T09:12:00Z", "days_left": 89, "names": [], "issuer": "", "path": None},
    }
    status = families_sync_status({"server_info": found})
    assert (status["version"], status["available_version"]) == ("2026.8.0", "2026.9.0")
    assert status["backup"] == {"created": "2026-11-26T02:00:00Z", "age": 60, "verified": "checksum"}
    assert status["certificate"] == {"expires": "2027-02-24T09:12:00Z", "days_left": 89}
    unknown = families_sync_status({"server_info": dict.fromkeys(found)})
    assert [unknown[name] for name in ("available_version", "backup", "certificate")] == [None] * 3
    for step in ({}, {"failed": True, "msg": "no Docker"}):
        assert not {"available_version", "backup", "certificate"} & set(families_sync_status({"server_info": step}))


def test_problem_is_kept():
    assert families_sync_status({}, problem="Wait for the API: down")["problem"] == "Wait for the API: down"


@pytest.mark.parametrize("wrong", [None, [], {"servers": {}}])
def test_wrong_input_is_refused(wrong):
    with pytest.raises(AnsibleFilterError, match="preflight, server, server_info, info"):
        families_sync_status(wrong)
