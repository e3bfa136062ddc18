# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugins of the groups api and cloud: their code, run on the controller (or the module, on the host)."""

from __future__ import annotations

import sys
from functools import partial
from types import MappingProxyType
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from ansible.errors import AnsibleError, AnsibleFileNotFound
from ansible.utils.display import Display
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.argspec import ENVIRONMENT
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import REQUEST, ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.transport import IMPORT_ERROR
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.host_reading import ReadOnHost
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.masking import mask_values, no_log_values
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.waiting import told_to
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._licenses.content import MissingFile
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._action import BitwardenAction
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._environment import environment, task_environment
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._files import find_file, located
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._options import (
    OptionError,
    read_options,
    value_problems,
)
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._vault import read_decrypted


class ApiActionModule(BitwardenAction):
    """Reads options, runs ``perform`` or the module, masks what comes out."""

    TRANSFERS_FILES = False
    MODULE = ""
    OPTIONS: Mapping[str, Any] = {}
    REQUIRED_IF: Sequence[Tuple[str, str, Tuple[str, ...]]] = ()
    ENVIRONMENT: Mapping[str, str] = ENVIRONMENT

    _secrets: Sequence[str] = ()
    _variables: Mapping[str, Any] = MappingProxyType({})
    _before: Mapping[str, Optional[str]] = MappingProxyType({})

    def perform(self, params: Dict[str, Any], check_mode: bool, task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Do the task from the controller. Raises ``BitwardenError``."""
        raise NotImplementedError

    def read_on_host(self, task_vars: Dict[str, Any]) -> ReadOnHost:
        """Return what calls an info module of this collection on the host; without access its result says why."""

        def read(module: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
            try:
                result: Dict[str, Any] = self._execute_module(
                    module_name=f"selfhosted.bitwarden.{module}", module_args=dict(options), task_vars=task_vars
                )
            except AnsibleError as error:
                return {"failed": True, "msg": str(error)}
            return result

        return read

    def read_file(self, src: str) -> bytes:
        """Return a file of the controller, found as ``copy`` finds its sources, decrypted where it is a vault's.

        Raises ``ApiError``.
        """
        try:
            # Where there is none, this says where it was searched.
            path = find_file(self, src, self._variables) or self._find_needle("files", src)
            return read_decrypted(self._loader, path)
        except AnsibleFileNotFound as error:
            raise MissingFile(REQUEST, f"src cannot be read on the controller: {error}") from error
        except (AnsibleError, OSError) as error:
            raise ApiError(REQUEST, f"src cannot be read on the controller: {error}") from error

    def for_host(self, params: Dict[str, Any]) -> Dict[str, Any]:
        """Return the options for the module on the host, with what was found in the controller's environment.

        Raises ``BitwardenError``.
        """
        return params

    def options(self) -> Mapping[str, Any]:
        """Return the argument specification."""
        return self.OPTIONS

    def execute(self, task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Run the task on the controller, in the environment that the task sets, or on the host."""
        with environment(task_environment(self)) as self._before, told_to(partial(self._say, task_vars)):
            self._variables = task_vars
            self._task.args = located(self, self._task.args, task_vars)
            params = self._params()
            if params.get("run_on") == "host":
                arguments = self.for_host(params)
                return self._execute_module(module_name=self.MODULE, module_args=arguments, task_vars=task_vars)
            _require_library()
            return self._shown(self.perform(params, bool(self._task.check_mode), task_vars))

    def _say(self, task_vars: Mapping[str, Any], text: str) -> None:
        """Show what is waited for, without -v. On stderr: callbacks print for programs on stdout."""
        shown = self._in_terms_of_the_role(self.masked({"failed": True, "msg": text}))["msg"]
        Display().display(f"{task_vars.get('inventory_hostname')}: {shown}", stderr=True)

    def _params(self) -> Dict[str, Any]:
        """Return the values of all options. Raises ``ApiError`` that names every fault."""
        name = str(self._task.action).rpartition(".")[2]
        params, faults = read_options(self._task.args, self.OPTIONS, self.REQUIRED_IF, self.ENVIRONMENT, name)
        self._secrets = no_log_values(self.OPTIONS, params)
        problems = value_problems(self.OPTIONS, params, sure=not faults)
        if not faults and len(problems) == 1:
            raise problems[0]
        if faults or problems:
            raise OptionError(REQUEST, " ".join([*faults, *map(str, problems)]))
        return params

    def _execute_module(self, *args: Any, **named: Any) -> Dict[str, Any]:
        """Run a module on the host, where Ansible sets the task's environment. The connection is not to get it."""
        with environment(self._before):
            result: Dict[str, Any] = super()._execute_module(*args, **named)
        return result

    def masked(self, result: Dict[str, Any]) -> Dict[str, Any]:
        """Hide secrets, those from the environment included."""
        masked: Dict[str, Any] = mask_values(super().masked(result), self._secrets)
        return masked

    def _shown(self, found: Dict[str, Any]) -> Dict[str, Any]:
        """Return the result with secrets masked, or, where it is a secret itself, marked as not to be shown."""
        warnings = self.masked({"warnings": found.pop("warnings", None) or []})
        if warnings["warnings"]:
            found.update(warnings)
        if not self._task.diff:
            found.pop("diff", None)
        if found.get("_ansible_no_log"):
            # Hides the one result; of a loop also the whole, which ansible-core before 2.19 would show to callbacks.
            self._task.no_log = True
            # Masked, it could not be used.
            return found
        masked: Dict[str, Any] = mask_values(found, self._secrets)
        return masked


def _require_library() -> None:
    """Raise ``ApiError`` where the library that sends requests is missing."""
    if IMPORT_ERROR is not None:
        raise ApiError(
            REQUEST,
            f"The Python library urllib3 is missing on the controller, for its Python {sys.executable}.",
            advice="Install it there (python3-urllib3, or pip install urllib3).",
        )
