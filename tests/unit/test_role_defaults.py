# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Defaults and choices of the role: the same in its argument spec, in its defaults, and in the module behind."""

from __future__ import annotations

import ast
import re
from typing import Any, Dict

import pytest
import yaml
from ansible_collections.selfhosted.bitwarden.plugins.action.families_sync_configure import DEFAULTS

from tests.support.tools.commands import ROOT

SPECS = yaml.safe_load((ROOT / "roles/families_sync/meta/argument_specs.yml").read_text())["argument_specs"]
OPTIONS = SPECS["main"]["options"]
TASKS = "".join(path.read_text() for path in sorted((ROOT / "roles/families_sync/tasks").glob("*.yml")))
# Role variable -> plugin whose option it becomes, and that option's name where it is not the variable's.
BEHIND = {
    "bwdata": ("server", None),
    "script": ("server", None),
    "region": ("server", None),
    "wait_timeout": ("server", None),
    "rollback": ("server", None),
    "pull": ("server", None),
    "preflight": ("server", None),
    "validate_certs": ("organization", None),
    "api_url": ("organization", None),
    "identity_url": ("organization", None),
    "client_cert": ("organization", None),
    "client_key": ("organization", None),
    "timeout": ("organization", None),
    "run_on": ("organization", None),
    "cloud_client_cert": ("billing_sync_token", "client_cert"),
    "cloud_client_key": ("billing_sync_token", "client_key"),
    "cloud_timeout": ("billing_sync_token", "timeout"),
    "retry_timeout": ("organization", None),
    "egress": ("organization", None),
    "syncs_per_minute": ("organization", None),
    "sponsorships_max_age": ("organization", None),
    "license_expiry_warning": ("organization", None),
    "cloud_validate_certs": ("billing_sync_token", "validate_certs"),
    "token_max_age": ("billing_sync_token", "max_age"),
}


def documented(plugin: str) -> Dict[str, Any]:
    """Return the options of a module, those of its documentation fragments included."""
    options: Dict[str, Any] = {}
    documentation = yaml.safe_load(_text(ROOT / f"plugins/modules/{plugin}.py", "DOCUMENTATION"))
    for fragment in documentation.get("extends_documentation_fragment", []):
        name, _dot, part = fragment.removeprefix("selfhosted.bitwarden.").partition(".")
        path = ROOT / f"plugins/doc_fragments/{name}.py"
        options.update(yaml.safe_load(_text(path, part.upper() or "DOCUMENTATION")).get("options") or {})
    return {**options, **(documentation.get("options") or {})}


def _text(path: Any, name: str) -> str:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            return str(ast.literal_eval(node.value))
    raise AssertionError(f"{path} has no {name}")


@pytest.mark.parametrize("variable", BEHIND)
def test_defaults_and_choices_agree(variable: str) -> None:
    plugin, option = BEHIND[variable]
    module = documented(plugin)[option or variable]
    role = OPTIONS[f"bitwarden_{variable}"]
    assert role.get("default") == module.get("default")
    assert sorted(role.get("choices", [])) == sorted(module.get("choices", []))
    assert role["type"] == module["type"]


def test_tasks_leave_out_what_is_not_set() -> None:
    """So the defaults of a play's ``module_defaults`` hold, then the module's. The role's own are those documented."""
    assert not re.findall(r"\{\{ (bitwarden_\w+) \| default\('(\w+)'\) \}\}", TASKS)
    assert not re.findall(r"\{\{ (bitwarden_\w+) \}\}", TASKS)
    assert {name: OPTIONS[f"bitwarden_{name}"]["default"] for name in DEFAULTS} == DEFAULTS
    # The module organization syncs no license without a max age; the role syncs it after that of license_sync.
    assert DEFAULTS["license_max_age"] == documented("license_sync")["max_age"]["default"]


@pytest.mark.parametrize("entry", SPECS)
def test_entry_points_share_their_options(entry: str) -> None:
    for name, option in SPECS[entry]["options"].items():
        assert option.get("default") == OPTIONS[name].get("default")
        assert option["type"] == OPTIONS[name]["type"]


def test_secrets_may_be_encrypted_in_place() -> None:
    """An option that is ``no_log`` cannot be: ansible-core 2.17 fails on such a value. Nothing shows values anyway."""
    assert not [name for name, option in OPTIONS.items() if "no_log" in option]
