# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Memory of the controller with very many hosts, by modules that only return what the real ones did."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Dict, List

import yaml

from tests.integration.ansible_run import BEHIND, playbook

from . import turns
from .figures import ratios
from .runs import EMPTY, FLOW, ROOT, Controller

# The libraries of the real ones count, too: the last host loads them, when the process has grown most.
_MODULE = """
import json
from pathlib import Path
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        if task_vars["inventory_hostname"] == "{last}":
            import requests
        return json.loads(Path(__file__).with_suffix(".json").read_text())
"""


def measure(controller: Controller, rounds: int, size: int) -> Dict[str, List[float]]:
    """Return the figures of the group ``memory``."""
    collections = controller.home / "collections"
    _make_collection(collections, _results(), f"vault{size - 1}")
    controller.write_inventory({f"vault{number}": _host(number) for number in range(size)})
    runs = turns.take(
        rounds,
        {
            "flow": lambda: controller.run(FLOW, ANSIBLE_COLLECTIONS_PATH=str(collections)),
            "empty": lambda: controller.run(EMPTY, ANSIBLE_COLLECTIONS_PATH=str(collections)),
        },
    )
    return {"memory": ratios(*([run.memory for run in runs[name]] for name in ("flow", "empty")))}


def _results() -> Dict[str, Dict[str, Any]]:
    """Return what each module returns in an unchanged run on the fleet."""
    run = playbook(FLOW).ok()
    return {
        BEHIND.get(task.action, task.action.rpartition(".")[2]): task.result
        for task in run.tasks
        if task.status == "ok" and task.action.startswith("selfhosted.bitwarden.") and "censored" not in task.result
    }


def _make_collection(base: Path, results: Dict[str, Dict[str, Any]], last: str) -> None:
    """Make the collection below ``base``, with an action in place of each module that asks a host or an API."""
    collection = base / "ansible_collections" / "selfhosted" / "bitwarden"
    for part in ("roles", "playbooks", "meta", "plugins"):
        shutil.copytree(ROOT / part, collection / part)
    groups = yaml.safe_load((collection / "meta" / "runtime.yml").read_text())["action_groups"]
    for module in {name for group in groups.values() for name in group if isinstance(name, str)}:
        action = collection / "plugins" / "action" / f"{module}.py"
        action.write_text(_MODULE.replace("{last}", last))
        action.with_suffix(".json").write_text(json.dumps(results.get(module, {"changed": False})))


def _host(number: int) -> Dict[str, Any]:
    return {
        "bitwarden_url": f"https://vault{number}.example.com",
        "bitwarden_client_id": f"user.00000000-0000-4000-8000-{number:012}",
        "bitwarden_client_secret": "not used",
        "bitwarden_billing_sync_token": "not used",
    }
