# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module update_plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.check import CheckError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._fleet_update.batches import (
    canary_fault,
    make_batches,
    serial_fault,
)
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._action import BitwardenAction
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._facts import set_facts
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._options import check_options
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_hosts import RoleHost, role_host
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_update import update_faults

_OPTIONS = {
    "hosts": {"type": "raw", "required": True},
    "canary": {"type": "raw"},
    "serial": {"type": "raw", "default": 1},
}


class ActionModule(BitwardenAction):
    """Checks the variables of all hosts of an update on the controller, and orders the hosts in batches."""

    TRANSFERS_FILES = False

    def options(self) -> Mapping[str, Any]:
        """Return the argument specification."""
        return _OPTIONS

    def execute(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the order of the hosts and the sizes of the batches, which are set as facts, too."""
        options, faults = check_options("update_plan", _OPTIONS, self._task.args)
        if faults:
            raise BitwardenError(" ".join(faults))
        hosts = self._matched(task_vars, options["hosts"])
        if not hosts:
            limit = task_vars.get("ansible_limit")
            within = f" within --limit {limit}" if limit else ""
            raise BitwardenError(
                f"No host matches {_shown(options['hosts'])}{within}. Name the servers' group bitwarden in the "
                "inventory, or set bitwarden_hosts."
            )
        wrong = [serial_fault(options["serial"])]
        canaries: list[str] = []
        if options["canary"]:
            canaries = self._matched(task_vars, options["canary"], ignore_limits=True)
            everyone = self._matched(task_vars, options["hosts"], ignore_limits=True)
            wrong.append("" if set(canaries) & set(everyone) else canary_fault(_shown(options["canary"])))
        if any(wrong):
            raise BitwardenError(" ".join(filter(None, wrong)))
        found = {name: self._faults(role_host(self, task_vars, name)) for name in hosts}
        if any(found.values()):
            raise CheckError({name: texts for name, texts in found.items() if texts}, len(hosts))
        batches = make_batches(hosts, canaries, options["serial"])
        facts = {"update_order": batches.order, "update_batches": batches.sizes}
        return {"changed": False, "order": batches.order, "batches": batches.sizes, **set_facts(self, facts)}

    def _matched(self, task_vars: Mapping[str, Any], pattern: Any, ignore_limits: bool = False) -> list[str]:
        """Return the names of the hosts that match, whatever the play of this task has."""
        inventory = task_vars["hostvars"]._inventory
        found = inventory.get_hosts(pattern=pattern, ignore_limits=ignore_limits, ignore_restrictions=True)
        return [str(host.name) for host in found]

    def _faults(self, host: RoleHost) -> list[str]:
        try:
            return update_faults(self, host)
        except AnsibleError as error:
            return [f"A variable cannot be read: {str(error).rstrip('.')}."]


def _shown(pattern: Any) -> str:
    return ",".join(map(str, pattern)) if isinstance(pattern, (list, tuple)) else str(pattern)
