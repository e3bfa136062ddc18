# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module license_sync."""

from __future__ import annotations

from typing import Any, Dict

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import license_sync
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.host_reading import (
    diagnosis_by,
    inspection_by,
)
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._api_action import ApiActionModule
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._pacer import wait_turn


class ActionModule(ApiActionModule):
    """Runs module license_sync on the controller; the host is asked only where the API does not tell."""

    MODULE = "selfhosted.bitwarden.license_sync"
    OPTIONS = license_sync.OPTIONS

    def perform(self, params: Dict[str, Any], check_mode: bool, task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Sync the license where it is due. Raises ``ApiError``."""
        read, bwdata = self.read_on_host(task_vars), params["bwdata"]
        return license_sync.perform(
            params,
            check_mode,
            diagnosis_by(read, bwdata),
            wait_turn=lambda: wait_turn(params),
            inspect=inspection_by(read, bwdata, params["diagnose"]),
        )
