# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a set cannot be restored on a host, found before anything is touched: each problem with what to do."""

from __future__ import annotations

import os
from typing import Iterator, List, NamedTuple, Optional, Sequence

from .._backup.compatibility import year
from .._backup.manifest import BUILT_IN, Manifest
from .._common.problem import Problem
from .._common.versions import version_numbers
from .._database.key_ring import key_ids_in
from .._settings.types import guid_text
from .course import Course, engine_in
from .here import Here
from .links import below_a_link
from .login import ApiKey
from .parts import BWDATA, DUMP, GENERATED, KEY_RING, LICENSES, RUN_SCRIPT, SCRIPT, by_part, part_of
from .source import Source

_SHOWN = 3
# What is left free beside what the restore writes.
_SPARE = 64 << 20

#: Files without which a set cannot be restored, and of which part each is.
_NEEDED = ("bwdata/env/global.override.env", "bwdata/env/mssql.override.env", "bwdata/identity/identity.pfx")
#: Those without which its version cannot come with it.
_OF_RELEASE = (SCRIPT, RUN_SCRIPT, f"{BWDATA}config.yml", *(BWDATA + path for path in GENERATED))


class RestoreRequest(NamedTuple):
    """What the user asks for: durations in seconds, paths on the host.

    ``identity`` decrypts the set, ``safety_dest`` is the folder of the safety backup. ``login`` is a
    key (secret) to log in with as proof, ``owner`` the user who owns the server on a new host.
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
    allow_other_version: bool = False
    owner: Optional[str] = None


def set_problems(source: Source, request: RestoreRequest, course: Optional[Course] = None) -> Iterator[Problem]:
    """Yield what is wrong with the set itself, and with what the user says about it."""
    manifest, found = source.manifest, source.difference
    if guid_text(request.confirm) != guid_text(manifest.installation_id):
        yield Problem(
            f"The set is of installation {manifest.installation_id}, and confirm is {request.confirm}. Set confirm to "
            "the id of the installation whose data is to replace what is on this host."
        )
    yield from map(Problem, found.damage)
    misplaced = below_a_link(source.files)
    if misplaced:
        yield Problem(
            f"The set {source.backup.path} has files below links of its own: {_listed(misplaced)}. Restore another set."
        )
    for seen, paths in (("lacks", found.missing), ("has other content than its manifest says in", found.changed)):
        for part, names in by_part(paths).items():
            yield Problem(
                f"The set {source.backup.path} {seen} {_listed(names)} ({part.name}). Restored like that, this would "
                f"be lost: {part.lost}. Restore another set."
            )
    yield from _incomplete(source, course is not None and course.brings)


def _incomplete(source: Source, brings: bool) -> Iterator[Problem]:
    """Yield what a server needs and the set, by its own manifest, does not have."""
    manifest, database = source.manifest, source.manifest.database
    if database.kind != BUILT_IN or source.dump is None:
        yield Problem(
            f"The set {source.backup.path} has no backup of a built-in database (database: {database.kind}), which "
            f"holds {DUMP.lost}. Restore a set with the database; restore an external one with its own tools, and "
            "put the files of the set back by hand."
        )
    present = {entry.path for entry in source.files}
    for path in (*_NEEDED, *(_OF_RELEASE if brings else ())):
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


def host_problems(source: Source, here: Here, request: RestoreRequest, course: Course) -> Iterator[Problem]:
    """Yield why this host cannot have the set, or not without losing something that the user has not allowed."""
    manifest = source.manifest
    yield from () if course.brings else _of_another_version(manifest, here)
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
    yield from _database_problems(source, here, course)
    yield from _place_problems(source, here, course)


def _of_another_version(manifest: Manifest, here: Here) -> Iterator[Problem]:
    theirs, ours = version_numbers(manifest.versions.get("core")), version_numbers(here.version)
    if not ours:
        yield Problem(
            "The version of Bitwarden on this host is not known: neither Compose, docker-compose.yml nor bitwarden.sh "
            "tells it. To have the version of the set, set allow_other_version to true."
        )
    elif theirs > ours:
        yield Problem(
            f"The set is of Bitwarden {manifest.versions.get('core')}, and this host has {here.version}, which cannot "
            "use its database. Update this host to that version first, or have the version of the set with its "
            "scripts and images: set allow_other_version to true."
        )
    engine = manifest.versions.get("engine")
    if engine and here.engine and int(engine) > here.engine:
        yield Problem(
            f"The database in the set is of SQL Server {year(int(engine))}, and this host has SQL Server "
            f"{year(here.engine)}, which cannot read it. Use an image of mssql that is as new."
        )


def _database_problems(source: Source, here: Here, course: Course) -> Iterator[Problem]:
    if course.moves_data and here.in_volume:
        yield Problem(
            "SQL Server on this host has another password or version than the set, and its files are in a Docker "
            "volume (database_docker_volume), which is not replaced here. Remove the volume mssql_data while the "
            "server is stopped, if nothing in it is needed."
        )
    elif (course.moves_data or here.is_new) and source.user.lower() != "sa":
        yield Problem(
            f"The server in the set connects to the database as {source.user}, and SQL Server begins with an empty "
            "folder here, in which only the login sa exists. Restore on a host whose SQL Server has that login, with "
            "the same SA_PASSWORD as in the set."
        )


def _place_problems(source: Source, here: Here, course: Course) -> Iterator[Problem]:
    bwdata, units, needed = here.bwdata, source.units(course.stays, course.brings), space_needed(source)
    status = os.statvfs(_existing(bwdata))
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


def _existing(path: str) -> str:
    """Return ``path``, or the folder that it is to be made in."""
    return path if os.path.isdir(path) else _existing(os.path.dirname(path))


def space_needed(source: Source) -> int:
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


def rebuild_problems(here: Here) -> Iterator[Problem]:
    """Yield why ``bitwarden.sh rebuild`` cannot be run: it writes the version of the script into the Compose file."""
    if here.version and here.script_version and version_numbers(here.version) != version_numbers(here.script_version):
        yield Problem(
            f"The files that the setup tool generates have to be generated again (bitwarden.sh rebuild), and "
            f"bitwarden.sh is of {here.script_version} while the server is of {here.version}: that would update it. "
            "Use the script of the server's version, or update the server first."
        )


def warnings_of(source: Source, here: Here, request: RestoreRequest, course: Course) -> List[str]:
    """Return what the user should know, and does not stop the restore."""
    manifest, found = source.manifest, []
    version = manifest.versions.get("core")
    if not manifest.is_verified:
        found.append(f"The set {source.backup.path} was not verified when it was made.")
    if here.is_new:
        found.append(
            f"The installation {manifest.installation_id} comes to this host. Make sure that it does not run elsewhere "
            f"any more, and that {manifest.url} leads here."
        )
    elif course.brings:
        found.append(
            f"The server goes from {here.version or 'an unknown version'} to {version} with the scripts, generated "
            "files and images of the set. What was written since the set was made is lost."
        )
    elif version_numbers(version) and version_numbers(version) < version_numbers(here.version):
        found.append(
            f"The database is of Bitwarden {version}. The server migrates it to {here.version} when it starts."
        )
    if not request.safety_backup and here.has_data:
        found.append(
            "Without a safety backup nothing of what is on this host now can come back once the database is replaced."
        )
    if course.moves_data:
        found.append(_moved(source, here, course))
    return found


def _moved(source: Source, here: Here, course: Course) -> str:
    engine = engine_in(source)
    differs = "another password than the set"
    if course.brings and None not in (engine, here.engine) and engine != here.engine:
        differs = f"files of SQL Server {year(here.engine or 0)}, and the set is of SQL Server {year(engine or 0)}"
    return (
        f"SQL Server on this host has {differs}. Its files are moved aside below {here.bwdata}/mssql and kept; other "
        "databases and logins are only there from then on."
    )


def _address(url: Optional[str]) -> Optional[str]:
    return url.rstrip("/").lower() if url else None


def _listed(names: List[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
