# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup set on its way from the controller to the temporary folder of a task on the host."""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Mapping
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.manifest import NAME
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.sets import (
    ARCHIVES,
    BackupSet,
    SetError,
    read_files,
    read_set,
    sidecar,
)
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._files import find_file
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._transfer import send_files

# The way is short, and attachments are encrypted: more effort would only take time.
_LEVEL = 1


def send_set(action: ActionBase, src: str, task_vars: Mapping[str, Any]) -> str:
    """Send a set, a folder as one archive; return its path on the host. Raises ``SetError`` and ``ManifestError``.

    It is in the task's temporary folder there, which is removed with all that is in it.
    """
    backup = read_set(set_of_controller(action, src, task_vars))
    if backup.is_archive:
        return _sent(action, backup.path, backup.name, backup.manifest_path)
    # It has every secret of the server.
    descriptor, packed = tempfile.mkstemp(dir=constants.DEFAULT_LOCAL_TMP)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            _pack(backup, stream)
        return _sent(action, packed, backup.name + ARCHIVES[None], backup.manifest_path)
    finally:
        os.unlink(packed)


def set_of_controller(action: ActionBase, src: str, variables: Mapping[str, Any]) -> str:
    """Return the path of a set on the controller. Raises ``SetError`` where it does not exist."""
    found = find_file(action, src, variables)
    if not found:
        raise SetError(f"src: {src} does not exist on the controller.")
    return found


def _pack(backup: BackupSet, stream: Any) -> None:
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=_LEVEL, format=tarfile.PAX_FORMAT) as archive:
        for entry in read_files(backup):
            path = os.path.join(backup.path, entry.path.rstrip("/"))
            if os.path.lexists(path):  # what is missing is for the module to tell
                archive.add(path, entry.path.rstrip("/"), recursive=False)
        archive.add(backup.manifest_path, NAME)


def _sent(action: ActionBase, local: str, name: str, manifest: str) -> str:
    folder = send_files(action, {local: name, manifest: sidecar(name)})
    return str(action._connection._shell.join_path(folder, name))
