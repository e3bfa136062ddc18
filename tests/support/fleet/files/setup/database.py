# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``-update 1 -db 1``: bring the database up to the tool's own version."""

from __future__ import annotations

from pathlib import Path

from .env_files import value_of
from .questions import Crash

_STRING = "globalSettings__sqlServer__connectionString"


def migrate(root: Path) -> None:
    """Apply what the database lacks. A script that fails is not told by anything: the exit status is 0."""
    if not value_of(root, "global", _STRING):
        raise Crash("System.ArgumentNullException: Value cannot be null. (Parameter 'connectionString')")
