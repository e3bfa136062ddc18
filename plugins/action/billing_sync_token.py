# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module billing_sync_token."""

from __future__ import annotations

from typing import Any, Dict

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import (
    billing_sync_token as billing_sync_key,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._cloud.argspec import CLOUD_ENVIRONMENT
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._api_action import ApiActionModule


class ActionModule(ApiActionModule):
    """Runs billing_sync_token, which has no part on a host."""

    OPTIONS = billing_sync_key.OPTIONS
    ENVIRONMENT = CLOUD_ENVIRONMENT

    def perform(self, params: Dict[str, Any], check_mode: bool, task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Run the module's code on the controller."""
        return billing_sync_key.perform(params, check_mode)
