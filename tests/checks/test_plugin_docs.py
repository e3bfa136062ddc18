# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The length and form of what ``ansible-doc`` shows first of each plugin."""

from __future__ import annotations

import ast
import re

import pytest
import yaml

from tests.support.tools.commands import ROOT

PLUGINS = sorted([*ROOT.glob("plugins/modules/[!_]*.py"), *ROOT.glob("plugins/filter/[!_]*.py")])
VERBS = {
    "Apply",
    "Back",
    "Check",
    "Configure",
    "Download",
    "Evaluate",
    "Fetch",
    "Gather",
    "Install",
    "Manage",
    "Order",
    "Print",
    "Restore",
    "Set",
    "Show",
    "Summarize",
    "Sync",
    "Update",
    "Upload",
}
# Steps of roles and playbooks, which nobody calls otherwise.
STEPS = {
    "families_sync_apply",
    "families_sync_configure",
    "families_sync_fetch",
    "families_sync_plan",
    "families_sync_status",
    "fleet_hosts",
    "fleet_report",
    "restore_apply",
    "server_unchanged",
    "update_apply",
    "update_plan",
}
CALLED = [path for path in PLUGINS if path.parent.name == "modules" and path.stem not in STEPS]


def _part(path, name):
    """Return DOCUMENTATION, EXAMPLES or RETURN of a plugin, parsed."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == name:
            return yaml.safe_load(ast.literal_eval(node.value))
    raise AssertionError(f"{path} has no {name}")


def _ids(path):
    return f"{path.parent.name}-{path.stem}"


@pytest.mark.parametrize("path", PLUGINS, ids=_ids)
def test_descriptions_are_short_and_begin_with_a_verb(path):
    """What else is worth knowing is a note, or belongs to an option or a return value."""
    documented = _part(path, "DOCUMENTATION")
    lines = documented["description"]
    assert isinstance(lines, list)
    assert 15 <= len(" ".join(lines).split()) <= 40
    assert len(lines) <= 4
    assert documented["short_description"].split()[0] in VERBS
    assert re.match(r"[A-Z][a-z]*s[ ,]", lines[0])


@pytest.mark.parametrize("path", CALLED, ids=_ids)
def test_modules_that_users_call_have_four_examples(path):
    assert len(_part(path, "EXAMPLES")) >= 4


def test_the_steps_exist():
    assert STEPS - {path.stem for path in PLUGINS} == set()
