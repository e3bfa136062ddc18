# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module license_sync."""

from __future__ import annotations

from typing import Any, Dict, Union

from ansible.errors import AnsibleError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import REQUEST, ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import license_sync
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._sync_log.diagnosis import (
    Diagnosis,
    NoDiagnosis,
    log_options,
    no_access,
    read_log_result,
)
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._api_action import ApiActionModule
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._pacer import Pacer, PacerError


class ActionModule(ApiActionModule):
    """Runs module license_sync on the controller; only the server's log is read on the host, after a failure."""

    MODULE = "selfhosted.bitwarden.license_sync"
    OPTIONS = license_sync.OPTIONS

    def perform(self, params: Dict[str, Any], check_mode: bool, task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Run the module's code on the controller."""

        def diagnose(organization: str, seconds: float) -> Union[Diagnosis, NoDiagnosis, None]:
            try:
                result = self._execute_module(
                    module_name="selfhosted.bitwarden.sync_log_info",
                    module_args=log_options(params["bwdata"], organization, seconds),
                    task_vars=task_vars,
                )
            except AnsibleError as error:  # no access to the host
                return no_access(str(error))
            return read_log_result(result)

        return license_sync.perform(params, check_mode, diagnose, wait_turn=lambda: self._wait_turn(params))

    @staticmethod
    def _wait_turn(params: Dict[str, Any]) -> None:
        if params["syncs_per_minute"] > 0:
            try:
                Pacer(params["egress"], params["syncs_per_minute"]).wait()
            except PacerError as error:
                raise ApiError(REQUEST, f"The pace of syncs cannot be kept: {error}") from error
