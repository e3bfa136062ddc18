# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module update."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._host_action import ArgumentError, HostActionModule
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_update import source_faults
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._transfer import send_scripts


class ActionModule(HostActionModule):
    """Run the module of the same name on the host, with the scripts of the controller that ``source`` names."""

    MODULE = "update"

    def _checked_arguments(self, task_vars: Mapping[str, Any]) -> Dict[str, Any]:
        arguments = super()._checked_arguments(task_vars)
        folder, faults = source_faults(self, arguments, dict(task_vars))
        if faults:
            raise ArgumentError(" ".join(faults))
        return {**arguments, "source": send_scripts(self, folder), "remote_src": True} if folder else arguments
