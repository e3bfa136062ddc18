# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that the role adds to those of module organization, and the token that another host fetched."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.action import families_sync_configure
from ansible_collections.selfhosted.bitwarden.plugins.action.families_sync_configure import ActionModule
from ansible_collections.selfhosted.bitwarden.plugins.action.organization import ActionModule as OrganizationAction

PLAN = {"steps": ["license", "token", "sync"], "token_source": "one", "rotate": False, "license": "none", "wait": True,
        "configure": True, "license_file": ""}  # fmt: skip
FETCHED = {"changed": False, "billing_sync_token": "token"}
FAILED = {"failed": True, "changed": False, "msg": "no owner"}


@pytest.fixture
def run(monkeypatch):
    """Run the plugin; its arguments for module organization come back with that module's ``result``."""

    def run(plan=None, arguments=None, token=None, result=None, check_mode=False, **variables):
        seen = {}

        def organization(self, task_vars):
            seen.update(self._task.args)
            return {"changed": False, "reachable": True, **(result or {})}

        monkeypatch.setattr(OrganizationAction, "execute", organization)
        action = ActionModule.__new__(ActionModule)
        action._task = SimpleNamespace(args=dict(arguments or {}), check_mode=check_mode, module_defaults=[],
                                       action="selfhosted.bitwarden.families_sync_configure",
                                       _role=SimpleNamespace(get_name=lambda: "selfhosted.bitwarden.families_sync"),
                                       get_name=lambda: "Configure through the API",
                                       _parent=SimpleNamespace(_get_parent_attribute=lambda name: []))  # fmt: skip
        action._templar = SimpleNamespace(template=lambda value: value)
        monkeypatch.setattr(families_sync_configure, "set_facts", lambda _action, facts: {"ansible_facts": facts})
        task_vars = {
            "inventory_hostname": "bw2", "bitwarden_url": "u", "bitwarden_wait_timeout": "9s",
            "families_sync_plan": {"hosts": {"bw2": {**PLAN, **(plan or {})}}},
            "families_sync_tokens": {"hosts": {"one": "bw1"}, "tokens": {"one": FETCHED if token is None else token}},
            **variables,
        }  # fmt: skip
        return seen, action.execute(task_vars)

    return run


def test_the_token_comes_from_the_host_that_fetched_it(run):
    seen, result = run()
    assert (seen["billing_sync_token"], seen["steps"]) == ("token", ["license", "token", "sync"])
    assert (seen["url"], seen["wait_timeout"]) == ("u", "9s")
    assert "failed" not in result


def test_a_token_given_by_hand_is_passed_on(run):
    seen, _result = run({"token_source": ""}, bitwarden_billing_sync_token="by-hand", families_sync_tokens={})
    assert seen["billing_sync_token"] == "by-hand"


def test_a_step_that_is_not_selected_needs_no_token(run):
    seen, _result = run({"token_source": "", "steps": ["sync"]}, bitwarden_billing_sync_token="by-hand")
    assert "billing_sync_token" not in seen and seen["steps"] == ["sync"]


def test_without_the_step_wait_there_is_no_waiting(run):
    assert "wait_timeout" not in run({"wait": False})[0]


@pytest.mark.parametrize(("token", "said"), [(FAILED, "could not be fetched by bw1"), ({}, "was not fetched")])
def test_a_fetch_that_failed_fails_the_host_after_what_needs_no_token(run, token, said):
    seen, result = run(token=token)
    assert seen["steps"] == ["license"] and "billing_sync_token" not in seen
    assert result["failed"] and result["step"] == "fetch" and said in result["msg"]
    assert result["reachable"], "the facts are kept"


@pytest.mark.parametrize("other", [{"failed": True, "msg": "down", "step": "read"}, {"license_required": True}])
def test_what_comes_first_is_told_first(run, other):
    found = run(token=FAILED, result=other)[1]
    told = {name: value for name, value in found.items() if name not in ("planned", "status", "ansible_facts")}
    assert told == {"changed": False, "reachable": True, **other}


def test_a_rotation_is_left_to_the_second_pass(run):
    seen, result = run({"rotate": True}, token={"skipped": True})
    assert seen["steps"] == ["license"] and "failed" not in result
    seen, _result = run({"rotate": True}, {"second_pass": True})
    assert (seen["steps"], seen["billing_sync_token"]) == (["token", "sync"], "token")
    assert "second_pass" not in seen
    assert run({"rotate": True}, {"second_pass": True}, token=FAILED)[1]["failed"]


