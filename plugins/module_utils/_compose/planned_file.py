# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a planned env file would give the services, computed beside what Compose gives them now. Writes nothing."""

from __future__ import annotations

import contextlib
import glob
import os
from typing import Callable, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .._env_files.document import EnvFile, EnvFileError
from .._env_files.variables import substitute
from .composition import Composition, EnvSource, Service, Sources

# Who reads these files in every standard deployment.
_STANDARD = {
    "global.override.env": {"api", "identity", "sso", "admin", "notifications", "events", "scim"},
    "mssql.override.env": {"mssql"},
    "key-connector.override.env": {"key-connector"},
}


class PlannedFile(NamedTuple):
    """An env file that is to change: its ``path`` on the host, its bytes now and as they are planned."""

    path: str
    before: bytes
    after: bytes


class Reader(NamedTuple):
    """How Compose reads the project's env files.

    ``environment`` is what ``$NAME`` can refer to; ``content`` returns the bytes of a file, None where it is missing.
    """

    folder: str
    environment: Mapping[str, str]
    content: Callable[[str], Optional[bytes]]

    def path(self, source: EnvSource) -> str:
        """Return the path of an env file, with the variables in it filled in."""
        # Compose has put the project's folder before what it had not filled in.
        written = source.path[len(self.folder) + 1 :] if source.path.startswith(self.folder + "/") else source.path
        if "$" not in written:
            return source.path
        return os.path.normpath(os.path.join(self.folder, substitute(written, self.environment.get)))

    def values(self, sources: Sources, planned: PlannedFile, content: bytes) -> Dict[str, str]:
        """Return what a service gets from all of its env files, with ``content`` in place of the planned one."""
        found: Dict[str, str] = {}
        for source in sources.files:
            path = self.path(source)
            data = content if same_file(path, planned.path) else self.content(path)
            if data is None:
                continue
            if source.raw:
                lines = [line.partition("=") for line in data.decode("utf-8", "replace").splitlines()]
                found.update({name: value for name, equals, value in lines if equals and not name.startswith("#")})
            else:
                found.update(EnvFile.parse(data, path, {**self.environment, **found}).values())
        return found


def with_planned(
    composition: Composition, sources: Optional[Mapping[str, Sources]], planned: PlannedFile, reader: Reader
) -> Composition:
    """Return what Compose would create with the planned file in place of the one on disk.

    ``sources`` are those of each service, None where this Compose does not tell them: then the values show them.
    Raises ``EnvFileError``, ``VariableError``.
    """
    changed = dict(composition.services)
    named = _names(planned, reader) if sources is None else []
    for name, service in composition.services.items():
        read = _shown_by_values(service, named, planned) if sources is None else sources.get(name)
        if read is None or not any(same_file(reader.path(one), planned.path) for one in read.files):
            continue
        if planned.before == planned.after:
            changed[name] = service._replace(reads_file=True)
            continue
        before, after = (reader.values(read, planned, content) for content in (planned.before, planned.after))
        own = _from_elsewhere(service, before, after) if sources is None else read.own
        changed[name] = _changed(service, before, after, own)
    return composition._replace(services=changed)


def same_file(one: str, other: str) -> bool:
    """Tell whether two paths are the same file."""
    return os.path.realpath(one) == os.path.realpath(other)


def _changed(service: Service, before: Mapping[str, str], after: Mapping[str, str], own: FrozenSet[str]) -> Service:
    """Return a service that reads the file; names in ``own`` keep their values."""
    environment = dict(service.environment)
    for name in {*before, *after} - own:
        if name not in after:
            environment.pop(name, None)
        elif before.get(name) != after[name]:
            environment[name] = after[name]
    return service._replace(environment=environment, reads_file=True)


def _names(planned: PlannedFile, reader: Reader) -> List[Tuple[EnvSource, FrozenSet[str]]]:
    """Return the project's env files, each with its names, the planned one last; only that one where it stays.

    What Compose could not parse is left out.
    """
    others = _env_files(reader.folder, planned.path) if planned.before != planned.after else []
    found = []
    for path in [*others, planned.path]:
        source = EnvSource(path, False)
        with contextlib.suppress(EnvFileError):
            values = reader.values(Sources((source,), frozenset()), planned, planned.before)
            found.append((source, frozenset(values)))
    return found


def _shown_by_values(
    service: Service, named: Sequence[Tuple[EnvSource, FrozenSet[str]]], planned: PlannedFile
) -> Sources:
    """Return the env files all of whose names a service has, the planned one last, as in every standard deployment."""
    standard = service.name in _STANDARD.get(os.path.basename(planned.path), ())
    files = [
        source
        for source, names in named
        if (names <= service.environment.keys() if names else standard and source.path == planned.path)
    ]
    return Sources(tuple(files), frozenset())


def _from_elsewhere(service: Service, before: Mapping[str, str], after: Mapping[str, str]) -> FrozenSet[str]:
    """Return the names that a service has with another value than its env files give, so that those count less."""
    return frozenset(name for name in {*before, *after} if service.environment.get(name) != before.get(name))


def _env_files(folder: str, planned: str) -> List[str]:
    folders = (folder, os.path.join(os.path.dirname(folder), "env"))
    found = [path for one in folders for path in sorted(glob.glob(os.path.join(glob.escape(one), "*.env")))]
    return [path for path in found if not same_file(path, planned)]
