# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role's tasks registered, turned into the status of a host."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.results import (
    merge_calls,
    problem_of,
    status_of,
)

SYNCED, OLD = "2026-11-22T14:16:19Z", "2026-11-01T00:00:00Z"
FACTS = {
    "changed": False,
    "changes": [],
    "reachable": True,
    "version": None,
    "cloud_communication": None,
    "connection": {"billing_sync_token_set": True, "last_license_sync": SYNCED},
    "last_license_sync": SYNCED,
    "sponsorships": None,
    "license": {"state": "ok", "expires": "2027-12-28T00:00:00Z"},
}
SERVER = {"changed": False, "changes": [], "version": "2026.8.0", "cloud_communication": True}
TOKEN_SAVED = {"key": "billing_sync_token", "action": "changed"}


def status(check_mode=False, plan=None, **registered):
    variables = {f"families_sync_{name}": result for name, result in registered.items()}
    plans = {"hosts": {"bw1": plan or {}}}
    return status_of({**variables, "families_sync_plan": plans, "inventory_hostname": "bw1"}, "", check_mode)


def test_an_unchanged_host():
    assert status(server=SERVER, organization=FACTS) == {
        "version": "2026.8.0",
        "cloud_communication": True,
        "token": True,
        "last_sync": SYNCED,
        "license_expires": "2027-12-28T00:00:00Z",
        "sponsorships": None,
        "changed": False,
        "restarted": False,
        "actions": [],
        "predicted": False,
        "warnings": [],
        "problem": "",
    }


@pytest.mark.parametrize(("step", "first"), [("sync", "Cloud connectivity: api: known in EU. "), ("license", "")])
def test_what_the_connectivity_checks_found_stands_before_a_failed_sync(step, first):
    found = problem_of(
        {
            "families_sync_server": {**SERVER, "preflight": {"problems": ["api: known in EU."]}},
            "ansible_failed_task": {"name": "families_sync : Configure through the API"},
            "ansible_failed_result": {"msg": "refused", "step": step},
        }
    )
    names = {"sync": "Sync the license", "license": "Update the license"}
    assert found == f"{first}{names[step]}: refused"


def test_a_host_without_results():
    found = status(server={"skipped": True, "changed": False, "version": "no"})
    assert (found["version"], found["token"], found["cloud_communication"]) == (None, None, None)
    assert not {"last_sync", "license_expires"} & set(found)


COMMUNICATION = {"key": "globalSettings__enableCloudCommunication", "action": "changed"}
SWITCHED = {**SERVER, "changed": True, "changes": [COMMUNICATION]}


@pytest.mark.parametrize(
    ("before", "expected", "check_mode"),
    [(False, True, True), (True, False, True), (True, True, False), (False, False, False)],
)
def test_cloud_communication(before, expected, check_mode):
    """The running server's word counts; in check mode that is from before the change."""
    found = status(check_mode=check_mode, server=SWITCHED, organization={**FACTS, "cloud_communication": before})
    assert found["cloud_communication"] is expected


def test_preflight_problems_are_warnings():
    server = {**SERVER, "preflight": {"ok": False, "problems": ["Open the firewall."]}}
    assert status(server=server)["warnings"] == ["Open the firewall."]
    assert status(connectivity={"ok": False, "problems": ["No way."]})["warnings"] == ["No way."]


def test_any_changed_task_is_a_change():
    changed = {"changed": True}
    assert status(organization={**FACTS, **changed})["changed"]
    assert status(organization={**FACTS, "first_pass": {**FACTS, **changed}})["changed"]
    assert status(organization={**FACTS, "license_required": True}, upload={**FACTS, **changed})["changed"]


@pytest.mark.parametrize(("fetcher", "changed"), [("bw1", True), ("bw2", False)])
def test_a_token_changes_the_host_that_fetched_it(fetcher, changed):
    tokens = {"hosts": {"one": fetcher}, "tokens": {"one": {"changed": True, "action": "rotated"}}}
    found = status(tokens=tokens, plan={"token_source": "one"})
    assert (found["changed"], found["actions"]) == (changed, ["token rotated"] if changed else [])


