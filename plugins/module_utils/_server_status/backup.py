# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last verified backup of a server."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Dict, Optional

from .._backup.sets import BackupSet, find_sets, is_complete
from .._common.dates import format_date
from .._common.errors import BitwardenError


class BackupError(BitwardenError):
    """There is no verified backup, or it cannot be known; the message says why."""


def last_backup(folder: str, installation_id: Optional[str]) -> BackupSet:
    """Return the newest verified and complete set of the installation in ``folder``. Raises ``BackupError``."""
    if not installation_id:
        raise BackupError("The installation id of the server is not known, so neither are its backups.")
    try:
        own = [one for one in find_sets(folder) if one.manifest.installation_id.lower() == installation_id.lower()]
    except OSError as error:
        raise BackupError(
            f"{folder} cannot be read by this user: {error.strerror}. Run the task as root (become)."
        ) from None
    verified = next((one for one in own if one.manifest.is_verified and is_complete(one)), None)
    if verified is None:
        others = f" It has {len(own)} that are not verified or not complete." if own else ""
        raise BackupError(f"{folder} has no verified backup of this installation.{others}")
    return verified


def backup_facts(backup: BackupSet, now: datetime) -> Dict[str, Any]:
    """Return what results show of a backup."""
    manifest = backup.manifest
    return {
        "path": backup.path,
        "created": format_date(manifest.created),
        "age": max(0, int((now - manifest.created).total_seconds())),
        "verified": manifest.verified,
        "version": manifest.versions.get("core"),
    }
