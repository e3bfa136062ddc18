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
from .._common.errors import EXPECTED, BitwardenError, message_of
from .._common.masking import mask_text, secret_values
from .._common.problem import Problem
from .._deployment.deployment import Deployment
from .course import Course, course_of
from .guards import RestoreRequest, host_problems, rebuild_problems, set_problems, warnings_of
from .here import DATA, Here, Size, in_place, read_here, size_of
from .journal import RestoreJournal
from .new_host import Target
from .parts import SCRIPT
from .release import read_release, release_problems
from .run import Open, RestoreError
from .source import Source, read_source


class RestorePlan(NamedTuple):
    """A restore that can be carried out. ``parts`` are what is replaced, with its size now and afterwards."""

    source: Source
    here: Here
    request: RestoreRequest
    course: Course
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
            "new_host": self.here.is_new,
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
        if self.course.brings:
            difference.compare("version", self.here.version, manifest.versions.get("core"))
        of = f"backup of {format_date(manifest.created)}"
        for name, before, after in self.parts:
            difference.compare(name, str(before) if before.files else None, f"{after} ({of})")
        rows = ", ".join(f"{table} {count}" for table, count in sorted(manifest.database.counts.items()))
        data = size_of(os.path.join(self.here.bwdata, DATA))
        difference.compare(f"database {manifest.database.name}", str(data) if data.files else None, f"{rows} ({of})")
        return difference.diff(self.here.bwdata)


def plan_restore(target: Target, request: RestoreRequest, opened: Open, journal: RestoreJournal) -> RestorePlan:
    """Plan it. Raises ``RestoreError`` with all that stands against it, ``SetError`` where there is no set."""
    deployment = target.deployment
    before = journal.before if journal.has_replaced else in_place
    here = target.here() if deployment is None else read_here(deployment, before)
    source = _read_source(target, request, opened)
    secrets = _secrets(deployment, here, source)
    course = course_of(source, here, request.allow_other_version)
    problems: List[BitwardenError] = [*target.problems, *set_problems(source, request, course)]
    problems += host_problems(source, here, request, course)
    if course.brings:
        course, found = _release(target, source, course, request, journal.has_replaced)
        problems += found
    elif deployment is not None:
        problems += _host_release(deployment, here, course, request, secrets)
    makes_safety = request.safety_backup and here.has_data and not journal.has_replaced
    problems += _safety_problems(deployment, request) if makes_safety and deployment else []
    if problems:
        told = mask_text(" ".join(map(str, problems)), secrets)
        raise RestoreError(f"The set cannot be restored here. {told} Nothing was changed.")
    return RestorePlan(
        source,
        here,
        request,
        course,
        _parts(source, here, course),
        makes_safety,
        frozenset(secrets),
        tuple(_warnings(source, here, request, course)),
    )


def _read_source(target: Target, request: RestoreRequest, opened: Open) -> Source:
    """Return the set. Raises ``RestoreError`` where the host is wrong, too, so that both are told."""
    try:
        return read_source(request.set, opened)
    except EXPECTED as error:
        if not target.problems:
            raise
        told = " ".join([message_of(error), *map(str, target.problems)])
        raise RestoreError(f"The set cannot be restored here. {told} Nothing was changed.") from error


def _release(
    target: Target, source: Source, course: Course, request: RestoreRequest, continued: bool
) -> Tuple[Course, List[BitwardenError]]:
    """Return the course with what comes with the version of the set, and what stands against it."""
    if target.engine is None:
        return course, []
    release, problems = read_release(source, target.engine)
    volumes = release.volumes if target.is_new else ()
    # Those that a run has made which was cut off are removed by this one.
    unexpected = () if continued else volumes
    try:
        problems += release_problems(release, target.engine, target.bwdata, source, request.pull, unexpected)
    except EXPECTED as error:
        problems.append(Problem(message_of(error)))
    images, content = release.images(request.pull), source.texts.get(SCRIPT, b"")
    return course._replace(images=images, volumes=volumes, script=target.script, content=content), problems


def _host_release(
    deployment: Deployment, here: Here, course: Course, request: RestoreRequest, secrets: Set[str]
) -> List[BitwardenError]:
    """Return what stands against a start with the scripts and Compose files that the host has."""
    problems: List[BitwardenError] = [*(rebuild_problems(here) if course.rebuild else ())]
    if request.pull or course.rebuild:
        found = deployment.script.problems(lambda text: mask_text(text, secrets))
        problems += [Problem(f"A restore needs bitwarden.sh: {' '.join(found)}")] if found else []
    if here.stack is not None:
        problems += deployment.conflicts(here.stack, True, request.pull, takes_down=True).problems
    return problems


def safety_request(request: RestoreRequest) -> BackupRequest:
    """Return what the safety backup is to be: a folder, in which a rollback finds the database."""
    return BackupRequest(
        request.safety_dest,
        timeout=request.database_timeout,
        wait_timeout=request.wait_timeout,
        option="safety_dest",
    )


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


def _warnings(source: Source, here: Here, request: RestoreRequest, course: Course) -> List[str]:
    found = warnings_of(source, here, request, course)
    if here.fault:
        found.append(f"The server on this host is damaged, which the restore replaces: {here.fault}")
    return found


def _parts(source: Source, here: Here, course: Course) -> Tuple[Tuple[str, Size, Size], ...]:
    stays, brings = course.stays, course.brings
    found = [
        (unit, size_of(os.path.join(here.bwdata, unit)), source.size_of(unit, stays, brings))
        for unit in source.units(stays, brings)
    ]
    if brings:
        found.append((os.path.basename(course.script), size_of(course.script), Size(1, len(course.content))))
    if course.moves_data:
        found.append((DATA, size_of(os.path.join(here.bwdata, DATA)), Size()))
    return tuple(found)


def _secrets(deployment: Optional[Deployment], here: Here, source: Source) -> Set[str]:
    values: Set[Optional[str]] = {here.password, source.password, *secret_values([source.settings])}
    known = {value for value in values if value}
    try:
        return known | (deployment.secrets(here.stack) if deployment else set())
    except EXPECTED:
        return known
