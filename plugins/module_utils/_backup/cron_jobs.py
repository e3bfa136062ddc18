# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs of the host that update the server by themselves: in cron's folders, in crontabs, and by systemd's timers."""

from __future__ import annotations

import glob
import os
import re
from typing import List, NamedTuple, Optional, Tuple

# Scripts that run-parts starts, where they are executable; and tables, with a command on each line.
_SCRIPTS = ("etc/cron.hourly/*", "etc/cron.daily/*", "etc/cron.weekly/*", "etc/cron.monthly/*")
_TABLES = ("etc/crontab", "etc/cron.d/*", "var/spool/cron/*", "var/spool/cron/crontabs/*")
_UNITS = ("etc/systemd/system/*.timer",)

_UPDATE = re.compile(r"(?:bitwarden|run)\.sh[\"']?\s+(update(?:self|run)?)\b")
_LARGEST = 1 << 20


class Job(NamedTuple):
    """A line of a file that updates the server: its number, and the script's command. The line may hold secrets."""

    path: str
    line: int
    command: str


def self_updating_jobs(root: str = "/") -> List[Job]:
    """Return the jobs below ``root`` that update a server; what this user cannot read is left out."""
    found: List[Job] = []
    for path in _matching(root, _SCRIPTS):
        if os.access(path, os.X_OK):
            found += _jobs(path)
    for path in _matching(root, _TABLES):
        found += _jobs(path)
    for path in _matching(root, _UNITS):
        found += _jobs(path[: -len("timer")] + "service")
    return found


def _matching(root: str, patterns: Tuple[str, ...]) -> List[str]:
    return [path for one in patterns for path in sorted(glob.glob(os.path.join(glob.escape(root), one)))]


def _jobs(path: str) -> List[Job]:
    text = _text(path)
    lines = enumerate(text.splitlines() if text else [], 1)
    return [
        Job(path, number, command)
        for number, line in lines
        if not line.lstrip().startswith("#")
        for command in _UPDATE.findall(line)
    ]


def _text(path: str) -> Optional[str]:
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > _LARGEST:
            return None
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return None
