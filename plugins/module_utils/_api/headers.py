# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Additional headers for a server that is behind something which requires them."""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping

from .errors import REQUEST, ApiError

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?\Z")
# Those that each request has by itself.
_TAKEN = (
    "accept", "accept-encoding", "authorization", "bitwarden-client-name", "bitwarden-client-version", "connection",
    "content-length", "content-type", "host", "transfer-encoding",
)  # fmt: skip


def read_headers(params: Mapping[str, Any]) -> Dict[str, str]:
    """Return the headers of option ``headers``. Raises ``ApiError``, which shows no value."""
    found: Dict[str, str] = {}
    for name, value in (params.get("headers") or {}).items():
        if not isinstance(name, str) or not _NAME.match(name):
            raise ApiError(REQUEST, f"headers has {name!r}, which cannot be the name of a header.")
        if name.lower() in _TAKEN:
            advice = "Have what is in front of the server take another one."
            raise ApiError(REQUEST, f"headers has {name}, which the requests need for themselves.", advice=advice)
        if not isinstance(value, str):
            raise ApiError(REQUEST, f"The value of {name} in headers is not a text.", advice="Quote it.")
        if not _VALUE.match(value):
            advice = "Check how it was copied: it may be empty, or have blanks, line ends or special characters in it."
            raise ApiError(REQUEST, f"The value of {name} in headers cannot be sent.", advice=advice)
        found[name] = value
    return found
