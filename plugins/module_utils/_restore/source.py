# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A set that is to be restored, read as a whole: its files, and how it differs from its manifest."""

from __future__ import annotations

from types import MappingProxyType
from typing import IO, Callable, ContextManager, Dict, List, Mapping, NamedTuple, Optional, Tuple

from .._backup.manifest import FileEntry, Manifest
from .._backup.sets import BackupSet, SetError, read_files, read_set
from .._common.errors import EXPECTED, message_of
from .._common.setting_names import SQL_CONNECTION_STRING
from .._database.connection_string import parse_connection_string
from .._env_files.document import EnvFile, EnvFileError
from .here import Size
from .parts import BWDATA, RUN_SCRIPT, SCRIPT, place_of, unit_of
from .reading import Difference, compare

_CONFIG = f"{BWDATA}config.yml"
_MSSQL = f"{BWDATA}env/mssql.override.env"
_GLOBAL = f"{BWDATA}env/global.override.env"
_COMPOSE = (f"{BWDATA}docker/docker-compose.yml", f"{BWDATA}docker/docker-compose.override.yml")
_DOCKER = f"{BWDATA}docker/"


class Source(NamedTuple):
    """A set that was read: its files, how it differs from its manifest, and its texts that matter here.

    ``password`` (secret) is that of SQL Server, ``user`` the one in the connection string, ``config`` the text of
    ``config.yml``, ``settings`` (some are secret) those of its env files. ``texts`` are its scripts and the files below
    ``docker``, by their paths in the set.
    """

    backup: BackupSet
    files: List[FileEntry]
    difference: Difference
    password: Optional[str] = None
    user: str = "sa"
    config: Optional[str] = None
    settings: Mapping[str, str] = MappingProxyType({})
    texts: Mapping[str, bytes] = MappingProxyType({})

    @property
    def manifest(self) -> Manifest:
        """The manifest of the set."""
        return self.backup.manifest

    @property
    def compose(self) -> Tuple[str, ...]:
        """The texts of its Compose files."""
        return tuple(self.texts[name].decode("utf-8", "replace") for name in _COMPOSE if name in self.texts)

    @property
    def dump(self) -> Optional[FileEntry]:
        """The backup of the database."""
        return next((one for one in self.files if one.path == self.manifest.database.file), None)

    def units(self, generated_stays: bool, brings: bool = False) -> List[str]:
        """Return what is replaced below bwdata. The arguments are as in ``place_of``."""
        places = (place_of(entry, generated_stays, brings) for entry in self.files)
        return sorted({unit_of(place) for place in places if place})

    def size_of(self, unit: str, generated_stays: bool, brings: bool = False) -> Size:
        """Return number and size of the files that the set has for a unit."""
        places = ((entry, place_of(entry, generated_stays, brings)) for entry in self.files if not entry.is_folder)
        mine = [entry.size for entry, place in places if place and unit_of(place) == unit]
        return Size(len(mine), sum(mine))


def read_source(path: str, opened: Callable[[BackupSet], ContextManager[Optional[IO[bytes]]]]) -> Source:
    """Read a set as a whole. Raises ``SetError`` and ``ManifestError`` where it is not a set."""
    backup = read_set(path)
    files = read_files(backup)
    release = [one.path for one in files if one.path.startswith(_DOCKER) or one.path in (SCRIPT, RUN_SCRIPT)]
    wanted = frozenset((_CONFIG, _MSSQL, _GLOBAL, *release))
    try:
        with opened(backup) as stream:
            difference, texts = compare(backup, files, stream, wanted)
            if stream is not None and difference.damage:
                # It may be that it could not be decrypted, which the program has said.
                raise SetError(difference.damage[0])
    except EXPECTED as error:
        difference, texts = Difference([], [], [message_of(error)]), {}
    settings, database = (_values(texts.get(name), name) for name in (_GLOBAL, _MSSQL))
    connection = parse_connection_string(settings.get(SQL_CONNECTION_STRING, ""))
    config = texts.get(_CONFIG)
    return Source(
        backup,
        files,
        difference,
        database.get("SA_PASSWORD"),
        connection.user or "sa",
        None if config is None else config.decode("utf-8", "replace"),
        {**settings, **database},
        {name: texts[name] for name in release if name in texts},
    )


def _values(text: Optional[bytes], name: str) -> Dict[str, str]:
    try:
        return EnvFile.parse(text or b"", name).values()
    except EnvFileError:
        return {}
