# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module update."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Mapping

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._scripts.pair import LATEST, version_error
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._update.request import DOWNLOAD
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._files import find_file
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._host_action import ArgumentError, HostActionModule
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._transfer import script_faults, send_scripts


class ActionModule(HostActionModule):
    """Run the module of the same name on the host, with the scripts of the controller that ``source`` names."""

    MODULE = "update"

    def _checked_arguments(self, task_vars: Mapping[str, Any]) -> Dict[str, Any]:
        arguments = super()._checked_arguments(task_vars)
        source = str(arguments.get("source") or DOWNLOAD)
        sends = source != DOWNLOAD and not arguments.get("remote_src")
        folder = Path(find_file(self, source, dict(task_vars))) if sends else None
        version = str(arguments.get("version") or LATEST)
        wrong = version_error(version) if version != LATEST else ""
        faults = [f"version: {wrong}."] if wrong else []
        faults += script_faults(folder, source) if folder else []
        if faults:
            raise ArgumentError(" ".join(faults))
        return {**arguments, "source": send_scripts(self, folder), "remote_src": True} if folder else arguments
