# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the controller on their way to the temporary folder of a task on the host."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import List

from ansible.plugins.action import ActionBase
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._scripts.pair import RUN, SCRIPT


def send_files(action: ActionBase, files: Mapping[str, str]) -> str:
    """Send files, ``{path on the controller: name there}``; return the folder, which is removed after the task."""
    shell = action._connection._shell
    folder = shell.tmpdir or action._make_tmp_path()
    sent = [action._transfer_file(path, shell.join_path(folder, name)) for path, name in files.items()]
    action._fixup_perms2([folder, *sent], execute=False)
    return str(folder)


def script_faults(folder: Path, source: str) -> List[str]:
    """Return why the folder of the controller that option ``source`` names does not hold both scripts of a release."""
    if not folder.is_dir():
        return [f"source: {source} is not a folder on the controller. Set it to the one with the scripts."]
    missing = [name for name in (SCRIPT, RUN) if not (folder / name).is_file()]
    return [f"source: {source} lacks {' and '.join(missing)} of a release of Bitwarden."] if missing else []


def send_scripts(action: ActionBase, folder: Path) -> str:
    """Send both scripts of a release; return the folder that they are in on the host."""
    return send_files(action, {str(folder / name): name for name in (SCRIPT, RUN)})
