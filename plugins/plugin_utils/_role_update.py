# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of module update as the variables of a host set them, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync import variables
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._scripts.pair import DOWNLOAD, LATEST, version_error
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings import argspec
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._files import find_file
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._options import check_options
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_hosts import RoleHost
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._transfer import script_faults


def update_options(action: ActionBase, host: RoleHost) -> dict[str, Any]:
    """Return the options that are set for a host; an air-gapped one pulls nothing. Raises ``AnsibleError``."""
    defaults = host.module_defaults(action, "host", "update")
    offline = boolean(host.value("bitwarden_offline") or False, strict=False)
    return {**({"pull": False} if offline else {}), **defaults, **host.options(variables.UPDATE)}


def update_faults(action: ActionBase, host: RoleHost) -> list[str]:
    """Return what is wrong with the variables of a host. Raises ``AnsibleError``."""
    options = argspec.HOST_MODULES["update"]
    checked, faults = check_options("update", options, update_options(action, host))
    faults = faults + argspec.option_faults(checked) + source_faults(action, checked, host.raw)[1]
    return [variables.with_variables(text, variables.UPDATE) for text in faults]


def source_faults(
    action: ActionBase, options: Mapping[str, Any], task_vars: Mapping[str, Any]
) -> tuple[Path | None, list[str]]:
    """Return the folder on the controller that the scripts are sent from, and what is wrong with it and the version."""
    version, source = str(options.get("version") or LATEST), str(options.get("source") or DOWNLOAD)
    wrong = version_error(version) if version != LATEST else ""
    faults = [f"version: {wrong}."] if wrong else []
    if source == DOWNLOAD or options.get("remote_src"):
        return None, faults
    # Where there is none, it must not be taken for the current folder.
    folder = Path(find_file(action, source, task_vars) or "/nowhere")
    return folder, [*faults, *script_faults(folder, source)]
