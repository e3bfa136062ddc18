# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of an update."""

from __future__ import annotations

from typing import NamedTuple

from .._backup.plan import BackupRequest
from .._scripts.pair import DOWNLOAD, LATEST

FAIL, WARN = "fail", "warn"


class UpdateRequest(NamedTuple):
    """The options: durations in seconds, paths on the host.

    ``source`` is ``download`` or a folder with both scripts. ``self_updating_jobs`` is what to do about jobs of the
    host that update the server by themselves.
    """

    version: str = LATEST
    source: str = DOWNLOAD
    pull: bool = True
    try_database: bool = True
    rollback: bool = True
    self_updating_jobs: str = FAIL
    backup_dest: str = "/var/backups/bitwarden"
    backup_max_age: float = 0.0
    wait_timeout: float = 600.0
    pull_timeout: float = 1800.0
    database_timeout: float = 7200.0

    def backup(self, max_age: float) -> BackupRequest:
        """Return the backup that is made first."""
        return BackupRequest(
            self.backup_dest,
            max_age=max_age,
            timeout=self.database_timeout,
            wait_timeout=self.wait_timeout,
            option="backup_dest",
        )
