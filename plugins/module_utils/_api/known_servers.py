# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The servers that proved to be self-hosted, kept between runs, so that each run need not ask it again."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Optional

from .._common.user_folder import hashed_name, user_folder
from .argspec import ApiOptions


class KnownServers:
    """Empty files in a folder of this user, each named by a hash of a server's addresses.

    It only saves a request: where the folder cannot be used, no server is known.
    """

    def __init__(self, folder: Optional[Path] = None) -> None:
        self._folder = folder or user_folder() / "servers"

    def has(self, options: ApiOptions) -> bool:
        """Tell whether the server of these addresses is known."""
        try:
            return self._is_own(self._folder) and self._is_own(self._file(options))
        except OSError:
            return False

    def add(self, options: ApiOptions) -> None:
        """Remember the server."""
        with contextlib.suppress(OSError):
            for folder in (self._folder.parent, self._folder):
                folder.mkdir(mode=0o700, exist_ok=True)
                if not self._is_own(folder):
                    return
            self._file(options).touch(mode=0o600)

    def _file(self, options: ApiOptions) -> Path:
        return self._folder / hashed_name(f"{options.api_url}\n{options.identity_url}")

    @staticmethod
    def _is_own(path: Path) -> bool:
        """Tell whether nobody else can have put it there."""
        found = path.lstat()
        return found.st_uid == os.getuid() and not stat.S_ISLNK(found.st_mode) and not found.st_mode & 0o022
