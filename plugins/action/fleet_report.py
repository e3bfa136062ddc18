# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module fleet_report."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from ansible import constants
from ansible.utils.display import Display
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.table import table_lines
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._action import BitwardenAction
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._options import check_options

# Callbacks whose output is read by programs.
_MACHINE_READABLE = ("json", "jsonl", "null")


class ActionModule(BitwardenAction):
    """Prints the table of a fleet on the controller."""

    TRANSFERS_FILES = False

    def options(self) -> Mapping[str, Any]:
        """Return the argument specification."""
        return {"hosts": {"type": "dict", "required": True}}

    def execute(self, task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Print the lines and return them, with the data for set_stats."""
        options, faults = check_options("fleet_report", self.options(), self._task.args)
        if faults:
            raise BitwardenError(" ".join(faults))
        hosts = options["hosts"]
        lines = table_lines(hosts)
        callback = str(constants.config.get_config_value("DEFAULT_STDOUT_CALLBACK"))
        if callback.rpartition(".")[2] not in _MACHINE_READABLE:
            # Not as the task's message: that is cut to one line, or not shown at all where nothing failed.
            Display().display("\n".join(lines))
        stats = {"data": {"bitwarden_fleet": hosts}, "per_host": False, "aggregate": True}
        return {"changed": False, "lines": lines, "ansible_stats": stats}
