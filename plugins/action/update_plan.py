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
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._fleet_run.batches import (
    canary_fault,
    make_batches,
    serial_fault,
)
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._action import BitwardenAction
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._facts import set_facts
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._options import check_options
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_hosts import (
    RoleHost,
    matched_hosts,
    pattern_text,
    required_hosts,
    role_host,
)
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
        hosts = required_hosts(task_vars, options["hosts"])
        wrong = [serial_fault(options["serial"])]
        canaries: list[str] = []
        if options["canary"]:
            canaries = matched_hosts(task_vars, options["canary"], ignore_limits=True)
            everyone = matched_hosts(task_vars, options["hosts"], ignore_limits=True)
            wrong.append("" if set(canaries) & set(everyone) else canary_fault(pattern_text(options["canary"])))
        if any(wrong):
            raise BitwardenError(" ".join(filter(None, wrong)))
        found = {name: self._faults(role_host(self, task_vars, name)) for name in hosts}
        if any(found.values()):
            raise CheckError({name: texts for name, texts in found.items() if texts}, len(hosts))
        batches = make_batches(hosts, canaries, options["serial"])
        facts = {"update_order": batches.order, "update_batches": batches.sizes}
        return {"changed": False, "order": batches.order, "batches": batches.sizes, **set_facts(self, facts)}

    def _faults(self, host: RoleHost) -> list[str]:
        try:
            return update_faults(self, host)
        except AnsibleError as error:
            return [f"A variable cannot be read: {str(error).rstrip('.')}."]
