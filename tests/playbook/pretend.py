# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A collection whose playbook, role and filters are the project's, and whose steps only pretend.

A host's variable ``fake`` maps a step to its result; ``{"unreachable": true}`` and ``{"failed": true, "msg": …}``
as usual, and ``until_update`` is the failure of a step of the organization until the host is updated. Every call is a
line of JSON in the file that ``FAKE_LOG`` names: host, step, arguments.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Dict

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = {"newest": "venv", "oldest": "venv-oldest"}
STEPS = (
    "cloud_connectivity_info", "server", "server_info", "billing_sync_token", "cloud_license", "organization",
    "organization_info", "install", "update", "backup", "restore",
)  # fmt: skip
ACCOUNT = "3d0c4f5e-0000-4000-8000-000000000001"
PLAYBOOK = "selfhosted.bitwarden.families_sync"

FAKE = """
import json
import os
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._action import BitwardenAction


class ActionModule(BitwardenAction):
    def read_on_host(self, task_vars):
        def read(module, options):
            with open(os.environ["FAKE_LOG"], "a") as log:
                log.write(json.dumps([task_vars["inventory_hostname"], module, dict(options)], default=str) + "\\n")
            return task_vars.get("fake", {}).get(module, {})
        return read

    def execute(self, task_vars):
        step = self._task.action.rpartition(".")[2]
        step = {
            "families_sync_apply": "server",
            "families_sync_fetch": "billing_sync_token",
            "families_sync_configure": "organization",
            "update_apply": "update",
            "restore_apply": "restore",
        }.get(step, step)
        arguments = {key: value for key, value in self._task.args.items()}
        with open(os.environ["FAKE_LOG"], "a") as log:
            log.write(json.dumps([task_vars["inventory_hostname"], step, arguments], default=str) + "\\n")
        fake = task_vars.get("fake", {}).get(step, {})
        if fake.get("unreachable"):
            if arguments.get("fail_when_unreachable"):
                return {"failed": True, "msg": "unreachable: no route to host"}
            raise AnsibleConnectionFailure("no route to host")
        refused = fake.get("until_update") or {}
        tried = refused.get("step") != "license" or arguments.get("license")
        if tried and refused.get("step") in arguments.get("steps", ()):
            with open(os.environ["FAKE_LOG"]) as log:
                updated = any(call[:2] == [task_vars["inventory_hostname"], "update"] for call in map(json.loads, log))
            if not updated:
                return {**fake, "failed": True, **refused}
        if step == "organization" and fake.get("license_required"):
            # A license that is given is taken, and from then on there is one.
            with open(os.environ["FAKE_LOG"]) as log:
                calls = [call for call in map(json.loads, log) if call[:2] == [task_vars["inventory_hostname"], step]]
            if any((call[2].get("license") or {}).get("content") for call in calls):
                license = {"state": "ok", "expires": "2027-12-28T00:00:00Z"}
                fake = {**fake, "license_required": False, "license": license}
        if step == "billing_sync_token" and not fake.get("failed"):
            return {"_ansible_no_log": True, **fake}
        return dict(fake)
"""

SYNCED = "2026-11-22T14:16:19Z"
ORGANIZATION: Dict[str, Any] = {
    "changed": False,
    "changes": [],
    "reachable": True,
    "version": None,
    "cloud_communication": None,
    "connection": {"billing_sync_token_set": True, "last_license_sync": SYNCED},
    "last_license_sync": SYNCED,
    "sponsorships": None,
    "license": {"state": "ok", "expires": "2027-12-28T00:00:00Z"},
    "license_required": False,
}
#: The results of a host on which nothing is to be done.
STEADY: Dict[str, Any] = {
    "server": {
        "changed": False,
        "changes": [],
        "stale_services": {},
        "version": "2026.8.0",
        "cloud_communication": True,
        "installation_id": "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b",
        "preflight": None,
    },
    "organization": ORGANIZATION,
}


def make_collection(base: Path) -> Path:
    """Make the collection below ``base``, which is returned: what ``ANSIBLE_COLLECTIONS_PATH`` is to name."""
    collection = base / "ansible_collections" / "selfhosted" / "bitwarden"
    for part in ("roles", "playbooks", "meta", "plugins/filter", "plugins/module_utils", "plugins/plugin_utils"):
        shutil.copytree(ROOT / part, collection / part, ignore=shutil.ignore_patterns("__pycache__"))
    (collection / "plugins" / "action").mkdir()
    for plugin in (ROOT / "plugins" / "action").glob("*_*.py"):
        if plugin.name.startswith(("families_sync_", "fleet_", "update_", "restore_")):
            shutil.copy(plugin, collection / "plugins" / "action")
    for step in STEPS:
        (collection / "plugins" / "action" / f"{step}.py").write_text(FAKE)
    return base


def environment(collections: Path, home: Path) -> Dict[str, str]:
    """Return the variables of a run in ``home``, which holds an ``ansible.cfg`` and gets the log ``calls``."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "FAKE_LOG": str(home / "calls"),
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_NOCOLOR": "1",
        # All inventories of these tests are YAML; each plugin that may read one costs a run as much as a task.
        "ANSIBLE_INVENTORY_ENABLED": "yaml",
        "ANSIBLE_CONFIG": str(home / "ansible.cfg"),
        "BW_CLIENTID": f"user.{ACCOUNT}",
        "BW_CLIENTSECRET": "api-key",
        "BW_CLOUD_CLIENTID": f"user.{ACCOUNT}",
        "BW_CLOUD_CLIENTSECRET": "api-key-of-the-cloud",
        "BW_CLOUD_PASSWORD": "master-password",
    }
