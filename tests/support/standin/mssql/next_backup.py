# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prints how many seconds it is until the next nightly backup, by the environment of the mssql container."""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta, timezone
from typing import Optional

_FORM = "%Y-%m-%d %H:%M:%S"
_INTERVAL = re.compile(r"(?:next|\+?(\d+)) (minute|hour|day|week)s?")


def seconds(now: datetime, interval: str, form: str) -> int:
    """Return the seconds until the moment ``form`` of one interval from now; 0 where it is past or not understood."""
    step = _step(interval)
    if step is None:
        return 0
    try:
        moment = datetime.strptime((now + step).strftime(form), _FORM)
    except ValueError:
        return 0
    return max(0, int((moment - now).total_seconds()))


def _step(interval: str) -> Optional[timedelta]:
    text = {"tomorrow": "next day", "now": "0 days"}.get(interval.strip(), interval.strip())
    found = _INTERVAL.fullmatch(text)
    return timedelta(**{f"{found[2]}s": int(found[1] or 1)}) if found else None


def wait() -> int:
    """Return the seconds from now, by the environment of the container."""
    interval, form = os.environ.get("BACKUP_INTERVAL"), os.environ.get("BACKUP_INTERVAL_FORMAT")
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    return seconds(now, interval or "next day", form or "%Y-%m-%d 00:00:00")


if __name__ == "__main__":
    print(wait())
