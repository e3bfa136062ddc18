# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever the documentation shows can be run: EXAMPLES of the plugins, plays and tasks of the guides."""

from __future__ import annotations

import ast
import re

import pytest
import yaml

from tests.support.fleet import names

from .ansible_run import ROOT, playbook, task

HOST = "bw3"
# By a user who becomes root, as the examples do; those that do not ask for it get it from here.
USER = {"ansible_user": "admin", "ansible_become": True, "bitwarden_billing_sync_token": "{{ fleet_token }}"}
PLUGINS = sorted([*ROOT.glob("plugins/modules/*.py"), *ROOT.glob("plugins/filter/*.py")])
# What the guides name and a reader has: a license file, a certificate with its key.
GIVEN = {"license_file": "licenses/family.json", "certificate": "certificates/{{ inventory_hostname }}"}
CERTIFICATE = str(names.STATE / "certificates" / HOST)
PAGES = [
    page
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("roles/*/*.md"))
    if "```yaml" in page.read_text()
]


def examples(path, license_file):
    """Return the tasks in a plugin's EXAMPLES, with ``license_file`` in place of one that a reader has."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "EXAMPLES":
            text = ast.literal_eval(node.value)
            text = text.replace(GIVEN["certificate"], CERTIFICATE)
            return yaml.safe_load(text.replace('src: "{{ inventory_hostname }}-license.json"', f"src: {license_file}"))
    raise AssertionError(f"{path} has no EXAMPLES")


def shown(page, **given):
    """Return the YAML blocks of a page; ``given``: texts in them that stand for something a reader has."""
    text = page.read_text()
    for name, value in given.items():
        text = text.replace(GIVEN[name], value)
    return [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)]


# By hostvars, as the play sets these variables from its own loop.
ORGANIZATION = {
    key: f"{{{{ hostvars[inventory_hostname].bitwarden_{name} }}}}"
    for key, name in {
        "name": "organization",
        "cloud_id": "cloud_organization",
        "client_id": "client_id",
        "client_secret": "client_secret",
    }.items()
}


@pytest.fixture(scope="module")
def host(fleet):
    fleet[HOST].reset()
    yield fleet[HOST]
    fleet[HOST].reset()


@pytest.fixture(scope="module")
def changed():
    """Return the changes since everything was last in order."""
    return ["set up"]


@pytest.fixture
def synced_host(host, changed):
    """Return a host on which everything is in order, so that each example can do what it says."""
    if changed:
        playbook("selfhosted.bitwarden.families_sync", "--limit", HOST).ok()
        changed.clear()
    return host


@pytest.mark.fleet
@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_examples_of_plugins_run(synced_host, changed, license_file, plugin):
    tasks = examples(plugin, license_file)
    changed.append(plugin)
    run = playbook([{"hosts": HOST, "gather_facts": False, "tasks": tasks}], **USER).ok()
    if not any(task.result.get("changed") for task in run.tasks):
        changed.clear()
    assert {task.status for task in run.tasks} <= {"ok", "skipped"}
    assert len(run.tasks) >= len(tasks)
    assert any(plugin.stem in str(task) for task in tasks), "the examples do not use their plugin"


@pytest.fixture(scope="module")
def license_file(host, tmp_path_factory):
    """Return the license of the host's organization, downloaded for it."""
    file = tmp_path_factory.mktemp("license") / "family.json"
    options = ("client_id", "client_secret", "organization", "ca_path")
    account = {name: f"{{{{ bitwarden_cloud_{name} }}}}" for name in options}
    installation = host.data.installation["id"]
    cloud = "{{ bitwarden_cloud }}"
    task("cloud_license", HOST, **account, cloud=cloud, installation_id=installation, dest=str(file)).ok()
    return file


@pytest.mark.fleet
@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_plays_and_tasks_of_the_guides_run(synced_host, changed, license_file, page):
    """Each play; and the tasks of a page as one play, as a later one may use what an earlier one registered."""
    given = {"license_file": str(license_file), "certificate": CERTIFICATE}
    lists = [block for block in shown(page, **given) if isinstance(block, list)]
    plays = [block for block in lists if {"hosts", "ansible.builtin.import_playbook"} & set(block[0])]
    for play in plays:
        changed.append(page)
        run = playbook(play, "--limit", HOST, **USER, organizations=[ORGANIZATION]).ok()
        if not any(task.result.get("changed") for task in run.tasks):
            changed.pop()
    tasks = [one for block in lists if block not in plays for one in block]
    if tasks:
        secrets = {"vault_smtp_password": "correct horse battery staple"}
        playbook([{"hosts": HOST, "gather_facts": False, "tasks": tasks}], "--check", **USER, **secrets).ok()


def test_all_yaml_of_the_guides_is_marked_as_such():
    """An indented block, or one of another kind, would not be run."""
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("roles/*/*.md")):
        rest = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
        assert not re.search(r"^ {4,}(- name|hosts|tasks|[a-z_.]+):", rest, re.MULTILINE), page
        assert not re.search(r"^```(?!yaml$|$)", page.read_text(), re.MULTILINE), page
