# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server's clock, which can run off, and dates as .NET writes them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Callable, NamedTuple, Optional

_ISO = re.compile(r"^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,16}))?(Z|[+-]\d{2}:\d{2})?)?$")


class Setting(NamedTuple):
    """How a clock is set: seconds by which it runs off, and the moment at which it stands still (None: it runs)."""

    shift: float = 0
    frozen: Optional[float] = None


class Clock:
    """``setting`` tells how the clock is set now."""

    def __init__(self, setting: Callable[[], Setting]) -> None:
        self._setting = setting

    def now(self) -> datetime:
        """Return the server's time, UTC."""
        setting = self._setting()
        frozen = setting.frozen
        moment = datetime.now(timezone.utc) if frozen is None else datetime.fromtimestamp(frozen, timezone.utc)
        return moment + timedelta(seconds=setting.shift)

    def timestamp(self) -> float:
        """Return the server's time in seconds since 1970."""
        return self.now().timestamp()

    def text(self) -> str:
        """Return the server's time as from the database: UTC with ``Z``."""
        return utc(self.now())

    def local_text(self) -> str:
        """Return the server's time as ``DateTime.Now`` is written: with the local zone's offset."""
        moment = self.now().astimezone()
        return _digits(moment) + moment.strftime("%z")[:3] + ":" + moment.strftime("%z")[3:]


def utc(moment: datetime) -> str:
    """Return the moment as ``2026-11-23T00:03:17.475109Z``: trailing zeros trimmed."""
    return _digits(moment.astimezone(timezone.utc)) + "Z"


def parse(text: str) -> datetime:
    """Read any date this server writes; without a zone it is UTC. Raises ValueError."""
    match = _ISO.match(text)
    if not match:
        raise ValueError(text)
    date, time, fraction, zone = match.groups()
    time = (time or "00:00:00") + ("" if time is None or time.count(":") > 1 else ":00")
    value = f"{date}T{time}.{(fraction or '0')[:6].ljust(6, '0')}{'+00:00' if zone in (None, 'Z') else zone}"
    return datetime.fromisoformat(value)


def stored(text: str) -> Optional[str]:
    """Return a client's date as the server stores it; None if unreadable. ``Z`` stays, an offset becomes the local."""
    match = _ISO.match(text)
    try:
        moment = parse(text)
    except ValueError:
        return None
    fraction = (match.group(3) or "")[:7].rstrip("0") if match else ""
    tail = f".{fraction}" if fraction else ""
    zone = match.group(4) if match else None
    if zone in (None, "Z"):
        return moment.strftime("%Y-%m-%dT%H:%M:%S") + tail + (zone or "")
    moment = moment.astimezone()
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + tail + moment.strftime("%z")[:3] + ":" + moment.strftime("%z")[3:]


def _digits(moment: datetime) -> str:
    fraction = f".{moment.microsecond:06d}".rstrip("0").rstrip(".")
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + fraction
