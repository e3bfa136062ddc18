# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps of the role outside of it: one clear message."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import pytest
from ansible.plugins.action import ActionBase
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._action import BitwardenAction

PACKAGE = "ansible_collections.selfhosted.bitwarden.plugins.action"


@pytest.mark.parametrize(
    ("name", "of_role"),
    [
        *((f"families_sync_{step}", "families_sync") for step in ("plan", "apply", "fetch", "configure")),
        ("update_apply", "update"),
        ("restore_apply", "restore"),
    ],
)
@pytest.mark.parametrize("role", [None, SimpleNamespace(get_name=lambda: "another.role")], ids=["no role", "another"])
def test_a_step_outside_of_the_role(monkeypatch, name, of_role, role):
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
    plugin = importlib.import_module(f"{PACKAGE}.{name}").ActionModule
    action = plugin.__new__(plugin)
    action._task = SimpleNamespace(args={}, action=f"selfhosted.bitwarden.{name}", _role=role, module_defaults=[])
    assert action.run(task_vars={"inventory_hostname": "bw1"}) == {
        "failed": True,
        "changed": False,
        "msg": f"{name} is a step of the role selfhosted.bitwarden.{of_role}, and only works in it. Use the role.",
    }


@pytest.mark.parametrize("error", [None, ValueError("no")])
def test_a_task_comes_back_with_the_arguments_that_it_had(monkeypatch, error):
    """With a secret that a step adds every process of the run would get it, and every callback."""

    class Step(BitwardenAction):
        def execute(self, task_vars):
            self._task.args["secret"] = "added"
            self._task.args = {"another": self._task.args.pop("given")}
            if error:
                raise error
            return {"changed": False}

    monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
    action = Step.__new__(Step)
    action._task = SimpleNamespace(args={"given": 1}, action="one", _role=None, module_defaults=[])
    assert bool(action.run(task_vars={}).get("failed")) == bool(error)
    assert action._task.args == {"given": 1}
