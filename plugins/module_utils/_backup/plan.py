# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a backup: all that can be known before, with every problem at once. It only reads."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, TypeVar

from .._common.errors import EXPECTED, RunError, message_of
from .._common.setting_names import INSTALLATION_ID, VAULT_URL
from .._database import statements
from .._database.inspection import Configured, configured, engine_version, read_facts, running_server
from .._database.key_ring import FOLDER, key_ids_on_disk
from .._database.sqlcmd import SqlServer
from .._deployment.deployment import Deployment
from .._deployment.drift import Stack
from .._settings.types import guid_text
from .destination import destination_problems, space_problems
from .dump import backups_folder
from .encryption import Encryption, find_encryption, recipient_problems
from .manifest import BUILT_IN, EXTERNAL, NONE
from .retention import Dated, Retention, newest_usable, superfluous
from .sets import BackupSet, find_sets
from .sources import Survey, database_size, survey

T = TypeVar("T")
_SHOWN = 5


class BackupError(RunError):
    """The backup cannot be made, or was not."""


class BackupRequest(NamedTuple):
    """What is asked for. ``encrypt``: the program (None: any) and the recipients. Times are in seconds.

    ``option`` is the name of the option that sets ``dest``.
    """

    dest: str
    max_age: float = 0.0
    retention: Retention = Retention()
    database: Optional[str] = None
    stopped: bool = False
    verify: str = "checksum"
    archive: bool = False
    encrypt: Optional[Tuple[Optional[str], Sequence[str]]] = None
    timeout: float = 7200.0
    wait_timeout: float = 600.0
    option: str = "dest"


class BackupPlan(NamedTuple):
    """A backup that can be made. ``current`` is the set that makes it unnecessary, if any; then no more is known.

    ``sets`` are those of this installation, the newest first. ``versions`` are those of the images.
    """

    deployment: Deployment
    stack: Stack
    request: BackupRequest
    now: datetime
    installation_id: str
    url: Optional[str]
    versions: Mapping[str, Optional[str]]
    database: Configured
    kind: str
    sets: Sequence[BackupSet]
    current: Optional[BackupSet] = None
    server: Optional[SqlServer] = None
    engine: Optional[int] = None
    encryption: Optional[Encryption] = None
    warnings: Sequence[str] = ()

    def superfluous(self, made: bool) -> List[BackupSet]:
        """Return the sets that the retention removes; ``made``: after the new set was made."""
        new = [Dated(self.now, self.request.verify != "none")] if made else []
        known = [Dated(one.manifest.created, one.manifest.is_verified) for one in self.sets]
        positions = superfluous([*new, *known], self.request.retention, self.now)
        return [self.sets[at - len(new)] for at in positions if at >= len(new)]


class _Planning:
    """Gathers the problems of one plan."""

    def __init__(self, deployment: Deployment, request: BackupRequest) -> None:
        self.deployment = deployment
        self.request = request
        self.problems: List[str] = []
        self.warnings: List[str] = []

    def read(self, call: Callable[[], T]) -> Optional[T]:
        """Return what ``call`` returns; an expected error is a problem."""
        try:
            return call()
        except EXPECTED as error:
            self.problems.append(message_of(error))
            return None

    def encryption(self) -> Optional[Encryption]:
        """Return the program that encrypts, its recipients checked."""
        if self.request.encrypt is None:
            return None
        name, recipients = self.request.encrypt
        found = self.read(lambda: find_encryption(name, recipients, self.deployment.commands.find))
        self.problems += recipient_problems(found) if found else []
        return found

    def files(self, size: int) -> None:
        """Check that all files can be read, and that there is space for them and a database of ``size`` bytes."""
        found = survey(self.deployment.bwdata, self.deployment.script.path)
        self.problems += _unreadable(found)
        if found.special:
            self.warnings.append(
                f"Not in the set, as they are neither files, folders nor links: {_listed(found.special)}."
            )
        if found.outside:
            self.warnings.append(
                f"Of links that lead out of bwdata only the link is in the set: {_listed(found.outside)}. Back up what "
                "they lead to."
            )
        if not os.path.isfile(self.deployment.script.path):
            self.warnings.append(f"{self.deployment.script.path} does not exist, so the set is without bitwarden.sh.")
        needs = {self.request.dest: (found.size + size, "the set")}
        if size:
            needs[backups_folder(self.deployment.bwdata)] = (size, "the backup that the database writes")
        if size and self.request.verify == "restore":
            data = os.path.join(self.deployment.bwdata, "mssql", "data")
            needs[data] = (database_size(self.deployment.bwdata, logs=True), "the database restored for the proof")
        self.problems += self.read(lambda: space_problems(needs, self.request.option)) or []

    def database(self, stack: Stack, database: Configured) -> Tuple[Optional[SqlServer], Optional[int]]:
        """Check the database and its key ring; return the server and the version of its engine."""
        folder = backups_folder(self.deployment.bwdata)
        if not os.path.isdir(folder):
            self.problems.append(f"{folder} does not exist, where mssql and the host share backups.")
        server = self.read(lambda: running_server(self.deployment, stack, self.request.timeout))
        if server is None:
            return None, None
        running = server
        engine = self.read(lambda: engine_version(running))
        if engine is None:
            return server, None
        names = self.read(lambda: running.values(statements.DATABASES)) or []
        if database.name not in names:
            self.problems.append(
                f"SQL Server has no database {database.name}, which the connection string names. It has "
                f"{', '.join(names)}."
            )
            return server, engine
        facts = self.read(lambda: read_facts(running, database.name))
        if facts is not None:
            present = self.read(lambda: key_ids_on_disk(self.deployment.bwdata)) or []
            self.problems += key_ring_problems(facts.protected_key_ids, present, self.deployment.bwdata)
        return server, engine


