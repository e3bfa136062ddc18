# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a host: what the action plugin reads, and what it shows."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleFileNotFound
from ansible.plugins.action import ActionBase
from ansible_collections.selfhosted.bitwarden.plugins.action.families_sync_plan import ActionModule


@pytest.fixture
def run(monkeypatch):
    """Run the plugin with variables of the role; templates are upper-cased."""
    monkeypatch.setattr(ActionBase, "run", lambda self, tmp=None, task_vars=None: {})

    def found(check_mode=False, tags=("all",), **variables):
        action = ActionModule.__new__(ActionModule)
        action._task = SimpleNamespace(args={}, tags=["always"], check_mode=check_mode)
        action._templar = SimpleNamespace(
            template=lambda value: value.strip("{} ").upper() if str(value).startswith("{{") else value
        )

        def find(folder, path):
            if folder == "files" and path == "there.json":
                return f"/files/{path}"
            raise AnsibleFileNotFound(path)

        monkeypatch.setattr(ActionModule, "_find_needle", staticmethod(find), raising=False)
        return action.run(task_vars={"ansible_run_tags": tags, "ansible_skip_tags": [], **variables})

    return found


def test_it_reads_the_variables_of_the_role(run):
    plan = run(bitwarden_offline="no", bitwarden_region="EU", bitwarden_rotate="true", bitwarden_pull=False,
               bitwarden_cloud_organization="{{ acme }}")  # fmt: skip
    assert (plan["cloud"], plan["rotate"], plan["pull"], plan["cloud_communication"]) == ("eu", True, False, True)
    assert plan["token_source"] == 'of ["eu", "", "ACME"]'
    assert plan["changed"] is False and "failed" not in plan


def test_tags_count(run):
    plan = run(tags=("server",))
    assert (plan["configure"], plan["steps"], plan["preflight"]) == (False, [], "skip")


def test_families_license(run):
    assert run(families_sync_license_only=True, bitwarden_license_file="there.json")["steps"] == ["license"]


def test_a_file_that_is_missing_is_a_problem_except_in_check_mode(run):
    assert run(bitwarden_license_file="there.json")["license"] == "file"
    assert "no file gone.json" in run(bitwarden_license_file="gone.json")["msg"]
    assert run(check_mode=True, bitwarden_license_file="gone.json")["license"] == "file"


def test_wrong_kinds_are_a_problem(run):
    found = run(bitwarden_offline="perhaps")
    assert found["failed"] and found["msg"] == "bitwarden_offline must be true or false."


def test_no_secret_is_returned(run):
    secrets = {
        "bitwarden_billing_sync_token": "canary", "bitwarden_client_secret": "canary",
        "bitwarden_cloud_client_secret": "canary", "bitwarden_cloud_password": "canary",
    }  # fmt: skip
    plan = run(**secrets)
    assert "canary" not in str(plan) and plan["token_source"] == ""
