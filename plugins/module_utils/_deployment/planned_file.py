# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a planned env file would give the services, computed beside what Compose gives them now. Writes nothing."""

from __future__ import annotations

import contextlib
import glob
import os
from typing import Callable, Dict, FrozenSet, List, Mapping, NamedTuple, Optional

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
    for name, service in composition.services.items():
        read = _shown_by_values(service, planned, reader) if sources is None else sources.get(name)
        if read is not None and any(same_file(reader.path(one), planned.path) for one in read.files):
            before = reader.values(read, planned, planned.before)
            after = reader.values(read, planned, planned.after)
            changed[name] = _changed(service, before, after, read.own)
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


def _shown_by_values(service: Service, planned: PlannedFile, reader: Reader) -> Sources:
    """Return the env files all of whose names a service has, the planned one last, as in every standard deployment."""
    standard = service.name in _STANDARD.get(os.path.basename(planned.path), ())
    files = []
    for path in [*_env_files(reader.folder, planned.path), planned.path]:
        source = EnvSource(path, False)
        data = planned.before if path == planned.path else reader.content(path) or b""
        with contextlib.suppress(EnvFileError):
            names = reader.values(Sources((source,), frozenset()), planned, data).keys()
            if names <= service.environment.keys() if names else standard and path == planned.path:
                files.append(source)
    sources = Sources(tuple(files), frozenset())
    before, after = (reader.values(sources, planned, data) for data in (planned.before, planned.after))
    # A name with another value comes from elsewhere, which counts more.
    own = {name for name in {*before, *after} if service.environment.get(name) != before.get(name)}
    return Sources(sources.files, frozenset(own))


def _env_files(folder: str, planned: str) -> List[str]:
    folders = (folder, os.path.join(os.path.dirname(folder), "env"))
    found = [path for one in folders for path in sorted(glob.glob(os.path.join(glob.escape(one), "*.env")))]
    return [path for path in found if not same_file(path, planned)]
