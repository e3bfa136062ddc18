# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Base of the host modules' action plugins: it sends secret settings to the host as secrets, however given."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from ansible.module_utils.common.validation import check_type_dict
from ansible.plugins.action import ActionBase
from ansible.utils.vars import merge_hash
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.masking import mask_arguments
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.secrecy import is_secret, is_secret_setting


class ArgumentError(BitwardenError):
    """Unusable arguments of a task. The message names options and keys, never a value."""


def with_secrets_apart(arguments: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the task's arguments with every secret-looking key of ``settings`` moved to ``secret_settings``.

    A module's plain options are written to the log of the host before any of its code runs. Both options may be
    mappings or text (JSON, or ``key=value`` pairs). Raises ``ArgumentError``.
    """
    arguments = dict(arguments)
    settings = _mapping(arguments, "settings")
    secret = {key: value for key, value in settings.items() if is_secret_setting(key, value)}
    if not secret and not isinstance(arguments.get("settings"), str):
        return arguments
    secret_settings = _mapping(arguments, "secret_settings")
    twice = sorted(str(key) for key in secret if key in secret_settings)
    if twice:
        raise ArgumentError(
            f"Given both in settings and in secret_settings: {', '.join(twice)}. Leave out one of them."
        )
    arguments["settings"] = {key: value for key, value in settings.items() if key not in secret}
    arguments["secret_settings"] = {**secret_settings, **secret}
    return arguments


def with_upper_case_region(arguments: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the task's arguments with ``region`` as the module spells it; it may be given in any case."""
    region = arguments.get("region")
    return {**arguments, "region": region.upper()} if isinstance(region, str) else dict(arguments)


def _mapping(arguments: Mapping[str, Any], option: str) -> Dict[Any, Any]:
    value = arguments.get(option)
    if value is None or value == "":
        return {}
    try:
        return dict(check_type_dict(value))
    except (TypeError, ValueError):
        raise ArgumentError(
            f"{option} must be a mapping (or JSON, or key=value pairs) of settings to values."
        ) from None


class HostActionModule(ActionBase):  # type: ignore[misc]
    """Base class: runs the module of the same name on the host."""

    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Send the module with the task's arguments, secrets moved apart, and mask those that it returns."""
        result: Dict[str, Any] = super().run(tmp, task_vars)
        try:
            arguments = with_upper_case_region(with_secrets_apart(self._task.args))
        except ArgumentError as error:
            return {**result, "failed": True, "changed": False, **error.result()}
        in_background = self._task.async_val and not getattr(self._connection, "has_native_async", False)
        returned = self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=in_background)
        result = merge_hash(result, returned)
        invocation = result.get("invocation")
        if isinstance(invocation, dict) and isinstance(invocation.get("module_args"), dict):
            result["invocation"] = {**invocation, "module_args": mask_arguments(invocation["module_args"], is_secret)}
        if not in_background:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result
