# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a set cannot be restored on a host, found before anything is touched: each problem with what to do."""

from __future__ import annotations

import os
from typing import Iterator, List, NamedTuple, Optional, Sequence

from .._backup.compatibility import year
from .._backup.manifest import BUILT_IN, Manifest
from .._common.versions import version_numbers
from .._database.key_ring import key_ids_in
from .._deployment.problem import Problem
from .._settings.types import guid_text
from .here import DATA, Here
from .login import ApiKey
from .parts import BWDATA, DUMP, GENERATED, KEY_RING, LICENSES, by_part, part_of, place_of
from .source import Source, keeps_generated

_SHOWN = 3
# What is left free beside what the restore writes.
_SPARE = 64 << 20

#: Files without which a set cannot be restored, and of which part each is.
_NEEDED = ("bwdata/env/global.override.env", "bwdata/env/mssql.override.env", "bwdata/identity/identity.pfx")


class RestoreRequest(NamedTuple):
    """What the user asks for: durations in seconds, paths on the host.

    ``identity`` decrypts the set, ``safety_dest`` is the folder of the safety backup. ``login`` is a
    key (secret) to log in with as proof.
    """

    set: str
    confirm: str
    allow_other_installation: bool = False
    allow_other_url: bool = False
    safety_backup: bool = True
    safety_dest: str = "/var/backups/bitwarden"
    rollback: bool = True
    pull: bool = True
    wait_timeout: float = 600.0
    database_timeout: float = 7200.0
    identity: Optional[str] = None
    login: Optional[ApiKey] = None


def set_problems(source: Source, request: RestoreRequest) -> Iterator[Problem]:
    """Yield what is wrong with the set itself, and with what the user says about it."""
    manifest, found = source.manifest, source.difference
    if guid_text(request.confirm) != guid_text(manifest.installation_id):
        yield Problem(
            f"The set is of installation {manifest.installation_id}, and confirm is {request.confirm}. Set confirm to "
            "the id of the installation whose data is to replace what is on this host."
        )
    yield from map(Problem, found.damage)
    for seen, paths in (("lacks", found.missing), ("has other content than its manifest says in", found.changed)):
        for part, names in by_part(paths).items():
            yield Problem(
                f"The set {source.backup.path} {seen} {_listed(names)} ({part.name}). Restored like that, this would "
                f"be lost: {part.lost}. Restore another set."
            )
    yield from _incomplete(source)


def _incomplete(source: Source) -> Iterator[Problem]:
    """Yield what a server needs and the set, by its own manifest, does not have."""
    manifest, database = source.manifest, source.manifest.database
    if database.kind != BUILT_IN or source.dump is None:
        yield Problem(
            f"The set {source.backup.path} has no backup of a built-in database (database: {database.kind}), which "
            f"holds {DUMP.lost}. Restore a set with the database; restore an external one with its own tools, and "
            "put the files of the set back by hand."
        )
    present = {entry.path for entry in source.files}
    for path in _NEEDED:
        if path not in present:
            part = part_of(path)
            yield _lacking(source, path, part.name, part.lost)
    keys = set(key_ids_in(present))
    for key in database.protected_key_ids:
        if key not in keys:
            path = f"{KEY_RING.beginnings[0]}key-{key}.xml"
            yield _lacking(source, path, KEY_RING.name, KEY_RING.lost)
    for organization, licensed in manifest.organizations:
        path = f"{LICENSES.beginnings[0]}organization/{organization}.json"
        if licensed and not any(name.lower() == path.lower() for name in present):
            yield _lacking(source, path, LICENSES.name, LICENSES.lost)


def _lacking(source: Source, path: str, name: str, lost: str) -> Problem:
    return Problem(
        f"The set {source.backup.path} was made without {path} ({name}). Restored like that, this would be lost: "
        f"{lost}. Restore another set."
    )


def host_problems(source: Source, here: Here, request: RestoreRequest) -> Iterator[Problem]:
    """Yield why this host cannot have the set, or not without losing something that the user has not allowed."""
    manifest = source.manifest
    yield from _of_another_version(manifest, here)
    other = here.installation_id and guid_text(manifest.installation_id) != here.installation_id
    if other and not request.allow_other_installation:
        yield Problem(
            f"The set is of installation {manifest.installation_id}, and this server is {here.installation_id}. The "
            "server would become the other installation, with its accounts, key and licenses; two servers with one id "
            "must not run at the same time. If that is meant, set allow_other_installation to true."
        )
    moved = _address(manifest.url) and _address(here.url) not in (None, _address(manifest.url))
    if moved and not request.allow_other_url:
        yield Problem(
            f"The set is of {manifest.url}, and this server is {here.url}. The server would be {manifest.url}: its "
            f"name and certificate have to lead here, and clients, passkeys and single sign-on of {here.url} stop "
            "working. If that is meant, set allow_other_url to true."
        )
    yield from _database_problems(source, here)
    yield from _place_problems(source, here)


def _of_another_version(manifest: Manifest, here: Here) -> Iterator[Problem]:
    theirs, ours = version_numbers(manifest.versions.get("core")), version_numbers(here.version)
    if not ours:
        yield Problem(
            "The version of Bitwarden on this host is not known: neither Compose, docker-compose.yml nor bitwarden.sh "
            "tells it. Install the version of the set first."
        )
    elif theirs > ours:
        yield Problem(
            f"The set is of Bitwarden {manifest.versions.get('core')}, and this host has {here.version}, which cannot "
            "use its database. Update this host to that version first."
        )
    engine = manifest.versions.get("engine")
    if engine and here.engine and int(engine) > here.engine:
        yield Problem(
            f"The database in the set is of SQL Server {year(int(engine))}, and this host has SQL Server "
            f"{year(here.engine)}, which cannot read it. Use an image of mssql that is as new."
        )


