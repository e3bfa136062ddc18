# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dates as the server writes them: with ``Z``, with an offset, or with neither (then they are UTC)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Optional

_FORM = re.compile(
    r"\s*(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?\s*(?:(Z)|([+-])(\d\d):?(\d\d))?\s*\Z",
    re.IGNORECASE,
)


def parse_date(text: object) -> Optional[datetime]:
    """Parse a server's date into an aware UTC ``datetime``.

    Return ``None`` for null, for .NET's "no date" (year 1), and for anything that is not a date. Digits beyond
    microseconds are cut off (the server writes up to seven).
    """
    found = _FORM.match(text) if isinstance(text, str) else None
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    micro = int((found.group(7) or "").ljust(6, "0")[:6])
    try:
        moment = datetime(year, month, day, hour, minute, second, micro, tzinfo=timezone.utc)
        if found.group(9):
            offset = timedelta(hours=int(found.group(10)), minutes=int(found.group(11)))
            moment = moment - offset if found.group(9) == "+" else moment + offset
    except (ValueError, OverflowError):
        return None
    return moment if moment.year > 1 else None


def format_date(moment: Optional[datetime]) -> Optional[str]:
    """Write a moment as ``2026-11-22T10:00:00Z`` (whole seconds, cut off, not rounded)."""
    if moment is None:
        return None
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def normal_date(text: object) -> Optional[str]:
    """Convert a server's date to the form that results have, ``None`` if it is not a date."""
    return format_date(parse_date(text))
