# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module server."""

from __future__ import annotations

from typing import Any, Dict

from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._host_action import HostActionModule


class ActionModule(HostActionModule):
    """Run the module of the same name on the host."""

    MODULE = "server"

    def execute(self, task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Run the module; a host that cannot be reached is a failure where the task says so."""
        fails = boolean(self._task.args.get("fail_when_unreachable"), strict=False)
        try:
            return super().execute(task_vars)
        except AnsibleConnectionFailure as error:
            if not fails:
                raise
            return {"failed": True, "changed": False, "msg": f"unreachable: {error}"}
