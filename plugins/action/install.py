# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module install."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._certificates.pem import read_certificate
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install.options import install_faults
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._scripts.pair import DOWNLOAD
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import HOST_MODULES
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._certificate_files import contents_of
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._files import find_file
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._host_action import HostActionModule
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._options import check_options
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._transfer import script_faults, send_scripts
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._vault import plain, read_decrypted

_CERTIFICATE = "certificate_files"


class ActionModule(HostActionModule):
    """Run the module of the same name on the host, with the files of the controller that its options name."""

    MODULE = "install"

    def execute(self, task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Run the module."""
        result = super().execute(task_vars)
        invocation, given = result.get("invocation"), self._task.args.get(_CERTIFICATE)
        if given and isinstance(invocation, dict) and isinstance(invocation.get("module_args"), dict):
            # The paths, not the contents that were sent.
            result["invocation"] = {**invocation, "module_args": {**invocation["module_args"], _CERTIFICATE: given}}
        return result

    def options(self) -> Mapping[str, Any]:
        """Return the argument specification: here the options of the certificate are paths, not secrets."""
        certificate = dict(super().options()[_CERTIFICATE])
        certificate["options"] = {name: {**one, "no_log": False} for name, one in certificate["options"].items()}
        return {**super().options(), _CERTIFICATE: certificate}

    def faults_of(self, arguments: Mapping[str, Any]) -> List[str]:
        """Return what is wrong with the options, and with the files of the controller, which are read here."""
        options = HOST_MODULES[self.MODULE]
        single = {
            name: value
            for name, value in arguments.items()
            if name in options and (options[name]["type"] == "dict" or not isinstance(value, (dict, list, tuple)))
        }
        # What is wrong with types is told already.
        checked, _faults = check_options(self.MODULE, options, single)
        files = plain(arguments.get(_CERTIFICATE))
        self._contents: Dict[str, str] = {}
        faults = [*install_faults(checked), *self._script_faults(checked)]
        if isinstance(files, dict):
            faults += self._certificate_faults(files, str(checked.get("domain") or "").strip().lower())
        return faults

    def _certificate_faults(self, files: Mapping[str, Any], domain: str) -> List[str]:
        self._contents, faults = contents_of(files, self._read)
        faults = [one.replace("certificate.", f"{_CERTIFICATE}.", 1) for one in faults]
        if faults or not domain or "cert" not in self._contents:
            return faults
        certificate = read_certificate(self._contents["cert"])
        if certificate.covers(domain):
            return []
        names = ", ".join(certificate.names)
        return [f"{_CERTIFICATE}.cert: it is for {names}, not for {domain}. Give the server's own certificate."]

    def _script_faults(self, checked: Mapping[str, Any]) -> List[str]:
        """Return what is missing of the scripts on the controller."""
        if not self._of_controller(checked):
            return []
        source = str(checked["source"])
        return script_faults(Path(find_file(self, source, self._variables) or "/nowhere"), source)

    @staticmethod
    def _of_controller(checked: Mapping[str, Any]) -> bool:
        return (checked.get("source") or DOWNLOAD) != DOWNLOAD and not checked.get("remote_src")

    def _checked_arguments(self, task_vars: Mapping[str, Any]) -> Dict[str, Any]:
        self._variables = task_vars
        arguments = super()._checked_arguments(task_vars)
        if self._contents:
            arguments[_CERTIFICATE] = self._contents
        checked, _faults = check_options(self.MODULE, HOST_MODULES[self.MODULE], arguments)
        if self._of_controller(checked):
            folder = Path(find_file(self, str(arguments["source"]), task_vars))
            arguments.update(source=send_scripts(self, folder), remote_src=True)
        return arguments

    def _read(self, path: str) -> bytes:
        """Return a file of the controller, found as ``copy`` finds its sources, decrypted where it is a vault's."""
        # Where there is none, this says where it was searched.
        found = find_file(self, path, self._variables) or self._find_needle("files", path)
        return read_decrypted(self._loader, found)
