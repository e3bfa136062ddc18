# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of module backup that say which sets are kept, encrypted and fetched: what is wrong with their values."""

from __future__ import annotations

from typing import Any, List, Mapping


def set_faults(params: Mapping[str, Any]) -> List[str]:
    """Return what is wrong, a sentence or two for each; ``params`` has their types."""
    faults = []
    for name in ("keep", "keep_days"):
        number = params.get(name)
        if isinstance(number, int) and number < 1:
            faults.append(f"{name} must be 1 or more. Leave it out to keep all sets.")
    encrypt = params.get("encrypt")
    if isinstance(encrypt, Mapping):
        if params.get("format") == "directory":
            faults.append("encrypt needs format=tar: only an archive is encrypted.")
        if not encrypt.get("recipients"):
            faults.append("encrypt names no recipients.")
    if params.get("fetch_dest") and params.get("format") == "directory":
        faults.append("fetch_dest needs format=tar: only an archive is fetched. For a folder use restic, or the like.")
    return faults
