# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a set can be restored on this server, and why not."""

from __future__ import annotations

from typing import List, NamedTuple, Optional

from .._common.versions import is_newer
from .manifest import BUILT_IN, Manifest

_YEARS = {15: "2019", 16: "2022", 17: "2025"}


class Here(NamedTuple):
    """This server; None where it is not known."""

    installation_id: Optional[str] = None
    url: Optional[str] = None
    core: Optional[str] = None
    engine: Optional[int] = None


def obstacles(manifest: Manifest, here: Here) -> List[str]:
    """Return why a set cannot be restored on this server as it is, each with what it takes; none: it can."""
    found = []
    if manifest.database.kind != BUILT_IN:
        found.append("The set has no database.")
    core, engine = manifest.versions.get("core"), manifest.versions.get("engine")
    if is_newer(core, here.core):
        found.append(
            f"It is of Bitwarden {core}, and {here.core} is installed here. Update the server first, or restore it "
            "with allow_other_version."
        )
    if engine and here.engine and engine > here.engine:
        found.append(
            f"Its database is of SQL Server {year(engine)}, and {year(here.engine)} is running here, which cannot read "
            "it. Update the server first, or restore it with allow_other_version."
        )
    if here.installation_id and manifest.installation_id != here.installation_id:
        found.append(
            f"It is of the installation {manifest.installation_id}, and this server is {here.installation_id}: its "
            "licenses would not be valid here. Restore it with allow_other_installation."
        )
    if here.url and manifest.url and manifest.url.rstrip("/") != here.url.rstrip("/"):
        found.append(f"It is of {manifest.url}, and this server is {here.url}. Restore it with allow_other_url.")
    return found


def year(engine: int) -> str:
    """Return the name of a version of SQL Server's engine."""
    return _YEARS.get(engine, str(engine))