def test_the_second_pass_takes_predicted_changes_as_made(run):
    required, changed = {"license_required": True, "changed": False}, {"changed": True}
    for first, upload, assumed in ((required, changed, True), ({"changed": True}, {}, True), ({}, changed, False)):
        seen, _result = run(
            arguments={"second_pass": True}, check_mode=True, families_sync_organization=first,
            families_sync_upload=upload,
        )  # fmt: skip
        assert seen["assume_ready"] == assumed


def test_the_status_is_set_after_the_second_pass_too(run):
    first = {"changed": True, "changes": [{"key": "license", "action": "changed"}], "reachable": True}
    _seen, result = run({"rotate": True}, {"second_pass": True}, families_sync_organization=first)
    assert not result["changed"] and result["status"]["changed"] and result["status"]["actions"] == ["license"]
    assert result["ansible_facts"] == {"bitwarden_status": result["status"]}


def test_a_failure_names_variables_and_the_step(run):
    failed = {"failed": True, "msg": "client_id is missing. Set client_id.", "step": "read"}
    _seen, result = run({"token_source": ""}, result=failed)
    assert result["msg"] == "bitwarden_client_id is missing. Set bitwarden_client_id."
    assert result["status"]["problem"] == f"Wait for the API: {result['msg']}"
    _seen, result = run(token={"failed": True, "msg": "master_password is missing."})
    assert result["msg"].endswith("bitwarden_cloud_password is missing.")


def test_without_a_step_through_the_api_only_the_status_is_set(run):
    seen, result = run({"configure": False}, families_sync_server={"changed": True, "restarted": True, "changes": []})
    assert not seen and not result["changed"] and result["status"]["restarted"]


GATHERED = {
    "available_versions": {"core": "2026.9.0"},
    "backup": {"created": "2026-11-26T21:37:16Z", "age": 3600, "verified": "checksum"},
    "certificate": None,
    "unknown": {"certificate": "nginx is not running."},
    "warnings": ["nginx serves another certificate."],
}


@pytest.fixture
def asked(monkeypatch):
    """Have the host answer module server_info with ``answer``; what it was asked is in the list."""
    calls = []

    def answering(answer):
        def read_on_host(self, _task_vars):
            return lambda module, options: calls.append((module, dict(options))) or answer

        monkeypatch.setattr(ActionModule, "read_on_host", read_on_host)
        return calls

    return answering


def test_the_host_is_asked_for_nothing_more_by_default(run, asked):
    calls = asked(GATHERED)
    _seen, result = run()
    assert calls == [] and "server_info" not in result and "available_version" not in result["status"]


@pytest.mark.parametrize(("offline", "gather"), [(False, ["available_versions", "backup"]), (True, ["backup"])])
def test_what_the_host_tells_is_in_the_status(run, asked, offline, gather):
    calls = asked(GATHERED)
    _seen, result = run(bitwarden_gather="available_versions,backup", bitwarden_offline=offline,
                        bitwarden_bwdata="/srv/bwdata", bitwarden_backup_dest="/srv/sets")  # fmt: skip
    options = {"bwdata": "/srv/bwdata", "backup_dest": "/srv/sets", "gather": gather, "show_settings": False}
    assert calls == [("server_info", options)]
    status = result["status"]
    assert (status["available_version"], status["certificate"]) == ("2026.9.0", None)
    assert status["backup"] == GATHERED["backup"]
    assert status["warnings"] == ["nginx serves another certificate.", "nginx is not running."]
    assert status["problem"] == "" and not result.get("failed")


def test_an_offline_host_that_is_to_gather_only_the_available_version_is_not_asked(run, asked):
    calls = asked(GATHERED)
    run(bitwarden_gather=["available_versions"], bitwarden_offline=True)
    assert calls == []


def test_a_host_that_does_not_tell_it_is_warned_of(run, asked):
    asked({"failed": True, "msg": "Docker does not answer."})
    _seen, result = run(bitwarden_gather=["backup"])
    (warning,) = result["status"]["warnings"]
    assert warning.endswith("could not be gathered on the host: Docker does not answer.")
    assert result["status"]["problem"] == ""


def test_it_is_gathered_once_and_at_the_end(run, asked):
    """A rotation is left to the second pass, whose status is the one that counts; an update makes a backup."""
    calls = asked(GATHERED)
    run({"rotate": True}, token={"skipped": True}, bitwarden_gather=["backup"])
    assert calls == []
    _seen, result = run({"rotate": True}, {"second_pass": True}, bitwarden_gather=["backup"])
    assert len(calls) == 1 and result["status"]["backup"]
