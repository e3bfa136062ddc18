# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which versions of licenses a server knows. It rejects others, but asks only where the license has no token for it."""

from __future__ import annotations

from typing import Optional

from .._common.versions import is_newer, version_numbers

# Release of the server -> the newest version of licenses that it knows, from that release on.
_KNOWN = (("2022.8.0", 10), ("2022.12.0", 11), ("2023.5.0", 12), ("2023.10.0", 13), ("2024.1.0", 15), ("2025.5.2", 16))
# The newest release of which that is certain.
_CERTAIN = "2026.8.0"
# Before it servers read no token.
_TOKENS = "2025.1.0"


def reads_tokens(server: str) -> bool:
    """Return whether a server of this version takes a license by its token, whatever the license's version is."""
    return version_numbers(server) >= version_numbers(_TOKENS) or not version_numbers(server)


def newest_version(server: str) -> Optional[int]:
    """Return the newest version of licenses that a server knows, None where only the server can tell."""
    numbers = version_numbers(server)
    if not numbers or is_newer(server, _CERTAIN):
        return None
    known = [newest for release, newest in _KNOWN if numbers >= version_numbers(release)]
    return known[-1] if known else None
