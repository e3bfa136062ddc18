# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module server."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.unchanged_options import unchanged_check
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._files import find_file
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._host_action import HostActionModule
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._vault import plain, read_decrypted


class ActionModule(HostActionModule):
    """Run the module of the same name on the host."""

    MODULE = "server"

    def execute(self, task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Run the module."""
        return self._with_paths(super().execute(task_vars))

    def result_unless_changed(self, task_vars: Dict[str, Any]) -> Optional[Dict[str, Any]]:
        """Ask the host with a small module first; module server itself is sent only where something is to change."""
        check = unchanged_check(self.values)
        if check is None:
            return None
        result = self._run_module("server_unchanged", check.options, task_vars)
        if result.pop("unchanged", False) is not True:
            return None
        invocation = result.get("invocation")
        if isinstance(invocation, dict) and isinstance(invocation.get("module_args"), dict):
            # The host has made these paths whole.
            paths = {name: invocation["module_args"].get(name) for name in ("bwdata", "script")}
            result["invocation"] = {**invocation, "module_args": {**check.arguments, **paths}}
        if check.warnings:
            result["warnings"] = [*result.get("warnings", []), *check.warnings]
        return result

    def options(self) -> Mapping[str, Any]:
        """Return the argument specification: here the options of the certificate are paths, not secrets."""
        certificate = {**super().options()["certificate"], "no_log": False}
        certificate["options"] = {name: {**one, "no_log": False} for name, one in certificate["options"].items()}
        return {**super().options(), "certificate": certificate}

    def faults_of(self, arguments: Mapping[str, Any]) -> List[str]:
        """Return what is wrong with config and certificate. The files of the certificate are read here."""
        config, certificate = plain(arguments.get("config")), plain(arguments.get("certificate"))
        faults: List[str] = []
        if isinstance(config, dict):
            # Only here, and below: what most runs do not need takes time to load.
            from ansible_collections.selfhosted.bitwarden.plugins.module_utils._config_yml.keys import (  # noqa: PLC0415
                checked_config,
            )

            faults += checked_config(config)[1]
        self._contents: Dict[str, str] = {}
        if isinstance(certificate, dict):
            from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._certificate_files import (  # noqa: PLC0415
                contents_of,
            )

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
