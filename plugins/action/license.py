# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module license."""

from __future__ import annotations

from typing import Any, Dict

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import license as license_upload
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.host_reading import inspection_by
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._licenses.content import (
    MissingFile,
    content_of,
    encode_content,
)
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._api_action import ApiActionModule


class ActionModule(ApiActionModule):
    """Runs module license on the controller; only the license file in place is inspected on the host."""

    MODULE = "selfhosted.bitwarden.license"
    OPTIONS = license_upload.OPTIONS

    def for_host(self, params: Dict[str, Any]) -> Dict[str, Any]:
        """Return the options with the content of the controller's file, which goes along as a secret."""
        content = content_of(params, self.read_file)
        return {**params, "src": None, "content": encode_content(content)}

    def perform(self, params: Dict[str, Any], check_mode: bool, task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Upload the license. Raises ``ApiError``."""
        inspect = inspection_by(self.read_on_host(task_vars), params["bwdata"], params["inspect"])
        try:
            content = content_of(params, self.read_file)
        except MissingFile as missing:
            if not check_mode:
                raise
            # An earlier task may bring it.
            return license_upload.not_known(missing.message)
        return license_upload.perform(params, check_mode, content, inspect)
