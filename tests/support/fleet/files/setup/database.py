# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``-update 1 -db 1``: bring the database up to the tool's own version."""

from __future__ import annotations

import os
from pathlib import Path

from standin import database  # type: ignore[import-not-found,unused-ignore]
from standin.sql_client import SqlError  # type: ignore[import-not-found,unused-ignore]

from .env_files import value_of
from .questions import Crash

_STRING = "globalSettings__sqlServer__connectionString"


def migrate(root: Path) -> None:
    """Run the scripts that the database lacks. One that fails is told by nothing, and the exit status is 0."""
    connection_string = value_of(root, "global", _STRING)
    if not connection_string:
        raise Crash("System.ArgumentNullException: Value cannot be null. (Parameter 'connectionString')")
    try:
        database.migrate(connection_string, os.environ["STANDIN_VERSION"])
    except (OSError, SqlError) as error:
        raise Crash(f"Microsoft.Data.SqlClient.SqlException (0x80131904): {error}") from error
