# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions of Bitwarden as tags and scripts write them, compared by their numbers."""

from __future__ import annotations

import re
from typing import Optional, Tuple

_NUMBERS = re.compile(r"v?(\d+)\.(\d+)\.(\d+)\b")


def version_numbers(version: Optional[str]) -> Tuple[int, ...]:
    """Return the numbers of a version for comparisons; none where it is not known, or not one (``latest``)."""
    found = _NUMBERS.match(version or "")
    return tuple(int(part) for part in found.groups()) if found else ()


def is_newer(version: Optional[str], than: Optional[str]) -> bool:
    """Tell whether a version is known to be newer than another."""
    newer, older = version_numbers(version), version_numbers(than)
    return bool(newer and older) and newer > older
