# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shared options set once by ``module_defaults``, also where an action plugin stands in front of a module."""

from __future__ import annotations

import pytest
import yaml

from .ansible_run import ENVIRONMENTS, ROOT, playbook

HOST = "bw1"
GROUPS = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]
NEEDED = {
    "override_env": {"settings": {"globalSettings__siteName": "Vault"}},
    "install": {
        "domain": "vault.example.com",
        "installation_id": "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b",
        "installation_key": "AbCdEfGhIjKlMnOpQrSt",
    },
    "restore": {"set": "/nowhere/set", "confirm": "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"},
}


# They read the role's variables, and have no option that others have; module server runs server_unchanged.
UNGROUPED = [f"families_sync_{name}" for name in ("apply", "fetch", "plan", "status")]
UNGROUPED += ["fleet_hosts", "fleet_report", "fleet_status", "restore_apply", "server_unchanged"]
UNGROUPED += ["update_apply", "update_plan"]


def test_every_module_is_in_one_group():
    modules = sorted(path.stem for path in ROOT.glob("plugins/modules/*.py"))
    assert sorted([name for members in GROUPS.values() for name in members] + UNGROUPED) == modules


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def host_group(fleet, request):
    """Run all modules of the group once on an ansible-core."""
    tasks = [
        {f"selfhosted.bitwarden.{module}": NEEDED.get(module, {}), "check_mode": True, "ignore_errors": True}
        for module in GROUPS["host"]
    ]
    play = {
        "hosts": HOST,
        "gather_facts": False,
        "module_defaults": {"group/selfhosted.bitwarden.host": {"bwdata": "/nowhere/bwdata"}},
        "tasks": tasks,
    }
    return playbook([play], core=request.param)


@pytest.mark.fleet
@pytest.mark.parametrize("module", GROUPS["host"])
def test_host_group(host_group, module):
    (task,) = host_group.of(HOST, module)
    assert task.status == "failed" and "/nowhere/bwdata" in task.result["msg"]


@pytest.mark.fleet
@pytest.mark.parametrize("core", ENVIRONMENTS)
def test_api_group(fresh, core):
    fresh(HOST)
    shared = ("url", "client_id", "client_secret", "organization", "ca_path")
    token = {"billing_sync_token": "{{ fleet_token }}"}
    play = {
        "hosts": HOST,
        "gather_facts": False,
        "module_defaults": {"group/selfhosted.bitwarden.api": {name: f"{{{{ bitwarden_{name} }}}}" for name in shared}},
        "tasks": [
            {"selfhosted.bitwarden.organization_info": {}},
            {"selfhosted.bitwarden.billing_sync": token, "check_mode": True},
            {"selfhosted.bitwarden.license_sync": {"assume_ready": True}, "check_mode": True},
        ],
    }
    run = playbook([play], core=core).ok()
    assert len(run.tasks) == 3
