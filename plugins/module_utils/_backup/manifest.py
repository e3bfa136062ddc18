# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The manifest of a backup set: what the set is of, what is in it, and how it was verified. No secret is in it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

from .._common.dates import format_date, parse_date
from .._common.errors import BitwardenError

#: The form of sets and manifests that this collection writes and reads.
FORMAT = 1
#: The manifest's name inside a set.
NAME = "manifest.json"

BUILT_IN, EXTERNAL, NONE = "built_in", "external", "none"
#: How a set was verified, by what it proves.
STRENGTH = {"none": 0, "checksum": 1, "restore": 2}


class ManifestError(BitwardenError):
    """A text that is not a manifest, or one of a format that is not known here."""


class FileEntry(NamedTuple):
    """A file in the set: ``path`` within the set, permission bits, numbers of its owner; ``link`` is a link's target.

    The path of a folder ends with a slash. A folder and a link have no digest.
    """

    path: str
    size: int = 0
    sha256: str = ""
    mode: int = 0o600
    uid: int = 0
    gid: int = 0
    link: str = ""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.path.endswith("/")

    @property
    def is_file(self) -> bool:
        """Whether it has a content of its own."""
        return not self.is_folder and not self.link


class Database(NamedTuple):
    """The database of the server; ``file`` is its backup within the set, None where the set has none.

    ``kind`` is ``built_in``, ``external`` or ``none`` (built in, and left out on purpose). ``counts_before`` are the
    rows of each table just before the backup, ``counts`` those just after it: a running server writes meanwhile.
    """

    name: str = ""
    kind: str = NONE
    file: Optional[str] = None
    counts: Mapping[str, int] = {}
    newest_migration: Optional[str] = None
    protected_key_ids: Tuple[str, ...] = ()
    counts_before: Mapping[str, int] = {}

    def fits(self, table: str, count: int) -> bool:
        """Tell whether a restored table with ``count`` rows can be that of the backup."""
        after = self.counts.get(table, count)
        before = self.counts_before.get(table, after)
        return min(before, after) <= count <= max(before, after)


class Manifest(NamedTuple):
    """All of a manifest but its list of files, which can be long (``files_of``).

    ``versions`` has core, web, key_connector (texts or None) and engine (a number or None). ``organizations`` are the
    enabled ones: id, and whether the set has a license of each. ``verified``: how (``none``, ``checksum``,
    ``restore``), and at which moment. ``archive`` is the size and SHA-256 of the archive, None for a folder and inside
    an archive. ``owner`` is the user and group of the files on the server.
    """

    created: datetime
    installation_id: str
    url: Optional[str] = None
    versions: Mapping[str, Any] = {}
    database: Database = Database()
    key_ids: Tuple[str, ...] = ()
    owner: Tuple[int, int] = (0, 0)
    organizations: Tuple[Tuple[str, bool], ...] = ()
    verified: str = "none"
    verified_at: Optional[datetime] = None
    archive: Optional[Tuple[int, str]] = None
    file_count: int = 0
    size: int = 0

    @property
    def is_verified(self) -> bool:
        """Whether the set was verified when it was made."""
        return STRENGTH.get(self.verified, 0) > 0

    def report(self) -> Dict[str, Any]:
        """Return it as results show it, and as it is written: without the list of files."""
        uid, gid = self.owner
        return {
            "format": FORMAT,
            "created": format_date(self.created),
            "installation_id": self.installation_id,
            "url": self.url,
            "versions": dict(self.versions),
            "database": {
                **self.database._asdict(),
                "counts": dict(self.database.counts),
                "counts_before": dict(self.database.counts_before),
                "protected_key_ids": list(self.database.protected_key_ids),
            },
            "key_ids": list(self.key_ids),
            "owner": {"uid": uid, "gid": gid},
            "organizations": [{"id": one, "license": present} for one, present in self.organizations],
            "verified": {"how": self.verified, "at": format_date(self.verified_at)},
            "archive": None if self.archive is None else {"size": self.archive[0], "sha256": self.archive[1]},
            "file_count": self.file_count,
            "size": self.size,
        }

    def render(self, files: Iterable[FileEntry]) -> Iterable[bytes]:
        """Yield the text of the manifest, one file a line, so that no more than that is in memory."""
        yield json.dumps(self.report(), indent=1)[:-2].encode() + b',\n "files": ['
        separator = b"\n"
        for one in files:
            yield separator + b"  " + json.dumps(one._asdict()).encode()
            separator = b",\n"
        yield b"\n ]\n}\n"


def parse_manifest(text: bytes) -> Manifest:
    """Parse the text of a manifest. Raises ``ManifestError``."""
    return _manifest(_loaded(text))


def files_of(text: bytes) -> List[FileEntry]:
    """Return the files that a manifest lists. Raises ``ManifestError``."""
    try:
        return [_entry(one) for one in _loaded(text)["files"]]
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(error) from None


def _loaded(text: bytes) -> Dict[str, Any]:
    try:
        data = json.loads(text)
        number = data["format"]
    except (ValueError, KeyError, TypeError):
        raise ManifestError("The manifest is not that of a backup set: it is not JSON with a format.") from None
    if number != FORMAT:
        raise ManifestError(
            f"The manifest has format {number}, and only {FORMAT} is known here. Use the release of this collection "
            "that made the set, or a later one."
        )
    loaded: Dict[str, Any] = data
    return loaded


def _manifest(data: Dict[str, Any]) -> Manifest:
    try:
        created, database, verified = parse_date(data["created"]), data["database"], data["verified"]
        archive = data.get("archive")
        if created is None:
            raise ValueError("created")
        return Manifest(
            created,
            str(data["installation_id"]),
            data["url"],
            dict(data["versions"]),
            Database(
                str(database["name"]),
                str(database["kind"]),
                database["file"],
                _counts(database["counts"]),
                database["newest_migration"],
                tuple(map(str, database["protected_key_ids"])),
                _counts(database["counts_before"]),
            ),
            tuple(map(str, data["key_ids"])),
            (int(data["owner"]["uid"]), int(data["owner"]["gid"])),
            tuple((str(one["id"]), bool(one["license"])) for one in data["organizations"]),
            str(verified["how"]),
            parse_date(verified["at"]),
            None if archive is None else (int(archive["size"]), str(archive["sha256"])),
            int(data["file_count"]),
            int(data["size"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(error) from None


def _counts(data: Mapping[str, Any]) -> Dict[str, int]:
    return {str(table): int(count) for table, count in data.items()}


def _entry(data: Dict[str, Any]) -> FileEntry:
    entry = FileEntry(
        str(data["path"]),
        int(data["size"]),
        str(data["sha256"]),
        int(data["mode"]) & 0o7777,
        int(data["uid"]),
        int(data["gid"]),
        str(data["link"]),
    )
    # It is joined to the path of a folder.
    if entry.path.startswith("/") or ".." in entry.path.split("/"):
        raise ValueError(entry.path)
    return entry


def _damaged(error: Exception) -> ManifestError:
    return ManifestError(f"The manifest is damaged: {type(error).__name__} at {error}.")