def test_the_facts_are_those_of_the_last_call():
    first = {**FACTS, "version": "2026.8.0", "changed": True, "changes": [{"key": "license", "action": "changed"}]}
    last = {**FACTS, "last_license_sync": None, "changes": [TOKEN_SAVED]}
    merged = merge_calls([first, last])
    assert (merged["last_license_sync"], merged["version"]) == (None, "2026.8.0")
    assert merged["changed"] and merged["changes"] == [*first["changes"], TOKEN_SAVED]


def test_a_call_that_read_nothing_keeps_the_facts_of_the_one_before():
    merged = merge_calls([FACTS, {"failed": True, "reachable": False, "last_license_sync": None, "msg": "down"}])
    assert merged["last_license_sync"] == SYNCED


def test_check_mode_predicts_the_token():
    predicted = {**FACTS, "connection": None, "changes": [TOKEN_SAVED], "changed": True}
    assert status(check_mode=True, organization=predicted)["token"] is True
    assert status(organization={**FACTS, "connection": None})["token"] is False


SPONSORSHIPS = {"visible": 2, "last_sync": OLD, "overdue": True, "note": "Note.", "failure": None}
FAILURE = {"cause": "token", "message": "Refused.", "advice": "Copy the token."}
NEVER = {**SPONSORSHIPS, "last_sync": None, "overdue": False}


@pytest.mark.parametrize(
    ("sponsorships", "warnings"),
    [
        (
            {**SPONSORSHIPS, "failure": FAILURE},
            ["The sponsorships' daily sync is overdue. It failed: Refused. Copy the token."],
        ),
        (SPONSORSHIPS, ["The sponsorships' daily sync is overdue. Note."]),
        # The first daily sync may be to come, or have failed from the first day on: only the log tells.
        ({**NEVER, "failure": FAILURE}, ["The sponsorships were never synced. It failed: Refused. Copy the token."]),
        (NEVER, []),
        ({**SPONSORSHIPS, "overdue": False}, []),
    ],
)
def test_sponsorships(sponsorships, warnings):
    found = status(organization={**FACTS, "sponsorships": sponsorships})
    assert found["warnings"] == warnings
    assert found["sponsorships"] == {key: sponsorships[key] for key in ("visible", "last_sync", "overdue")}


@pytest.mark.parametrize(
    ("task", "result", "problem"),
    [
        ("Apply the settings", {"msg": "unreachable: no route"}, "Apply the settings: unreachable: no route"),
        ("role : Note", {"msg": "no"}, "Note: no"),
        # What failed within the module organization is named as a step.
        ("Configure through the API", {"msg": "down", "step": "read"}, "Wait for the API: down"),
        ("Configure through the API", {"msg": "expired", "step": "license"}, "Update the license: expired"),
        ("Configure through the API", {"msg": "refused", "step": "token"}, "Save the billing sync token: refused"),
        ("Configure through the API", {"msg": "refused", "step": "sync"}, "Sync the license: refused"),
        ("Configure through the API", {"msg": "wrong option"}, "Configure through the API: wrong option"),
        ("Validating arguments against arg spec 'main' - Take", {"msg": "x", "argument_errors": ["a", "b"]},
         "Check the variables: a; b"),
        ("Apply the settings", {}, "Apply the settings: failed without a message"),
    ],
)  # fmt: skip
def test_problem(task, result, problem):
    result = {"failed": True, **result}
    assert problem_of({"ansible_failed_task": {"name": task}, "ansible_failed_result": result}) == problem


def test_a_host_that_ended_for_another():
    assert problem_of({}) == "Ended: another host failed"


CHECK = {"failed": True, "msg": "All.", "faults": {"bw1": ["One.", "Two."], "bw3": ["Three."]}}


@pytest.mark.parametrize(
    ("host", "problem"),
    [
        ("bw1", "Check the variables: One. Two."),
        ("bw2", "Check the variables: nothing was done, as the variables of other hosts cannot be used (bw1, bw3)."),
    ],
)
def test_a_check_that_failed_is_a_problem_of_each_host(host, problem):
    assert problem_of({"inventory_hostname": host, "families_sync_plan": CHECK}) == problem
    variables = {"inventory_hostname": host, "ansible_failed_task": {"name": "Apply"}, "ansible_failed_result": CHECK}
    assert problem_of(variables) == problem
