# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server's own text, as a message quotes it."""

from __future__ import annotations

import re

_ACCOUNT_OF_KEYS = re.compile(r"\s+(?=Exceptions caught|Keys tried|Number of keys|token:)")


_ENDS = tuple(end + close for end in ".!?:" for close in ("", '"', ")"))


def with_advice(message: str, advice: str) -> str:
    """Return a message and its advice as sentences of their own; a message that ends in a log line has no full stop."""
    message = message.rstrip()
    if not advice:
        return message
    return f"{message}{'' if message.endswith(_ENDS) else '.'} {advice}"


def quoted(text: str) -> str:
    """Return a server's text on one line, without the JWT library's account of its keys, which is of no use."""
    return " ".join(_ACCOUNT_OF_KEYS.split(text)[0].split())
