# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module license."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Union

from ansible.errors import AnsibleError, AnsibleFileNotFound
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import REQUEST, ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import license as license_upload
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._sync_log.diagnosis import no_access
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._api_action import ApiActionModule


class _NotThere(ApiError):
    """There is no such file."""


class ActionModule(ApiActionModule):
    """Runs module license on the controller; only the license file in place is looked at on the host."""

    MODULE = "selfhosted.bitwarden.license"
    OPTIONS = license_upload.OPTIONS

    def for_host(self, params: Dict[str, Any]) -> Dict[str, Any]:
        """The file is the controller's: its content goes along as a secret."""
        content = license_upload.content_of(params, self._read)
        return {**params, "src": None, "content": content.decode("utf-8", "surrogateescape")}

    def perform(self, params: Dict[str, Any], check_mode: bool, task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Run the module's code on the controller."""

        def inspect(organization: str) -> Union[license_upload.OnHost, license_upload.NotOnHost]:
            if not params["inspect"]:
                return license_upload.NotOnHost("inspect is off.")
            try:
                result = self._execute_module(
                    module_name="selfhosted.bitwarden.server_info",
                    # At high verbosity ssh prints all that a module returns.
                    module_args={"bwdata": params["bwdata"], "organization": organization, "show_settings": False},
                    task_vars=task_vars,
                )
            except AnsibleError as error:  # no access to the host
                return license_upload.NotOnHost(no_access(str(error)).reason)
            return license_upload.read_server_info(result)

        try:
            content = license_upload.content_of(params, self._read)
        except _NotThere as missing:
            if not check_mode:
                raise
            # An earlier task may bring it.
            return license_upload.not_known(missing.message)
        return license_upload.perform(params, check_mode, content, inspect)

    def _read(self, src: str) -> bytes:
        """A file of the controller, found as ``copy`` finds its sources, decrypted where it is a vault's."""
        try:
            path = self._loader.get_real_file(self._find_needle("files", src))
            try:
                return Path(path).read_bytes()
            finally:
                self._loader.cleanup_tmp_file(path)
        except AnsibleFileNotFound as error:
            raise _NotThere(REQUEST, f"src cannot be read on the controller: {error}") from error
        except (AnsibleError, OSError) as error:
            raise ApiError(REQUEST, f"src cannot be read on the controller: {error}") from error
