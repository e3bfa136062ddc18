# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module cloud_license."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

from ansible.errors import AnsibleError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import REQUEST, ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import cloud_license as license_download
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._cloud.argspec import CLOUD_ENVIRONMENT
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._api_action import ApiActionModule
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._files import new_file
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._vault import read_decrypted


class ActionModule(ApiActionModule):
    """Runs cloud_license, which has no part on a host."""

    OPTIONS = license_download.OPTIONS
    ENVIRONMENT = CLOUD_ENVIRONMENT

    def perform(self, params: Dict[str, Any], check_mode: bool, task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Run the module's code on the controller."""
        if params["dest"]:
            params = {**params, "dest": new_file(self, str(params["dest"]), task_vars)}
        return license_download.perform(params, check_mode, self._decrypt)

    def _decrypt(self, dest: str) -> bytes:
        try:
            return read_decrypted(self._loader, str(Path(dest).absolute()))
        except (AnsibleError, OSError) as error:
            raise ApiError(
                REQUEST,
                f"dest is encrypted and cannot be decrypted on the controller: {error}",
                advice="Give the password of its vault, as for any encrypted file.",
            ) from error
