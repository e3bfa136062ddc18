# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which sets are kept, and the removal of the others. Only sets of this installation with a manifest are considered."""

from __future__ import annotations

import contextlib
import os
import secrets
from datetime import datetime, timedelta
from typing import Iterable, List, NamedTuple, Optional, Sequence, Set

from .._common.atomic_file import sync_folder
from .destination import becomes, part, remove
from .manifest import NAME, STRENGTH
from .sets import PART, BackupSet, is_complete, read_files


class Retention(NamedTuple):
    """How many of the newest sets are kept, and those of how many days; a set is removed where neither keeps it."""

    keep: Optional[int] = None
    keep_days: Optional[int] = None

    @property
    def removes(self) -> bool:
        """Whether any set is ever removed."""
        return self.keep is not None or self.keep_days is not None


class Dated(NamedTuple):
    """What decides over a set: when it was made, and whether it was verified."""

    created: datetime
    is_verified: bool


def superfluous(sets: Sequence[Dated], rule: Retention, now: datetime) -> List[int]:
    """Return the positions in ``sets``, the newest first, of those to be removed: never the newest verified one."""
    if not rule.removes:
        return []
    newest_verified = next((at for at, one in enumerate(sets) if one.is_verified), None)
    oldest = None if rule.keep_days is None else now - timedelta(days=rule.keep_days)
    return [
        at
        for at, one in enumerate(sets)
        if at != newest_verified
        and not (rule.keep is not None and at < rule.keep)
        and not (oldest is not None and one.created >= oldest)
    ]


def newest_usable(
    sets: Iterable[BackupSet], oldest: datetime, now: datetime, verify: str, **same: object
) -> Optional[BackupSet]:
    """Return the newest complete set made since ``oldest`` that was verified at least like ``verify``.

    ``same``: ``versions`` and ``database`` of the server, which the set is to be of.
    """
    needed = max(STRENGTH[verify], STRENGTH["checksum"])
    for one in sets:
        manifest = one.manifest
        versions = {name: version for name, version in manifest.versions.items() if name != "engine"}
        is_same = versions == same["versions"] and (manifest.database.name, manifest.database.kind) == same["database"]
        is_new = oldest < manifest.created <= now
        if is_new and is_same and STRENGTH.get(manifest.verified, 0) >= needed and is_complete(one):
            return one
    return None


def remove_set(backup: BackupSet) -> None:
    """Remove a set; from the first moment on, what is left of it is not a set any more. Raises ``OSError``."""
    folder = os.path.dirname(backup.path)
    if backup.is_archive:
        with part(folder) as path:
            with contextlib.suppress(OSError):  # on a full disk, which this is to free
                becomes(path, backup.path)
            os.unlink(backup.manifest_path)
            os.unlink(backup.path)
    else:
        gone = os.path.join(folder, PART + secrets.token_hex(8))
        os.rename(backup.path, gone)
        remove(gone)
    sync_folder(folder)


def foreign_files(backup: BackupSet) -> List[str]:
    """Return the files in the folder of a set that its manifest does not list."""
    if backup.is_archive:
        return []
    listed: Set[str] = {NAME}
    for entry in read_files(backup):
        parts = entry.path.rstrip("/").split("/")
        listed.update("/".join(parts[: count + 1]) for count in range(len(parts)))
    found = []
    for folder, folders, files in os.walk(backup.path):
        for name in (*folders, *files):
            path = os.path.relpath(os.path.join(folder, name), backup.path)
            if path not in listed:
                found.append(path)
    return sorted(found)
