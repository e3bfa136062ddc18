# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module fleet_report."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Dict, Mapping

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.table import OF_SYNC, OPTIONAL
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._fleet_status.runs import run_status
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._action import BitwardenAction
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._fleet_table import show_table
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._options import check_options

_OPTIONS = {"hosts": {"type": "dict"}, "results": {"type": "dict"}}


class ActionModule(BitwardenAction):
    """Prints the table of a fleet on the controller."""

    TRANSFERS_FILES = False

    def options(self) -> Mapping[str, Any]:
        """Return the argument specification."""
        return _OPTIONS

    def execute(self, task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Print the lines and return them, with the data for set_stats, and why hosts are to fail."""
        options, faults = check_options("fleet_report", self.options(), self._task.args)
        if not faults and (options["hosts"] is None) == (options["results"] is None):
            faults = ["Give hosts, with the status of each, or results, with those of its steps; not both."]
        if faults:
            raise BitwardenError(" ".join(faults))
        hosts = options["hosts"]
        optional = OPTIONAL if hosts is not None else (*OPTIONAL, *OF_SYNC)
        if hosts is None:
            now, check_mode = datetime.now(timezone.utc), bool(self._task.check_mode)
            results: Dict[str, Dict[str, Any]] = {}
            for step, found in options["results"].items():
                for name, result in dict(found).items():
                    results.setdefault(str(name), {})[step] = result
            hosts = {name: run_status(steps, check_mode, now) for name, steps in results.items()}
        problems = {name: str((status or {}).get("problem") or "") for name, status in hosts.items()}
        failing = {name: text for name, text in problems.items() if text}
        return {"changed": False, "hosts": hosts, "failing": failing, **show_table(hosts, optional)}
