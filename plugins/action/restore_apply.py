# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module restore_apply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.selfhosted.bitwarden.plugins.action.restore import ActionModule as RestoreAction
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._action import RESTORE
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_hosts import this_host
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_restore import (
    names_of_options,
    restore_options,
)


class ActionModule(RestoreAction):
    """Run module restore with the options that the variables of the role set."""

    OF_ROLE = RESTORE

    def execute(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the result of module restore. A host that is down fails."""
        self._task.args = {**restore_options(self, this_host(self, task_vars)), "fail_when_unreachable": True}
        self.names = names_of_options(self._task.args)
        result: dict[str, Any] = super().execute(task_vars)
        return result

    def variables_of(self, result: Mapping[str, Any]) -> Mapping[str, str]:
        """Return option -> variable; the folder of a drill is another variable than that of a server."""
        return names_of_options(self._task.args)
