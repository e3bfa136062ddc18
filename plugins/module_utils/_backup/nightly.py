# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether Bitwarden's own nightly backup works. Its script reports nothing: only its files and SQL Server's log do."""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from .._common.dates import format_date
from .._common.durations import format_duration
from .._database.inspection import Configured

_DONE = "BACKUP DATABASE successfully processed"
_FAILED = "BACKUP failed to complete"
_TAIL = 1 << 20
# Every night, and the time that it takes.
_OLDEST = 26 * 3600.0


class Nightly(NamedTuple):
    """What is seen of the nightly backup; ``problems`` is empty where it works.

    ``newest`` is the path of its newest file. ``confirmed``: SQL Server's log says that this file was completed;
    None where that log does not name it.
    """

    enabled: bool
    database: Optional[str]
    newest: Optional[str]
    created: Optional[float]
    size: Optional[int]
    confirmed: Optional[bool]
    problems: List[str]

    def report(self, now: float) -> Dict[str, Any]:
        """Return it as results show it."""
        moment = None if self.created is None else datetime.fromtimestamp(self.created, timezone.utc)
        return {
            "healthy": not self.problems,
            "enabled": self.enabled,
            "database": self.database,
            "path": self.newest,
            "created": format_date(moment),
            "age": None if self.created is None else int(now - self.created),
            "size": self.size,
            "confirmed": self.confirmed,
            "problems": self.problems,
        }


def inspect_nightly(
    bwdata: str, configured: Configured, environment: Mapping[str, str], now: Optional[float] = None
) -> Nightly:
    """Return what is seen of the nightly backup; ``environment`` is that of mssql. Raises ``OSError``."""
    now = time.time() if now is None else now
    enabled = environment.get("BACKUP_DB", "1") != "0"
    newest = _newest(os.path.join(bwdata, "mssql", "backups"))
    log = _log(bwdata)
    confirmed = _confirmed(log, os.path.basename(newest.path)) if newest else None
    problems = []
    if not enabled:
        problems.append("The nightly backup is switched off (BACKUP_DB=0).")
    if configured.nightly != configured.name:
        problems.append(
            f"The nightly backup is of {configured.nightly or 'no database'}, and the server uses {configured.name}. "
            f"Set DATABASE={configured.name} in env/mssql.override.env, and restart the server."
        )
    if newest is None:
        problems.append(f"There is no nightly backup in {bwdata}/mssql/backups.")
    elif "BACKUP_INTERVAL" not in environment and now - newest.stat().st_mtime > _OLDEST:
        problems.append(f"The newest nightly backup, {newest.path}, is older than {format_duration(_OLDEST)}.")
    if confirmed is False:
        problems.append(f"SQL Server's log does not say that {newest.path if newest else ''} was completed.")
    if log.rfind(_FAILED) > log.rfind(_DONE):
        problems.append(f"The last backup in SQL Server's log ({bwdata}/logs/mssql/errorlog) failed.")
    status = newest.stat() if newest else None
    return Nightly(
        enabled,
        configured.nightly,
        newest.path if newest else None,
        status.st_mtime if status else None,
        status.st_size if status else None,
        confirmed,
        problems,
    )


def _newest(folder: str) -> Optional[os.DirEntry[str]]:
    if not os.path.isdir(folder):
        return None
    found = [one for one in os.scandir(folder) if one.name.endswith(".BAK") and one.is_file()]
    return max(found, key=lambda one: one.stat().st_mtime, default=None)


def _confirmed(log: str, name: str) -> Optional[bool]:
    """Tell whether the log says that the file was completed; None where it does not name it."""
    at = log.find(name)
    return None if at < 0 else _DONE in log[at:]


def _log(bwdata: str) -> str:
    """Return the ends of SQL Server's last two logs."""
    texts = []
    for name in ("errorlog.1", "errorlog"):
        try:
            with open(os.path.join(bwdata, "logs", "mssql", name), "rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(max(0, size - _TAIL) & ~1)
                data = stream.read()
        except OSError:
            continue
        texts.append(data.decode("utf-16-le" if b"\0" in data[:64] else "utf-8", "replace"))
    return "\n".join(texts)
