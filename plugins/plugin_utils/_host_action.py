# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Base of the host modules' action plugins: checks options before any is sent, and sends secrets as secrets."""

from __future__ import annotations

import difflib
from typing import Any, Container, Dict, List, Mapping, Optional

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.validation import check_type_dict
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase
from ansible.utils.vars import merge_hash
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.masking import mask_arguments
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import HOST_MODULES, option_faults
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.regions import CLOUDS
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.secrecy import is_secret, is_secret_setting
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._vault import VaultedValues, is_vaulted, plain


class ArgumentError(BitwardenError):
    """Unusable arguments of a task. The message names options and keys, never a secret."""


def check_arguments(module: str, arguments: Mapping[str, Any]) -> None:
    """Raise ``ArgumentError`` that names every fault of a task's arguments.

    What a module refuses it returns as it was given, and it does not know that an unknown option is secret. So such
    a task does not reach the host at all.
    """
    options = HOST_MODULES[module]
    checked = ArgumentSpecValidator(options).validate(dict(arguments))
    faults = []
    unknown = sorted(str(name) for name in arguments if name not in options)
    if unknown:
        named = ", ".join(name + _nearest(name, options) for name in unknown)
        faults.append(f"Unknown options: {named}. The options of {module} are {', '.join(sorted(options))}.")
    faults += [f"{error.msg.rstrip('.')}." for error in checked.errors if not isinstance(error, UnsupportedError)]
    faults += option_faults(checked.validated_parameters)
    if faults:
        raise ArgumentError(" ".join(faults))


def with_secrets_apart(arguments: Mapping[str, Any], vaulted: Container[Any] = ()) -> Dict[str, Any]:
    """Return the task's arguments with every secret of ``settings`` moved to ``secret_settings``.

    A module's plain options are written to the log of the host before any of its code runs. A setting is secret by
    its name, and by its value where that is ``vaulted`` or holds credentials. Both options may be mappings or text
    (JSON, or ``key=value`` pairs). Raises ``ArgumentError``.
    """
    given = arguments.get("settings")
    arguments = dict(plain(arguments))
    settings = _mapping(arguments, "settings")
    whole = is_vaulted(given)
    secret = {
        key: value for key, value in settings.items() if whole or is_secret_setting(key, value) or value in vaulted
    }
    if not secret and not isinstance(given, str):
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
    known = isinstance(region, str) and region.upper() in CLOUDS
    return {**arguments, "region": region.upper()} if known else dict(arguments)  # type: ignore[union-attr]


def _nearest(name: str, options: Mapping[str, Any]) -> str:
    near: List[str] = difflib.get_close_matches(name, options, n=1, cutoff=0.75)
    return f" (did you mean {near[0]}?)" if near else ""


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

    MODULE = ""
    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Send the module with the task's arguments, secrets moved apart, and mask those that it returns."""
        result: Dict[str, Any] = super().run(tmp, task_vars)
        try:
            arguments = self._checked_arguments(task_vars or {})
        except BitwardenError as error:
            return {**result, "failed": True, "changed": False, **error.result()}
        in_background = self._task.async_val and not getattr(self._connection, "has_native_async", False)
        returned = self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=in_background)
        result = merge_hash(result, returned)
        invocation = result.get("invocation")
        if isinstance(invocation, dict) and isinstance(invocation.get("module_args"), dict):
            shown = mask_arguments(invocation["module_args"], HOST_MODULES[self.MODULE], is_secret)
            result["invocation"] = {**invocation, "module_args": shown}
        if not in_background:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _checked_arguments(self, task_vars: Mapping[str, Any]) -> Dict[str, Any]:
        try:
            apart = with_secrets_apart(self._task.args, VaultedValues(task_vars))
        except AnsibleError as error:
            raise ArgumentError(f"A value of the task cannot be decrypted: {error}") from None
        arguments = with_upper_case_region(apart)
        check_arguments(self.MODULE, arguments)
        return arguments
