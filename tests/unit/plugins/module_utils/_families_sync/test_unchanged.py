# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is kept of the results of hosts on which nothing was done."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.results import status_of
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.unchanged import (
    short_organization,
    short_server,
)

SERVER = {
    "changed": False, "restarted": False, "changes": [], "backup_file": None, "stale_services": {}, "stdout": "",
    "services": [{"name": "api", "state": "running"}], "version": "2026.8.0", "cloud_communication": False,
    "installation_id": "id", "rolled_back": False, "preflight": None, "invocation": {"module_args": {}},
}  # fmt: skip
ORGANIZATION = {
    "changed": False, "changes": [], "reachable": True, "organization": {"id": "one", "enabled": True}, "version": None,
    "cloud_communication": None, "connection": {"id": "two", "billing_sync_token_set": True},
    "last_license_sync": "2026-11-22T14:16:19Z", "license": {"state": "ok", "expires": "2027-12-28T00:00:00Z"},
    "sponsorships": {"visible": 2, "counts": {}, "last_sync": "2026-11-22T02:00:00Z", "overdue": False},
    "problems": [], "sync_problem": None, "license_required": False,
}  # fmt: skip


def status(organization, server=None, check_mode=False):
    variables = {"families_sync_server": server or SERVER, "families_sync_organization": organization}
    return status_of({**variables, "inventory_hostname": "bw1"}, "", check_mode)


def of_organization(**different):
    result = {**ORGANIZATION, **different}
    return {**result, "status": status(result)}


def test_an_unchanged_server_says_what_is_not_the_same_everywhere():
    assert short_server({**SERVER, "warnings": ["look"], "stdout_lines": []}) == {
        "changed": False,
        "restarted": False,
        "changes": [],
        "version": "2026.8.0",
        "cloud_communication": False,
        "installation_id": "id",
        "warnings": ["look"],
    }


@pytest.mark.parametrize("what", ["changed", "failed", "unreachable"])
def test_a_server_with_something_to_look_at_keeps_all(what):
    assert short_server({**SERVER, what: True}) == {**SERVER, what: True}


@pytest.mark.parametrize("check_mode", [False, True])
def test_the_short_result_of_an_organization_gives_the_same_status_again(check_mode):
    gathered = {"available_versions": {"core": "2026.9.0"}, "backup": {"created": "2026-11-22T02:00:00Z"}}
    result = of_organization(diff={"before": "", "after": ""}, server_info=gathered)
    short = short_organization(result)
    assert set(short) == {"changed", "changes", "status", "diff", "server_info"}
    server = {**SERVER, "changed": True, "restarted": True, "changes": [{"key": "adminSettings__admins"}]}
    for found in (SERVER, short_server(SERVER), server):
        assert status(short, found, check_mode) == status(result, found, check_mode)


@pytest.mark.parametrize(
    "different",
    [
        {"failed": True, "msg": "down"},
        {"changed": True, "changes": [{"key": "license", "action": "changed"}]},
        {"problems": ["The organization is disabled on the server."]},
        {"license": {"state": "expiring", "message": "It ends soon.", "expires": "2026-12-01T00:00:00Z"}},
        {"license_required": True, "planned": {"license": "cloud"}},
        {"reachable": False},
    ],
)
def test_an_organization_with_something_to_look_at_keeps_all(different):
    result = of_organization(**different)
    assert short_organization(result) == result


def test_a_server_that_changed_keeps_the_facts_of_its_organization():
    result = {**ORGANIZATION, "status": status(ORGANIZATION, {**SERVER, "changed": True})}
    assert short_organization(result) == result
