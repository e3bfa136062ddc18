# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives of backup sets that are fetched to the controller: a folder for each host, what is there, what is kept."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import datetime
from typing import IO, Any, Callable, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from .._common.atomic_file import put, sync_folder
from .._common.errors import EXPECTED, BitwardenError
from .destination import becomes, create, part, remove_stale_parts, space_problems
from .manifest import parse_manifest
from .reading import HashingReader
from .retention import Dated, Retention, remove_set, superfluous
from .sets import BackupSet, find_sets, is_complete, read_set, sidecar

OPTION = "fetch_dest"
_LARGEST_MANIFEST = 1 << 30


class FetchError(BitwardenError):
    """A set that cannot be fetched, or did not arrive as it was sent. The message names the path."""


class Archive(NamedTuple):
    """The archive of a set on a host, by what module backup returns; ``manifest`` is the manifest's report."""

    path: str
    manifest: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name, on the host and on the controller."""
        return os.path.basename(self.path)

    @property
    def expected(self) -> Tuple[int, str]:
        """Return its size and SHA-256. Raises ``FetchError`` for a folder."""
        archive = self.manifest.get("archive")
        if not archive:
            raise FetchError(f"{self.path} is a folder, and only an archive is fetched. Set format to tar.")
        return int(archive["size"]), str(archive["sha256"])

    @property
    def dated(self) -> Dated:
        """What decides whether it is kept."""
        manifest = parse_manifest(json.dumps({**self.manifest, "files": []}).encode())
        return Dated(manifest.created, manifest.is_verified)


def host_folder(dest: str, host: str) -> str:
    """Return the folder of a host's sets below ``dest``. Raises ``FetchError``."""
    if "/" in host or host in ("", ".", ".."):
        raise FetchError(f"{OPTION}: the host's name {host!r} cannot be the name of a folder.")
    return os.path.join(os.path.realpath(dest), host)


def folder_problems(folder: str) -> List[str]:
    """Return why sets cannot be kept in ``folder``; it need not exist yet."""
    existing = folder
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    if not os.path.isdir(existing):
        return [f"{OPTION}: {existing} on the controller is not a folder. Set {OPTION} to a folder."]
    if not os.access(existing, os.R_OK | os.W_OK | os.X_OK):
        return [f"{OPTION}: this user cannot write to {existing} on the controller."]
    return []


def is_present(folder: str, archive: Archive) -> bool:
    """Tell whether the controller has the archive, with its manifest, by the archive's hash."""
    path = os.path.join(folder, archive.name)
    try:
        if read_set(path).manifest.report() != dict(archive.manifest):
            return False
        with open(path, "rb") as stream:
            return _measured(stream) == archive.expected
    except EXPECTED:
        return False


def receive(folder: str, archive: Archive, read: Callable[[str], Iterator[bytes]]) -> str:
    """Write the archive, and its manifest last; ``read`` gives a file of the host. Return its path here.

    It gets its name when its hash is that of the manifest. Raises ``FetchError`` and ``OSError``.
    """
    create(os.path.dirname(folder))
    create(folder)
    remove_stale_parts(folder)
    problems = space_problems({folder: (archive.expected[0], "the set")}, OPTION)
    if problems:
        raise FetchError(f"On the controller: {' '.join(problems)}")
    text = _joined(read(sidecar(archive.path)), sidecar(archive.path))
    if parse_manifest(text).report() != dict(archive.manifest):
        raise FetchError(f"{sidecar(archive.path)} is not the manifest of the set any more. Run the task again.")
    target = os.path.join(folder, archive.name)
    with part(folder) as path:
        found = _write(path, read(archive.path))
        if found != archive.expected:
            size, digest = archive.expected
            raise FetchError(
                f"{archive.path} arrived with {found[0]} bytes and SHA-256 {found[1]}, and the manifest says {size} "
                f"and {digest}. If it happens again, read the set on the host (backup_info with verify)."
            )
        becomes(path, target)
        os.rename(path, target)
        try:
            put(sidecar(target), text)
        except BaseException:
            os.unlink(target)
            raise
    return target


def prune(
    folder: str, installation_id: str, rule: Retention, now: datetime, new: Optional[Dated], really: bool
) -> List[str]:
    """Remove what the rule does not keep of an installation's archives in ``folder``; return their paths.

    The newest verified one stays. ``new``: a set that check mode predicts.
    """
    if not os.path.isdir(folder):
        return []
    sets = [one for one in find_sets(folder) if one.is_archive and one.manifest.installation_id == installation_id]
    dated: List[Tuple[Dated, Optional[BackupSet]]] = [(_dated(one), one) for one in sets]
    dated = sorted([*dated, *([(new, None)] if new else [])], key=_created, reverse=True)
    removed = [dated[at][1] for at in superfluous([one for one, _set in dated], rule, now)]
    found = [one for one in removed if one is not None]
    for one in found if really else ():
        remove_set(one)
    return [one.path for one in found]


def _dated(backup: BackupSet) -> Dated:
    return Dated(backup.manifest.created, backup.manifest.is_verified and is_complete(backup))


def _created(one: Tuple[Dated, Optional[BackupSet]]) -> datetime:
    return one[0].created


def _write(path: str, chunks: Iterable[bytes]) -> Tuple[int, str]:
    """Write a file open to its owner only; return its size and SHA-256, which are those of what is written."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    size, digest = 0, hashlib.sha256()
    with os.fdopen(descriptor, "wb") as stream:
        for chunk in chunks:
            stream.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        stream.flush()
        os.fsync(descriptor)
    sync_folder(os.path.dirname(path))
    return size, digest.hexdigest()


def _measured(stream: IO[bytes]) -> Tuple[int, str]:
    hashed = HashingReader(stream)
    while hashed.read():
        pass
    return hashed.size, hashed.digest.hexdigest()


def _joined(chunks: Iterable[bytes], path: str) -> bytes:
    text = b""
    for chunk in chunks:
        text += chunk
        if len(text) > _LARGEST_MANIFEST:
            raise FetchError(f"{path} is too large for a manifest.")
    return text
