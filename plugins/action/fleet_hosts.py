# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module fleet_hosts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.check import CheckError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._fleet_run.batches import serial_fault
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._action import BitwardenAction
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._options import check_options
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_hosts import (
    HostsError,
    RoleHost,
    required_hosts,
    role_host,
)
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_restore import run_faults

_CHECKS: Mapping[str, Callable[[ActionBase, list[RoleHost]], dict[str, list[str]]]] = {"restore": run_faults}
_OPTIONS = {
    "hosts": {"type": "raw", "required": True},
    "serial": {"type": "raw", "default": "100%"},
    "role": {"type": "str", "choices": list(_CHECKS)},
}


class ActionModule(BitwardenAction):
    """Checks on the controller that a run has hosts, and what can be known of their variables."""

    TRANSFERS_FILES = False

    def options(self) -> Mapping[str, Any]:
        """Return the argument specification."""
        return _OPTIONS

    def execute(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the names of the hosts."""
        options, faults = check_options("fleet_hosts", _OPTIONS, self._task.args)
        if faults:
            raise BitwardenError(" ".join(faults))
        names = required_hosts(task_vars, options["hosts"])
        wrong = serial_fault(options["serial"])
        if wrong:
            raise HostsError(wrong)
        if options["role"]:
            found = _CHECKS[options["role"]](self, [role_host(self, task_vars, name) for name in names])
            if found:
                raise CheckError(found, len(names))
        return {"changed": False, "hosts": names}
