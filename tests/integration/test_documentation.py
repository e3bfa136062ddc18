# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever the documentation shows can be run: EXAMPLES of the plugins, plays and tasks of the guides."""

from __future__ import annotations

import ast
import re

import pytest
import yaml

from .ansible_run import ROOT, playbook

HOST = "bw3"
# By a user who becomes root, as the examples do; those that do not ask for it get it from here.
USER = {"ansible_user": "admin", "ansible_become": True, "bitwarden_billing_sync_token": "{{ fleet_token }}"}
PLUGINS = sorted([*ROOT.glob("plugins/modules/*.py"), *ROOT.glob("plugins/filter/*.py")])
PAGES = [
    page
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("roles/*/*.md"))
    if "```yaml" in page.read_text()
]


def examples(path):
    """The tasks in a plugin's EXAMPLES."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "EXAMPLES":
            return yaml.safe_load(ast.literal_eval(node.value))
    raise AssertionError(f"{path} has no EXAMPLES")


def shown(page):
    """The YAML blocks of a page."""
    return [
        yaml.safe_load(block)
        for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    ]


@pytest.fixture(scope="module")
def host(fleet):
    fleet[HOST].reset()
    yield fleet[HOST]
    fleet[HOST].reset()


@pytest.fixture
def synced_host(host):
    """A host on which everything is in order, so that each example can do what it says."""
    playbook("selfhosted.bitwarden.families_sync", "--limit", HOST).ok()
    return host


@pytest.mark.fleet
@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_examples_of_plugins_run(synced_host, plugin):
    tasks = examples(plugin)
    run = playbook([{"hosts": HOST, "gather_facts": False, "tasks": tasks}], **USER).ok()
    assert {task.status for task in run.tasks} <= {"ok", "skipped"}
    assert len(run.tasks) >= len(tasks)
    assert any(plugin.stem in str(task) for task in tasks), "the examples do not use their plugin"


@pytest.mark.fleet
@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_plays_and_tasks_of_the_guides_run(synced_host, page):
    for block in shown(page):
        if isinstance(block, list) and "hosts" in block[0]:
            playbook(block, "--limit", HOST, **USER).ok()
        elif isinstance(block, list):
            secrets = {"vault_smtp_password": "correct horse battery staple"}
            playbook([{"hosts": HOST, "gather_facts": False, "tasks": block}], "--check", **USER, **secrets).ok()
