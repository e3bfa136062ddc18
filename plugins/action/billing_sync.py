# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module billing_sync."""

from __future__ import annotations

from typing import Any, Dict

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import billing_sync
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._api_action import ApiActionModule


class ActionModule(ApiActionModule):
    """Runs module billing_sync on the controller."""

    MODULE = "selfhosted.bitwarden.billing_sync"
    OPTIONS = billing_sync.OPTIONS
    REQUIRED_IF = billing_sync.REQUIRED_IF

    def perform(self, params: Dict[str, Any], check_mode: bool, task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Run the module's code on the controller."""
        return billing_sync.perform(params, check_mode)
