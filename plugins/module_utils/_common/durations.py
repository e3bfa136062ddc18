# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Durations as options give them: ``90``, ``30s``, ``10m``, ``26h``, ``7d``, ``2w``."""

from __future__ import annotations

import re

from .errors import BitwardenError

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_HOURS = 24  # of a day
_FORM = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([smhdw]?)\s*\Z")


class DurationError(BitwardenError, ValueError):
    """The text is not a duration; the message shows what one looks like."""


def parse_duration(text: object) -> float:
    """Parse ``<n>[s|m|h|d|w]`` into seconds.

    A bare number counts seconds. Raises ``DurationError`` on anything else, a negative number included.
    """
    found = _FORM.match(str(text))
    if found is None:
        raise DurationError(f"{str(text)!r} is not a duration. Write a number and a unit: 30s, 10m, 26h, 7d or 2w.")
    return float(found.group(1)) * _SECONDS[found.group(2)]


def format_duration(seconds: float) -> str:
    """Write seconds in the largest unit that divides them: 604800 becomes ``1w``, 90 becomes ``90s``."""
    whole = int(seconds)
    if whole != seconds:
        return f"{seconds:g}s"
    if whole:
        for unit in ("w", "d", "h", "m"):
            if whole % _SECONDS[unit] == 0:
                return f"{whole // _SECONDS[unit]}{unit}"
    return f"{whole}s"


def rounded_duration(seconds: float) -> str:
    """Write an age or the time that is left in whole hours, from two days on in whole days: ``8h``, ``3d``."""
    hours = int(seconds // 3600)
    return f"{hours}h" if hours < 2 * _HOURS else f"{hours // _HOURS}d"
