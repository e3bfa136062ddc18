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