def plan(deployment: Deployment, request: BackupRequest, now: datetime) -> BackupPlan:
    """Plan a backup. Raises ``BackupError`` with all that stands against it."""
    stack = deployment.inspect()
    planning = _Planning(deployment, request)
    planning.problems += destination_problems(request.dest, deployment.bwdata, request.option)
    installation_id = guid_text(stack.setting(INSTALLATION_ID))
    if installation_id is None:
        planning.problems.append("The server has no installation id in its settings, so the set would belong to none.")
    database = configured(deployment, stack)
    kind = _kind(request, database, planning)
    found = planning.read(lambda: find_sets(os.path.realpath(request.dest))) or []
    sets = [one for one in found if one.manifest.installation_id == installation_id]
    versions = {
        "core": stack.version(),
        "web": stack.image_version("web"),
        "key_connector": stack.image_version("key-connector"),
    }
    if kind != BUILT_IN and request.verify == "restore":
        request = request._replace(verify="checksum")
    oldest = now - timedelta(seconds=request.max_age)
    same: Dict[str, Any] = {"versions": versions, "database": (database.name, kind)}
    usable = [one for one in sets if _has_form(one, request)]
    current = newest_usable(usable, oldest, now, request.verify, **same) if request.max_age else None
    encryption, server, engine = planning.encryption(), None, None
    if current is None:
        if kind == BUILT_IN:
            server, engine = planning.database(stack, database)
        planning.files(database_size(deployment.bwdata) if kind == BUILT_IN else 0)
    if planning.problems:
        raise BackupError(" ".join(planning.problems))
    url = stack.setting(VAULT_URL)
    return BackupPlan(
        deployment,
        stack,
        request,
        now,
        str(installation_id),
        url,
        versions,
        database,
        kind,
        sets,
        current,
        server,
        engine,
        encryption,
        tuple(planning.warnings),
    )


def _has_form(backup: BackupSet, request: BackupRequest) -> bool:
    """Tell whether a set counts for the form that is asked for: as an archive only one, encrypted or not as asked."""
    return not request.archive or (backup.is_archive and bool(backup.encryption) == bool(request.encrypt))


def key_ring_problems(needed: Sequence[str], present: Sequence[str], where: str) -> List[str]:
    """Return a problem where keys of the database's protected texts are missing ``where``."""
    missing = sorted(set(needed) - set(present))
    if not missing:
        return []
    files = ", ".join(f"key-{one}.xml" for one in missing)
    return [
        f"The key ring is incomplete: {files} {'is' if len(missing) == 1 else 'are'} not in {where}/{FOLDER}, and the "
        "database has texts protected with it. Without it the users concerned cannot log in, for ever, as their master "
        "password hashes and keys cannot be read. Bring it back from an older backup. If there is none, delete these "
        "users."
    ]


def _kind(request: BackupRequest, database: Configured, planning: _Planning) -> str:
    if request.database == BUILT_IN and not database.is_built_in:
        planning.problems.append(
            "database: the server does not use the built-in database (enable_built_in_ms_sql in config.yml, connection "
            "string). Set database to none, and have the administrator of the database back it up."
        )
    if not database.is_built_in:
        planning.warnings.append(
            f"The set lacks the database {database.name}, which is external. Its administrator has to back it up, at "
            "the same time or shortly before: the files in the set are of no use without it, nor is it without them."
        )
        return EXTERNAL
    if request.database == NONE:
        planning.warnings.append(
            f"The set lacks the database {database.name} (database=none). No server can be restored from it."
        )
        return NONE
    return BUILT_IN


def _unreadable(found: Survey) -> List[str]:
    if not found.unreadable:
        return []
    return [f"Cannot be read by this user: {_listed(found.unreadable)}. Run the task as root (become)."]


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return f"{', '.join(paths[:_SHOWN])}{more}"
