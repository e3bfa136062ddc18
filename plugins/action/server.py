# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module server."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._config_yml.keys import checked_config
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._certificate_files import contents_of
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._files import find_file
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._host_action import HostActionModule
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._vault import plain, read_decrypted


class ActionModule(HostActionModule):
    """Run the module of the same name on the host."""

    MODULE = "server"

    def execute(self, task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Run the module."""
        return self._with_paths(super().execute(task_vars))

    def options(self) -> Mapping[str, Any]:
        """Return the argument specification: here the options of the certificate are paths, not secrets."""
        certificate = {**super().options()["certificate"], "no_log": False}
        certificate["options"] = {name: {**one, "no_log": False} for name, one in certificate["options"].items()}
        return {**super().options(), "certificate": certificate}

    def faults_of(self, arguments: Mapping[str, Any]) -> List[str]:
        """Return what is wrong with config and certificate. The files of the certificate are read here."""
        config, certificate = plain(arguments.get("config")), plain(arguments.get("certificate"))
        faults = checked_config(config)[1] if isinstance(config, dict) else []
        self._contents: Dict[str, str] = {}
        if isinstance(certificate, dict):
            self._contents, others = contents_of(certificate, self._read)
            faults += others
        return faults

    def _checked_arguments(self, task_vars: Mapping[str, Any]) -> Dict[str, Any]:
        self._variables = task_vars
        arguments = super()._checked_arguments(task_vars)
        return {**arguments, "certificate": self._contents} if self._contents else arguments

    def _read(self, path: str) -> bytes:
        """Return a file of the controller, found as ``copy`` finds its sources, decrypted where it is a vault's."""
        # Where there is none, this says where it was searched.
        found = find_file(self, path, self._variables) or self._find_needle("files", path)
        return read_decrypted(self._loader, found)

    def _with_paths(self, result: Dict[str, Any]) -> Dict[str, Any]:
        """Return the result with the paths of the certificate, which the task has, among the module's arguments."""
        invocation, given = result.get("invocation"), self._task.args.get("certificate")
        if given and isinstance(invocation, dict) and isinstance(invocation.get("module_args"), dict):
            shown = {**invocation["module_args"], "certificate": given}
            result["invocation"] = {**invocation, "module_args": shown}
        return result
