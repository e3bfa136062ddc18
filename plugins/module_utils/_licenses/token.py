# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The token in a license, a JSON web token. The collection reads its claims; only the server verifies it."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from typing import Any, Dict, Mapping, Optional


def token_claims(token: object) -> Dict[str, Any]:
    """Return the claims of a JSON web token, not verified; empty when it cannot be read."""
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3:  # header, claims, signature
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def token_expiry(claims: Mapping[str, Any], claim: str = "exp") -> Optional[datetime]:
    """Return the time in a claim (by default until when the token is valid), ``None`` without one."""
    seconds = claims.get(claim)
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < 2**33:
        return None
    return datetime.fromtimestamp(seconds, timezone.utc)
