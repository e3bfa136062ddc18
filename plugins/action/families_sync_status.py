# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module families_sync_status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.results import problem_of, status_of
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._action import BitwardenAction
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._facts import set_facts
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._options import check_options

_OPTIONS = {"failed": {"type": "bool", "default": False}}


class ActionModule(BitwardenAction):
    """Sets the fact bitwarden_status of a host on the controller."""

    TRANSFERS_FILES = False

    def options(self) -> Mapping[str, Any]:
        """Return the argument specification."""
        return _OPTIONS

    def execute(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the fact. It is made of what the steps registered, which holds nothing secret but the token."""
        options, faults = check_options("families_sync_status", _OPTIONS, self._task.args)
        if faults:
            raise BitwardenError(" ".join(faults))
        problem = problem_of(task_vars) if options["failed"] else ""
        status = status_of(task_vars, problem, bool(self._task.check_mode))
        return {"changed": False, "status": status, **set_facts(self, {"bitwarden_status": status})}
