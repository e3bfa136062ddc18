# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module organization."""

from __future__ import annotations

from typing import Any, Dict

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import organization
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.organization_steps import Tools
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._licenses.content import content_of, encode_content
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._api_action import ApiActionModule
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._pacer import wait_turn


class ActionModule(ApiActionModule):
    """Runs module organization on the controller; the host is asked only for its log, and for a license file."""

    MODULE = "selfhosted.bitwarden.organization"
    OPTIONS = organization.OPTIONS

    def for_host(self, params: Dict[str, Any]) -> Dict[str, Any]:
        """Return the options with the content of the controller's license file, which goes along as a secret."""
        if not params["license"]:
            return params
        content = content_of(params["license"], self.read_file)
        return {**params, "license": {"content": encode_content(content)}}

    def perform(self, params: Dict[str, Any], check_mode: bool, task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Bring the organization to its state. Raises ``ApiError``."""
        tools = Tools(
            self.read_on_host(task_vars), self.read_file, wait_turn=lambda: wait_turn(params)
        )
        return organization.perform(params, check_mode, tools)
