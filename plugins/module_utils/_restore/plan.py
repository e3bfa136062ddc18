# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a restore: the set and the host are read, and every problem is told at once. Nothing is changed."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Any, Dict, FrozenSet, List, NamedTuple, Optional, Set, Tuple

from .._backup.plan import BackupRequest
from .._backup.plan import plan as plan_backup
from .._common.dates import format_date
from .._common.diff import Difference
from .._common.errors import EXPECTED, message_of
from .._common.masking import mask_text, secret_values
from .._deployment.deployment import Deployment
from .._deployment.problem import Problem
from .guards import (
    RestoreRequest,
    host_problems,
    moves_data,
    needs_rebuild,
    rebuild_problems,
    set_problems,
    warnings_of,
)
from .here import DATA, Here, Size, read_here, size_of
from .journal import RestoreJournal
from .run import Open, RestoreError
from .source import Source, keeps_generated, read_source


class RestorePlan(NamedTuple):
    """A restore that can be carried out. ``parts`` are what is replaced, with its size now and afterwards."""

    source: Source
    here: Here
    request: RestoreRequest
    parts: Tuple[Tuple[str, Size, Size], ...]
    makes_safety: bool
    secrets: FrozenSet[str]
    warnings: Tuple[str, ...]

    def mask(self, text: str) -> str:
        """Hide the secrets of the set and of the server in ``text``."""
        return mask_text(text, self.secrets)

    def result(self) -> Dict[str, Any]:
        """Return what is known before anything is changed."""
        manifest = self.source.manifest
        return {
            "changed": True,
            "set": self.source.backup.path,
            "created": format_date(manifest.created),
            "installation_id": manifest.installation_id,
            "url": manifest.url,
            "versions": dict(manifest.versions),
            "parts": [
                {"name": name, "before": before._asdict(), "after": after._asdict()}
                for name, before, after in self.parts
            ],
            "rolled_back": False,
            "safety_backup": None,
            "proof": [],
            "kept": [],
            "services": [],
        }

    def diff(self) -> Dict[str, str]:
        """Return Ansible's diff: each part with number and size of its files, before and after."""
        difference = Difference()
        manifest = self.source.manifest
        of = f"backup of {format_date(manifest.created)}"
        for name, before, after in self.parts:
            difference.compare(name, str(before) if before.files else None, f"{after} ({of})")
        rows = ", ".join(f"{table} {count}" for table, count in sorted(manifest.database.counts.items()))
        data = size_of(os.path.join(self.here.bwdata, DATA))
        difference.compare(f"database {manifest.database.name}", str(data) if data.files else None, f"{rows} ({of})")
        return difference.diff(self.here.bwdata)


def plan_restore(deployment: Deployment, request: RestoreRequest, opened: Open, journal: RestoreJournal) -> RestorePlan:
    """Plan it. Raises ``RestoreError`` with all that stands against it, ``SetError`` where there is no set."""
    here = read_here(deployment)
    source = read_source(request.set, opened)
    secrets = _secrets(deployment, here, source)
    problems = [*set_problems(source, request), *host_problems(source, here, request)]
    rebuild = needs_rebuild(source, here)
    problems += rebuild_problems(here) if rebuild else []
    if request.pull or rebuild:
        found = deployment.script.problems(lambda text: mask_text(text, secrets))
        problems += [Problem(f"A restore needs bitwarden.sh: {' '.join(found)}")] if found else []
    if here.stack is not None:
        conflicts = deployment.conflicts(here.stack, True, request.pull, takes_down=True)
        problems += conflicts.problems
    makes_safety = request.safety_backup and here.has_data and not journal.has_replaced
    problems += _safety_problems(deployment, request) if makes_safety else []
    if problems:
        told = mask_text(" ".join(map(str, problems)), secrets)
        raise RestoreError(f"The set cannot be restored here. {told} Nothing was changed.")
    return RestorePlan(
        source,
        here,
        request,
        _parts(source, here),
        makes_safety,
        frozenset(secrets),
        tuple(_warnings(source, here, request)),
    )


def safety_request(request: RestoreRequest) -> BackupRequest:
    """Return what the safety backup is to be: a folder, in which a rollback finds the database."""
    return BackupRequest(request.safety_dest, timeout=request.database_timeout, wait_timeout=request.wait_timeout)


def _safety_problems(deployment: Deployment, request: RestoreRequest) -> List[Problem]:
    try:
        plan_backup(deployment, safety_request(request), datetime.now(timezone.utc))
    except EXPECTED as error:
        return [
            Problem(
                f"The safety backup of what is on this host cannot be made: {message_of(error).rstrip('.')}. Correct "
                "that; or, if nothing of it is needed any more, set safety_backup to false."
            )
        ]
    return []


def _warnings(source: Source, here: Here, request: RestoreRequest) -> List[str]:
    found = warnings_of(source, here, request)
    if here.fault:
        found.append(f"The server on this host is damaged, which the restore replaces: {here.fault}")
    return found


def _parts(source: Source, here: Here) -> Tuple[Tuple[str, Size, Size], ...]:
    stays = keeps_generated(source, here)
    found = [
        (unit, size_of(os.path.join(here.bwdata, unit)), source.size_of(unit, stays)) for unit in source.units(stays)
    ]
    if moves_data(source, here):
        found.append((DATA, size_of(os.path.join(here.bwdata, DATA)), Size()))
    return tuple(found)


def _secrets(deployment: Deployment, here: Here, source: Source) -> Set[str]:
    values: Set[Optional[str]] = {here.password, source.password, *secret_values([source.settings])}
    known = {value for value in values if value}
    try:
        return known | deployment.secrets(here.stack)
    except EXPECTED:
        return known
