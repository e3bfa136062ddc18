# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who fetches, from what the hosts registered. The choice itself: module_utils/_families_sync/test_fetchers.py."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from ansible import constants
from ansible_collections.selfhosted.bitwarden.plugins.action import families_sync_fetch

PLAN = {"token_source": "one", "rotate": False}
EARLIER = {"run": constants.DEFAULT_LOCAL_TMP, "began": "2026-11-22T10:00:00Z"}


@pytest.fixture
def run(monkeypatch):
    """Fetch for ``hosts``, name to plan, with what each ``registered``; the result, and the beginnings passed on."""

    def run(hosts, registered=None, noted=None, rotate=False):
        began = []

        def fetch(_action, host, _plan, beginning):
            began.append(beginning)
            return {"changed": False, "billing_sync_token": f"of {host.name}"}

        def role_host(_action, _task_vars, name):
            return SimpleNamespace(name=name, environment=lambda _action: {})

        monkeypatch.setattr(families_sync_fetch, "role_host", role_host)
        monkeypatch.setattr(families_sync_fetch, "fetch_token", fetch)
        monkeypatch.setattr(families_sync_fetch, "set_facts", lambda _action, facts: {"ansible_facts": facts})
        action = families_sync_fetch.ActionModule.__new__(families_sync_fetch.ActionModule)
        action._task = SimpleNamespace(args={"rotate": rotate})
        variables = {"localhost": {"families_sync_fetches": noted or {}}, **(registered or {})}
        task_vars = {
            "ansible_play_batch": ["a", "b"],
            "hostvars": SimpleNamespace(raw_get=lambda name: variables.get(name, {})),
            "families_sync_plan": {"hosts": hosts},
        }
        return action.execute(task_vars), began

    return run


@pytest.mark.parametrize("step", ["server", "organization", "upload"])
@pytest.mark.parametrize("outcome", ["failed", "unreachable"])
def test_a_step_that_did_not_succeed_makes_the_next_host_fetch(run, step, outcome):
    result, _began = run({"a": PLAN, "b": PLAN}, {"a": {f"families_sync_{step}": {outcome: True}}})
    assert result["hosts"] == {"one": "b"}
    assert result["tokens"] == {"one": {"changed": False, "billing_sync_token": "of b"}}


def test_the_first_host_fetches_where_all_went_well(run):
    assert run({"a": PLAN, "b": PLAN}, {"a": {"families_sync_server": {"changed": True}}})[0]["hosts"] == {"one": "a"}


def test_a_host_without_a_plan_does_not_count(run):
    assert run({"b": PLAN})[0]["hosts"] == {"one": "b"}


def test_the_beginning_of_the_run_is_kept(run):
    noted = run({"a": PLAN})[0]["ansible_facts"]["families_sync_fetches"]
    age = datetime.now(timezone.utc) - datetime.strptime(noted["began"], "%Y-%m-%dT%H:%M:%S%z")
    assert timedelta(0) <= age < timedelta(minutes=1)
    first = {**EARLIER, "hosts": {"one": "a"}}
    assert run({"b": PLAN}, noted=first)[0]["ansible_facts"]["families_sync_fetches"] == first


def test_rotation(run):
    rotating = {"a": {**PLAN, "rotate": True}}
    assert run(rotating)[0]["hosts"] == {}
    result, began = run(rotating, noted=EARLIER, rotate=True)
    assert (result["hosts"], began) == ({"one": "a"}, [EARLIER["began"]])


def test_what_an_earlier_run_has_noted_does_not_count(run):
    old = {**EARLIER, "run": "another", "hosts": {"one": "b"}}
    result, _began = run({"a": PLAN}, noted=old)
    assert result["hosts"] == {"one": "a"}
    assert result["ansible_facts"]["families_sync_fetches"]["began"] > old["began"]
