# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module fleet_report."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._action import BitwardenAction
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._fleet_table import show_table
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._options import check_options


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
        return {"changed": False, **show_table(options["hosts"])}
