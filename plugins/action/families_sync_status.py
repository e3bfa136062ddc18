# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module families_sync_status."""

from __future__ import annotations

from typing import Any, Dict, Optional

from ansible.plugins.action import ActionBase
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.results import status_of

try:
    from ansible.plugins.action import VariableLayer
except ImportError:  # ansible-core before 2.21
    VariableLayer = None


class ActionModule(ActionBase):  # type: ignore[misc]
    """Sets the fact bitwarden_status of a host on the controller."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Return the fact. It is made of what the steps registered, which holds nothing secret but the token."""
        task_vars = task_vars or {}
        result: Dict[str, Any] = super().run(tmp, task_vars)
        _rest, options = self.validate_argument_spec(argument_spec={"failed": {"type": "bool", "default": False}})
        status = status_of(task_vars, options["failed"], bool(self._task.check_mode))
        facts = {"bitwarden_status": status}
        if VariableLayer is not None:
            # As set_fact does: what is returned as ansible_facts becomes a variable only until ansible-core 2.24.
            self.register_host_variables({}, VariableLayer.CACHEABLE_FACT)
            self.register_host_variables(facts, VariableLayer.EPHEMERAL_FACT)
        return {**result, "changed": False, "status": status, "ansible_facts": facts}
