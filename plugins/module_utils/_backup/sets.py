# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backup sets on the disk: their names, finding them, reading their manifests, and whether they are whole."""

from __future__ import annotations

import os
import re
import stat
from datetime import datetime, timezone
from typing import Dict, List, NamedTuple, Optional

from .._common.errors import EXPECTED, BitwardenError, message_of
from .manifest import NAME, FileEntry, Manifest, files_of, parse_manifest

#: What is being written or removed: never a set, and left only by a run that was killed.
PART = ".bitwarden-part-"
#: The ends of the names of archives, by what they are encrypted with.
ARCHIVES = {None: ".tar.gz", "age": ".tar.gz.age", "gpg": ".tar.gz.gpg"}
_SIDECAR = ".json"

_TIME = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"bitwarden-([0-9a-z]{1,8})-(\d{8}T\d{6}Z)(\.tar\.gz(?:\.(age|gpg))?)?\Z")
_LARGEST_MANIFEST = 1 << 30
_SHOWN = 5


class SetError(BitwardenError):
    """A path that is not a usable backup set. The message names the path and says why."""


class BackupSet(NamedTuple):
    """One backup set: a folder, or an archive with its manifest beside it.

    ``encryption`` is the program that the archive is encrypted with, None for plain ones.
    """

    path: str
    manifest: Manifest
    manifest_path: str
    is_archive: bool = False
    encryption: Optional[str] = None

    @property
    def name(self) -> str:
        """Its name below the folder of the sets."""
        return os.path.basename(self.path)

    @property
    def size(self) -> int:
        """Its size on the disk, in bytes."""
        return self.manifest.archive[0] if self.manifest.archive else self.manifest.size


def set_name(installation_id: str, created: datetime) -> str:
    """Return the name of the set of an installation, without the ending of an archive."""
    return f"bitwarden-{installation_id[:8].lower()}-{created.astimezone(timezone.utc).strftime(_TIME)}"


def find_sets(folder: str, broken: Optional[Dict[str, str]] = None) -> List[BackupSet]:
    """Return the sets in ``folder`` with a readable manifest, the newest first; of any installation.

    ``broken`` gets path → reason of what is named like a set and has none. Links are not followed.
    Raises ``OSError`` where the folder cannot be read; one that does not exist has no sets.
    """
    found = []
    for name in sorted(os.listdir(folder)) if os.path.lexists(folder) else []:
        path = os.path.join(folder, name)
        if not _NAME.match(name) or os.path.islink(path):
            continue
        try:
            found.append(read_set(path))
        except EXPECTED as error:
            if broken is not None:
                broken[path] = message_of(error)
    return sorted(found, key=lambda one: (one.manifest.created, one.path), reverse=True)


def read_set(path: str) -> BackupSet:
    """Return the set that ``path``, a folder or an archive, is. Raises ``SetError`` and ``ManifestError``."""
    path = os.path.abspath(path)
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise SetError(f"{path} cannot be read: {error.strerror}.") from None
    if stat.S_ISDIR(mode):
        manifest_path = os.path.join(path, NAME)
        return BackupSet(path, parse_manifest(_content(path, manifest_path)), manifest_path)
    manifest_path = path + _SIDECAR
    encryption = encryption_of(path)
    if encryption == "":
        raise SetError(f"{path} is not a backup set: it is neither a folder nor named {', '.join(ARCHIVES.values())}.")
    return BackupSet(path, parse_manifest(_content(path, manifest_path)), manifest_path, True, encryption)


def encryption_of(path: str) -> Optional[str]:
    """Return what an archive is encrypted with by its name: None for a plain one, empty where it is not an archive."""
    return next((one for one, ending in ARCHIVES.items() if path.endswith(ending)), "")


def is_archive(name: str) -> bool:
    """Tell whether an archive of a set can have this name."""
    found = _NAME.match(name)
    return found is not None and found.group(3) is not None


def sidecar(path: str) -> str:
    """Return the path of the manifest of an archive."""
    return path + _SIDECAR


def read_files(backup: BackupSet) -> List[FileEntry]:
    """Return the files that are in a set by its manifest. Raises ``SetError`` and ``ManifestError``."""
    return files_of(_content(backup.path, backup.manifest_path))


def is_complete(backup: BackupSet) -> bool:
    """Tell whether all of a set is there, by sizes, without reading it."""
    try:
        return not missing(backup)
    except EXPECTED:
        return False


def missing(backup: BackupSet) -> List[str]:
    """Return what is missing of a set, or has another size, without reading it; a sentence for each kind."""
    if backup.is_archive:
        expected = backup.manifest.archive[0] if backup.manifest.archive else -1
        size = os.stat(backup.path).st_size
        return [] if size == expected else [f"{backup.path} has {size} bytes, and the manifest says {expected}."]
    gone, changed = [], []
    for entry in read_files(backup):
        found = _status(os.path.join(backup.path, entry.path.rstrip("/")))
        if found is None or stat.S_IFMT(found.st_mode) != _kind(entry):
            gone.append(entry.path)
        elif entry.is_file and found.st_size != entry.size:
            changed.append(entry.path)
    problems = [f"{_listed(gone)} missing from {backup.path}."] if gone else []
    return problems + (
        [f"{_listed(changed)} of another size in {backup.path} than the manifest says."] if changed else []
    )


def _kind(entry: FileEntry) -> int:
    return stat.S_IFDIR if entry.is_folder else stat.S_IFLNK if entry.link else stat.S_IFREG


def _listed(names: List[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more} {'is' if len(names) == 1 else 'are'}"


def _status(path: str) -> Optional[os.stat_result]:
    try:
        return os.lstat(path)
    except OSError:
        return None


def _content(path: str, manifest_path: str) -> bytes:
    try:
        if os.stat(manifest_path).st_size > _LARGEST_MANIFEST:
            raise SetError(f"{path} is not a backup set: {manifest_path} is too large for a manifest.")
        with open(manifest_path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        raise SetError(f"{path} is not a complete backup set: {manifest_path} does not exist.") from None
    except OSError as error:
        raise SetError(f"{manifest_path} cannot be read: {error.strerror}.") from None
