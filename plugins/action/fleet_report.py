# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module fleet_report."""

from __future__ import annotations

from typing import Any, Dict, Optional

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.table import table_lines

# Callbacks whose output is read by programs.
_MACHINE_READABLE = ("json", "jsonl", "null")


class ActionModule(ActionBase):  # type: ignore[misc]
    """Prints the table of a fleet on the controller."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Print the lines and return them, with the data for set_stats."""
        result: Dict[str, Any] = super().run(tmp, task_vars)
        _rest, options = self.validate_argument_spec(argument_spec={"hosts": {"type": "dict", "required": True}})
        hosts = options["hosts"]
        lines = table_lines(hosts)
        callback = str(constants.config.get_config_value("DEFAULT_STDOUT_CALLBACK"))
        if callback.rpartition(".")[2] not in _MACHINE_READABLE:
            # Not as the task's message: that is cut to one line, or not shown at all where nothing failed.
            Display().display("\n".join(lines))
        stats = {"data": {"bitwarden_fleet": hosts}, "per_host": False, "aggregate": True}
        return {**result, "changed": False, "lines": lines, "ansible_stats": stats}
