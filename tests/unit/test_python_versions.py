# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All plugins import on every Python that they may run on: those of hosts with only the standard library.

ansible-test imports them, too, in ways of its own that cost ten times as much, on the oldest Python of hosts and on one
of controllers for each ansible-core (tests/support/tools/sanity.py). No release of it knows all of these versions.
"""

from __future__ import annotations

import json
import runpy
import subprocess
from pathlib import Path

import pytest

from tests.support.tools.commands import ROOT, WORK
from tests.support.tools.pythons import WANTED

ENVIRONMENTS = {"newest": "venv", "oldest": "venv-oldest"}


def packages_of(core: str) -> Path:
    (folder,) = (WORK / ENVIRONMENTS[core]).glob("lib/python3*/site-packages")
    return folder


def supported(kind: str) -> list[tuple[str, str]]:
    """Return Python and ansible-core where the core's ansible-test knows this Python, of controllers or of hosts."""
    found = []
    for core in ENVIRONMENTS:
        told = runpy.run_path(str(packages_of(core) / "ansible_test/_util/target/common/constants.py"))
        versions = set(told["CONTROLLER_PYTHON_VERSIONS"])
        if kind == "hosts":
            versions.update(told["REMOTE_ONLY_PYTHON_VERSIONS"])
        found += [(version, core) for version in WANTED if version in versions]
    return found


# Each is run without site-packages: of others than the standard library only what is put on the path can be imported.
IMPORT = """
def import_all(*kinds):
    warnings.simplefilter("error")
    sys.dont_write_bytecode = True
    sys.path.insert(0, collections)
    plugins, names = pathlib.Path(root) / "plugins", []
    for path in sorted(path for kind in kinds for path in (plugins / kind).rglob("*.py")):
        compile(path.read_bytes(), str(path), "exec")
        parts = path.relative_to(plugins).with_suffix("").parts
        names.append(".".join(part for part in parts if part != "__init__"))
        importlib.import_module("ansible_collections.selfhosted.bitwarden.plugins." + names[-1])
    print(json.dumps(names))
"""
START = "import importlib, json, pathlib, sys, types, warnings\nroot, collections, packages = sys.argv[1:]\n" + IMPORT
MODULE_UTILS = f"{START}import_all('module_utils')"
# As on a host: module_utils is all there is of Ansible.
MODULES = f"""{START}
ansible = sys.modules["ansible"] = types.ModuleType("ansible")
ansible.__file__, ansible.__path__ = packages + "/ansible/__init__.py", [packages + "/ansible"]
import_all("modules")
"""
ON_CONTROLLER = f"""{START}
sys.path.append(packages)
import ansible.plugins.action
import_all("action", "doc_fragments", "filter", "plugin_utils")
"""


def run(program: str, version: str, packages: Path) -> list[str]:
    """Run a program on a Python with the packages of an ansible-core; return what it imported."""
    known = json.loads((WORK / "pythons.json").read_text()) if (WORK / "pythons.json").exists() else {}
    if version not in known:
        pytest.skip(f"Python {version} cannot be had on this machine")
    done = subprocess.run(
        [known[version], "-I", "-S", "-c", program, str(ROOT), str(WORK / "collections"), str(packages)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.mark.parametrize("version", WANTED)
def test_module_utils(version):
    assert "module_utils._common.errors" in run(MODULE_UTILS, version, WORK / "nowhere")


@pytest.mark.parametrize(("version", "core"), supported("hosts"))
def test_modules(version, core):
    assert "modules.server" in run(MODULES, version, packages_of(core))


@pytest.mark.parametrize(("version", "core"), supported("controllers"))
def test_what_runs_on_controllers(version, core):
    found = run(ON_CONTROLLER, version, packages_of(core))
    assert {"action.server", "filter.fleet_table", "plugin_utils._action"} <= set(found)
