# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the controller that options and variables name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.collection_loader import AnsibleCollectionConfig

#: Options of modules that name files of the controller.
CERTIFICATES = ("ca_path", "client_cert", "client_key")


def find_file(action: ActionBase, path: str, variables: Mapping[str, Any]) -> str:
    """Return where a file is; empty where there is none.

    A relative path is searched as ``copy`` searches its sources (role, playbook, each with its ``files``). Where the
    playbook is a collection's, the folders of its caller are meant: that of the host's inventory, then the one that
    the run was started in. ``variables`` are those of the host.
    """
    try:
        return str(action._find_needle("files", path))
    except AnsibleError:
        pass
    for folder in (variables.get("inventory_dir"), os.getcwd()):
        for candidate in (os.path.join(folder, "files", path), os.path.join(folder, path)) if folder else ():
            if os.path.exists(candidate):
                return os.path.abspath(candidate)
    return ""


def new_file(action: ActionBase, path: str, variables: Mapping[str, Any]) -> str:
    """Return where a file is, or is to be made: where ``find_file`` finds it, then beside the user's playbook."""
    found = find_file(action, path, variables)
    if found:
        return found
    of_collection = bool(AnsibleCollectionConfig.default_collection)
    folder = variables.get("inventory_dir") if of_collection else action._loader.get_basedir()
    return os.path.abspath(os.path.join(folder or os.getcwd(), path))


def located(action: ActionBase, options: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with certificates of the controller as they were found, in place of relative paths."""
    if options.get("run_on") == "host":
        return options
    found = {name: find_file(action, str(options[name]), variables) for name in CERTIFICATES if options.get(name)}
    return {**options, **{name: path for name, path in found.items() if path}}
