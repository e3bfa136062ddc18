# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Base of the host modules' action plugins: checks options before any is sent, and sends secrets as secrets."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from typing import Any, Container, Dict, Mapping, Optional, Sequence

from ansible.errors import AnsibleError
from ansible.module_utils.common.validation import check_type_dict
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.masking import mask_arguments
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.text_values import not_text
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import HOST_MODULES, option_faults
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.regions import CLOUDS
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.secrecy import is_secret, is_secret_setting
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._action import BitwardenAction
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._options import check_options
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._vault import VaultedValues, is_vaulted, plain

# How settings are named: globalSettings__hibpApiKey, SA_PASSWORD.
_SETTING = re.compile(r"[A-Za-z]\w*(?:__|:)[\w:.-]+\Z|[A-Z]+(?:_[A-Z]+)*\Z")


class ArgumentError(BitwardenError):
    """Unusable arguments of a task. The message names options and keys, never a secret."""


def check_arguments(module: str, arguments: Mapping[str, Any], more: Sequence[str] = ()) -> Dict[str, Any]:
    """Return the values of all options; raise ``ArgumentError`` that names every fault of them, ``more`` as well.

    What a module refuses it returns as it was given, and it does not know that an unknown option is secret. So such
    a task does not reach the host at all.
    """
    options = HOST_MODULES[module]
    single = [one for one in options if options[one]["type"] not in ("dict", "list")]
    structures = [one for one in single if _is_structure(arguments.get(one))]
    # To some types it would be a text like any other.
    others = {name: value for name, value in arguments.items() if name not in structures}
    checked, faults = check_options(module, options, others)
    faults += [f"{name} takes a single value, not a list or mapping." for name in structures]
    faults += [*option_faults(checked), *more]
    for option in ("settings", "secret_settings"):
        # On its way to the host it becomes a text, but not the one that was written.
        settings = checked.get(option)
        if isinstance(settings, dict):
            faults += [not_text(str(key), value) for key, value in settings.items() if isinstance(value, date)]
    if faults:
        raise ArgumentError(" ".join(faults))
    return dict(checked)


def with_secrets_apart(arguments: Mapping[str, Any], vaulted: Container[Any] = ()) -> Dict[str, Any]:
    """Return the task's arguments with every secret of ``settings`` moved to ``secret_settings``.

    A module's plain options are written to the log of the host before any of its code runs. A setting is secret by
    its name, and by its value where that is ``vaulted`` or holds credentials. Both options may be mappings or text
    (JSON, or ``key=value`` pairs). Raises ``ArgumentError``.
    """
    given = arguments.get("settings")
    arguments = dict(plain(arguments))
    settings = settings_of(arguments, "settings")
    whole = is_vaulted(given)
    secret = {
        key: value for key, value in settings.items() if whole or is_secret_setting(key, value) or value in vaulted
    }
    secret_settings = settings_of(arguments, "secret_settings")
    if not secret and not isinstance(given, str):
        return arguments
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


def _is_structure(value: object) -> bool:
    return isinstance(value, (dict, list, tuple))


def settings_of(arguments: Mapping[str, Any], option: str) -> Dict[Any, Any]:
    """Return the value of ``settings`` or ``secret_settings`` as a mapping. Raises ``ArgumentError``."""
    value = arguments.get(option)
    if value is None or value == "":
        return {}
    found: Optional[Dict[Any, Any]] = None
    with suppress(TypeError, ValueError):
        found = dict(check_type_dict(value))
    # A secret given as text can have an equals sign in it, too.
    pairs = isinstance(value, str) and not value.lstrip().startswith("{")
    if found is None or (pairs and not all(_SETTING.match(str(key)) for key in found)):
        raise ArgumentError(f"{option} must be a mapping (or JSON, or key=value pairs) of settings to values.")
    return found


class HostActionModule(BitwardenAction):
    """Base class: runs the module of the same name on the host."""

    MODULE = ""
    #: The values of all options, once they are checked.
    values: Dict[str, Any]
    _supports_async = True
    _supports_check_mode = True

    def execute(self, task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Send the module with the task's arguments, secrets moved apart, and mask those that it returns."""
        arguments = self._checked_arguments(task_vars)
        in_background = self._task.async_val and not getattr(self._connection, "has_native_async", False)
        result = None if in_background else self.result_unless_changed(task_vars)
        if result is None:
            result = self._run_module(self.MODULE, arguments, task_vars, in_background)
        invocation = result.get("invocation")
        if isinstance(invocation, dict) and isinstance(invocation.get("module_args"), dict):
            shown = mask_arguments(invocation["module_args"], HOST_MODULES[self.MODULE], is_secret)
            result["invocation"] = {**invocation, "module_args": shown}
        if not in_background:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def result_unless_changed(self, task_vars: Dict[str, Any]) -> Optional[Dict[str, Any]]:
        """Return the module's result where that is known without the module itself, which is sent otherwise."""
        return None

    def _run_module(
        self, name: str, arguments: Mapping[str, Any], task_vars: Dict[str, Any], in_background: bool = False
    ) -> Dict[str, Any]:
        result: Dict[str, Any] = self._execute_module(
            module_name=f"selfhosted.bitwarden.{name}",
            module_args=dict(arguments),
            task_vars=task_vars,
            wrap_async=in_background,
        )
        return result

    def options(self) -> Mapping[str, Any]:
        """Return the module's argument specification."""
        return HOST_MODULES[self.MODULE]

    def _arguments(self, task_vars: Mapping[str, Any]) -> Dict[str, Any]:
        """Return the options that are set; an empty path is one, and wrong: the default may be another server's."""
        paths = () if self._in_role() else ("bwdata", "script", "dest")
        empty = {name: "" for name in paths if self._task.args.get(name) == ""}
        return {**super()._arguments(task_vars), **empty}

    def _checked_arguments(self, task_vars: Mapping[str, Any]) -> Dict[str, Any]:
        try:
            # Before ansible-core 2.19 what comes from module_defaults has lost it on its way, too.
            variables = {**task_vars, "module_defaults": self._task.module_defaults}
            apart = with_secrets_apart(self._task.args, VaultedValues(variables))
        except AnsibleError as error:
            raise ArgumentError(f"A value of the task cannot be decrypted: {error}") from None
        arguments = with_upper_case_region(apart)
        self.values = check_arguments(self.MODULE, arguments, self.faults_of(arguments))
        return arguments

    def faults_of(self, arguments: Mapping[str, Any]) -> Sequence[str]:
        """Return what is wrong with the options that only this module has."""
        return ()
