# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Web pages that come where an API should answer."""

from __future__ import annotations

import re

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


def page_title(text: str) -> str:
    """Return the title of a web page, shortened; empty where there is none."""
    title = _TITLE.search(text)
    return " ".join(title.group(1).split())[:80] if title else ""