def _database_problems(source: Source, here: Here) -> Iterator[Problem]:
    if not moves_data(source, here):
        return
    if here.in_volume:
        yield Problem(
            "SQL Server on this host has another password than the set, and its files are in a Docker volume "
            "(database_docker_volume), which is not replaced here. Remove the volume mssql_data while the server is "
            "stopped, if nothing in it is needed."
        )
    elif source.user.lower() != "sa":
        yield Problem(
            f"The server in the set connects to the database as {source.user}, and SQL Server on this host has another "
            "password than the set. Create that login here with its password, and make SA_PASSWORD the same."
        )


def moves_data(source: Source, here: Here) -> bool:
    """Tell whether the files of SQL Server have to make room: it keeps the password that it was made with."""
    different = None not in (source.password, here.password) and source.password != here.password
    data = os.path.join(here.bwdata, DATA)
    return different and (here.in_volume or (os.path.isdir(data) and bool(os.listdir(data))))


def _place_problems(source: Source, here: Here) -> Iterator[Problem]:
    bwdata, units, needed = here.bwdata, source.units(True), _space(source)
    status = os.statvfs(bwdata)
    free = status.f_bavail * status.f_frsize
    if needed > free:
        yield Problem(
            f"{bwdata} has {free} bytes of free space, and the restore needs {needed}: it keeps the old files until "
            "the new ones are proven. Make room, or remove old backups."
        )
    for path in mount_points(bwdata, units):
        yield Problem(
            f"{path} is a mount point or a link to another place, and a restore replaces folders by renaming them. "
            "Unmount it, or replace the link by the folder, for the time of the restore."
        )


def _space(source: Source) -> int:
    """Return how much is written: the files, the dump where SQL Server reads it, and the database from it."""
    dump = source.dump.size if source.dump else 0
    return sum(entry.size for entry in source.files if entry.path.startswith(BWDATA)) + dump + dump + _SPARE


def mount_points(bwdata: str, units: Sequence[str], mounts: Optional[Sequence[str]] = None) -> List[str]:
    """Return the mount points and links among what is to be replaced. ``mounts`` are all of the host."""
    real = os.path.realpath(bwdata)
    targets = [os.path.join(real, unit) for unit in units]
    found = {path for unit in units for path in _links(os.path.join(bwdata, unit))}
    for mount in _mounts() if mounts is None else mounts:
        if any(mount == target or mount.startswith(target + os.sep) for target in targets):
            found.add(mount)
    return sorted(found)


def _links(unit: str) -> Iterator[str]:
    """Yield a folder that is a link, and those in it: what they lead to would be left behind."""
    if os.path.islink(unit):
        yield unit
    elif os.path.isdir(unit):
        for name in os.listdir(unit):
            path = os.path.join(unit, name)
            if os.path.islink(path) and os.path.isdir(path):
                yield path


def _mounts() -> List[str]:
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as stream:
            return [line.split()[4].replace("\\040", " ") for line in stream if len(line.split()) > 4]
    except OSError:
        return []


def needs_rebuild(source: Source, here: Here) -> bool:
    """Tell whether the setup tool has to generate its files again: from another config.yml, or as they are gone."""
    stays = keeps_generated(source, here)
    brought = set() if stays else {place_of(entry, stays) for entry in source.files}
    if not all(path in brought or os.path.isfile(os.path.join(here.bwdata, path)) for path in GENERATED):
        return True
    return stays and source.config is not None and source.config != _config(here.bwdata)


def rebuild_problems(here: Here) -> Iterator[Problem]:
    """Yield why ``bitwarden.sh rebuild`` cannot be run: it writes the version of the script into the Compose file."""
    if here.version and here.script_version and version_numbers(here.version) != version_numbers(here.script_version):
        yield Problem(
            f"The files that the setup tool generates have to be generated again (bitwarden.sh rebuild), and "
            f"bitwarden.sh is of {here.script_version} while the server is of {here.version}: that would update it. "
            "Use the script of the server's version, or update the server first."
        )


def _config(bwdata: str) -> Optional[str]:
    try:
        with open(os.path.join(bwdata, "config.yml"), encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return None


def warnings_of(source: Source, here: Here, request: RestoreRequest) -> List[str]:
    """Return what the user should know, and does not stop the restore."""
    manifest, found = source.manifest, []
    if not manifest.is_verified:
        found.append(f"The set {source.backup.path} was not verified when it was made.")
    theirs = version_numbers(manifest.versions.get("core"))
    if theirs and theirs < version_numbers(here.version):
        found.append(
            f"The database is of Bitwarden {manifest.versions['core']}. The server migrates it to {here.version} when "
            "it starts."
        )
    if not request.safety_backup and here.has_data:
        found.append(
            "Without a safety backup nothing of what is on this host now can come back once the database is replaced."
        )
    if moves_data(source, here):
        found.append(
            f"SQL Server on this host has another password than the set. Its files are moved aside below "
            f"{here.bwdata}/mssql and kept; other databases and logins are only there from then on."
        )
    return found


def _address(url: Optional[str]) -> Optional[str]:
    return url.rstrip("/").lower() if url else None


def _listed(names: List[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
