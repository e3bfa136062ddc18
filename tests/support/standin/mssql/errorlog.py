# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server's ``errorlog``: on the host ``bwdata/logs/mssql/errorlog``."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from pathlib import Path

_KEPT = 6


class ErrorLog:
    """A new file for each start; the older ones are kept as ``errorlog.1`` and so on."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._path = folder / "errorlog"
        for number in range(_KEPT - 1, -1, -1):
            older = folder / f"errorlog.{number}" if number else self._path
            if older.exists():
                older.replace(folder / f"errorlog.{number + 1}")
        self._path.touch()

    def write(self, text: str, source: str = "Server") -> None:
        """Add an entry; it also goes to the console of the container."""
        moment = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")[:22]
        line = f"{moment} {source:<11} {text}"
        with self._lock:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
            print(line, flush=True)

    def error(self, number: int, severity: int, state: int, text: str, source: str = "spid51") -> None:
        """Add an error in its two entries."""
        self.write(f"Error: {number}, Severity: {severity}, State: {state}.", source)
        self.write(text, source)
