# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module families_sync_apply."""

from __future__ import annotations

from typing import Any

from ansible_collections.selfhosted.bitwarden.plugins.action.server import ActionModule as ServerAction
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.unchanged import short_server
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._action import FAMILIES_SYNC
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_check import plan_of
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_hosts import this_host
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_options import server_options


class ActionModule(ServerAction):
    """Run module server with the options that follow from the variables of the role and the plan."""

    OF_ROLE = FAMILIES_SYNC

    def execute(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the result of module server, in short where it did nothing.

        A host that is down fails, so that it can be rescued and reported.
        """
        plan = plan_of(self, task_vars)
        options = {**self._task.args, **server_options(self, this_host(self, task_vars))}
        planned = {
            "cloud_communication": plan["cloud_communication"],
            "pull": plan["pull"],
            "preflight": plan["preflight"] or None,
        }
        options.update({name: value for name, value in planned.items() if value is not None})
        self._task.args = {**options, "state": "started", "fail_when_unreachable": True}
        return dict(short_server(super().execute(task_vars)))
