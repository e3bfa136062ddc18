# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who fetches, from the variables of the hosts. The choice itself: module_utils/_families_sync/test_fetchers.py."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.filter.token_fetchers import token_fetchers


def host(name, **results):
    plan = {"token_source": "one", "rotate": False, **results.pop("plan", {})}
    variables = {f"families_sync_{step}": result for step, result in results.items()}
    return {"inventory_hostname": name, "families_sync_plan": plan, **variables}


@pytest.mark.parametrize("step", ["server", "organization", "upload", "plan"])
def test_a_step_that_failed_makes_the_next_host_fetch(step):
    assert token_fetchers([host("a", **{step: {"failed": True}}), host("b")])["hosts"] == {"one": "b"}


def test_a_host_without_a_plan_does_not_count():
    assert token_fetchers([{"inventory_hostname": "a"}, host("b")])["hosts"] == {"one": "b"}


def test_the_beginning_of_the_run_is_kept():
    first = token_fetchers([host("a")])
    age = datetime.now(timezone.utc) - datetime.strptime(first["began"], "%Y-%m-%dT%H:%M:%S%z")
    assert timedelta(0) <= age < timedelta(minutes=1)
    noted = {**first, "began": "2026-11-22T10:00:00Z"}
    assert token_fetchers([host("b")], noted) == {"began": "2026-11-22T10:00:00Z", "hosts": {"one": "a"}}


def test_rotation():
    assert token_fetchers([host("a", plan={"rotate": True})], {})["hosts"] == {}
    assert token_fetchers([host("a", plan={"rotate": True})], {}, rotate=True)["hosts"] == {"one": "a"}
