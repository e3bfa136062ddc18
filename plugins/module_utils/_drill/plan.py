# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a drill: set, host and an earlier drill are read, and every problem is told at once. Nothing changes."""

from __future__ import annotations

import os
import pwd
from typing import Any, Dict, FrozenSet, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from .._backup.sets import BackupSet, read_set
from .._commands.runner import Account
from .._common.dates import format_date
from .._common.diff import Difference
from .._common.errors import EXPECTED, BitwardenError, RunError, message_of
from .._common.masking import mask_text, secret_values
from .._common.problem import Problem
from .._compose.composition import ComposeError
from .._compose.project import Project
from .._deployment.deployment import Deployment
from .._docker.containers import NOT_ASKED
from .._docker.images import image_problems
from .._install.host import InstallHost, open_host
from .._restore.guards import RestoreRequest, set_problems, space_needed
from .._restore.here import Size, size_of
from .._restore.links import Links
from .._restore.login import ApiKey
from .._restore.release import laid_out
from .._restore.run import Open
from .._restore.source import Source, read_source
from .engine import Found, find
from .folder import drill_script, folder_problems, free_space, is_free
from .isolation import Isolated, read_isolated
from .mark import Mark, digest_of, project_of, read_mark

_ASK_TIMEOUT = 15.0


class DrillError(RunError):
    """The drill failed or cannot be begun. The message (masked) says why and what became of it."""


class DrillRequest(NamedTuple):
    """What the user asks for: durations in seconds, paths on the host; ``set`` is empty for a drill to be removed.

    ``confirm`` is the installation id of the set, if the user gives one. ``login`` is a key (secret) to log in with as
    proof.
    """

    bwdata: str
    set: str = ""
    confirm: Optional[str] = None
    identity: Optional[str] = None
    rollback: bool = True
    pull: bool = True
    wait_timeout: float = 600.0
    database_timeout: float = 7200.0
    login: Optional[ApiKey] = None


class Standing(NamedTuple):
    """What there is of a drill in a folder: its mark, and what the engine has of it."""

    mark: Optional[Mark]
    found: Found

    def __bool__(self) -> bool:
        return self.mark is not None or bool(self.found)


class DrillPlan(NamedTuple):
    """A drill that can be carried out. ``source`` is None where it has been: it is proven and running.

    ``parts`` are what is restored, with its size in the folder now and afterwards; ``services`` those of a drill that
    is running.
    """

    request: DrillRequest
    host: InstallHost
    standing: Standing
    backup: BackupSet
    source: Optional[Source]
    parts: Tuple[Tuple[str, Size, Size], ...]
    services: Tuple[Dict[str, object], ...]
    secrets: FrozenSet[str]
    warnings: Tuple[str, ...]

    def mask(self, text: str) -> str:
        """Hide the secrets of the set in ``text``."""
        return mask_text(text, self.secrets)

    def result(self) -> Dict[str, Any]:
        """Return what is known before anything is changed."""
        manifest, mark = self.backup.manifest, self.standing.mark if self.source is None else None
        return {
            "changed": self.source is not None,
            "set": self.backup.path,
            "created": format_date(manifest.created),
            "installation_id": manifest.installation_id,
            "url": manifest.url,
            "versions": dict(manifest.versions),
            "parts": [
                {"name": name, "before": before._asdict(), "after": after._asdict()}
                for name, before, after in self.parts
            ],
            "project": project_of(self.request.bwdata),
            "duration": mark.duration if mark else None,
            "rolled_back": False,
            "safety_backup": None,
            "proof": list(mark.proof) if mark else [],
            "kept": [],
            "services": list(self.services),
        }

    def left_behind(self) -> str:
        """Return what to say of a drill that was never proven and is to make room, empty where there is none."""
        mark = self.standing.mark
        if self.source is None or mark is None or mark.is_proven:
            return ""
        return f"A drill that began {mark.begun} was cut off or failed. It is taken away, and the drill begins again."

    def diff(self) -> Dict[str, str]:
        """Return Ansible's diff: the drill as it is, and as it will be."""
        before, manifest = described(self.standing), self.backup.manifest
        version = manifest.versions.get("core")
        after = before if self.source is None else f"of the backup of {format_date(manifest.created)}, {version}"
        return difference(self.request.bwdata, before, after)


def difference(bwdata: str, before: Optional[str], after: Optional[str]) -> Dict[str, str]:
    """Return Ansible's diff of a drill that is there (described in words) or not."""
    found = Difference()
    found.compare("drill", before, after)
    return found.diff(bwdata)


def described(standing: Standing) -> Optional[str]:
    """Return a drill in words, None where there is none."""
    if not standing:
        return None
    mark, count = standing.mark, len(standing.found.containers)
    proven = "proven" if mark and mark.is_proven else "not proven"
    return (
        f"{proven}, begun {mark.begun if mark else 'at an unknown time'}, {count} container{'' if count == 1 else 's'}"
    )


def drill_host(bwdata: str, environ: Mapping[str, str]) -> InstallHost:
    """Return the host as the owner of the drill uses it. Raises ``EngineError`` and ``DrillError``."""
    if not os.path.isdir(bwdata):
        account = Account.named(pwd.getpwuid(os.geteuid()).pw_name)
        if account is None:
            raise DrillError(f"The user {os.geteuid()} has no account on this host.")
        return open_host(account, environ)
    account = Account.owner_of(bwdata)
    if not account.can_be_taken():
        raise DrillError(f"{bwdata} belongs to {account.name}: run the task as that user or as root (become).")
    return open_host(account, environ)


def read_standing(bwdata: str, host: InstallHost) -> Standing:
    """Return what there is of a drill. Raises ``MarkError`` and ``EngineError``."""
    return Standing(read_mark(bwdata), find(host.engine, project_of(bwdata)))


def plan_drill(host: InstallHost, request: DrillRequest, opened: Open, environ: Mapping[str, str]) -> DrillPlan:
    """Plan it. Raises ``DrillError`` with all that stands against it, ``SetError`` where there is no set."""
    standing, backup = read_standing(request.bwdata, host), read_set(request.set)
    if standing.mark and standing.mark.is_proven and standing.mark.manifest == digest_of(backup):
        services = _running(request, environ, standing.found)
        if services:
            warnings = standing.mark.warnings
            return DrillPlan(request, host, standing, backup, None, (), services, frozenset(), warnings)
    source = read_source(request.set, opened)
    secrets = {one for one in (source.password, *secret_values([source.settings])) if one}
    composed, unreadable = _composed(host, source, request.bwdata)
    problems = [*_problems(host, request, standing, source), *unreadable]
    problems += image_problems(host.inventory, composed.images if composed else (), request.pull)
    if problems:
        told = mask_text(" ".join(map(str, problems)), secrets)
        raise DrillError(f"The drill cannot be begun. {told} Nothing was changed.")
    parts = tuple(
        (unit, size_of(os.path.join(request.bwdata, unit)), source.size_of(unit, False)) for unit in source.units(False)
    )
    return DrillPlan(
        request, host, standing, backup, source, parts, (), frozenset(secrets), tuple(_warnings(source, composed))
    )


def _problems(host: InstallHost, request: DrillRequest, standing: Standing, source: Source) -> Iterator[BitwardenError]:
    manifest, bwdata = source.manifest, request.bwdata
    yield from set_problems(source, RestoreRequest(request.set, request.confirm or manifest.installation_id))
    yield from folder_problems(bwdata, standing.mark, source.backup.path)
    if source.user.lower() != "sa":
        yield Problem(
            f"The server in the set connects to the database as {source.user}. SQL Server of a drill is a new one, in "
            "which only the login sa exists, so this set cannot be tried in a drill."
        )
    needed, free = space_needed(source), free_space(bwdata)
    if needed > free:
        yield Problem(f"{bwdata} has {free} bytes of free space, and the drill needs {needed}. Make room.")
    if not source.compose:
        yield Problem(f"The set {source.backup.path} has no docker-compose.yml, which names the images of its version.")
    try:
        Project(host.commands, host.engine.docker, bwdata, "/").require()
    except BitwardenError as error:
        yield error


def _composed(host: InstallHost, source: Source, folder: str) -> Tuple[Optional[Isolated], List[BitwardenError]]:
    """Return the project as it will be in ``folder``, by the Compose files of the set, or what is wrong with them."""
    if not source.compose:
        return None, []
    with laid_out(source, host.account) as bwdata:
        try:
            project = Project(host.commands, host.engine.docker, bwdata, bwdata)
            found = read_isolated(project, "drill", bwdata, Links.of(source.files, folder))
            return found._replace(left_out=tuple(one.replace(bwdata, folder) for one in found.left_out)), []
        except BitwardenError as error:
            details = error.details if isinstance(error, ComposeError) else ""
            lines = [line.strip() for line in details.splitlines() if line.strip()]
            said = f" It printed: {lines[-1]}" if lines else ""
            told = f"{message_of(error)}{said}".replace(bwdata, os.path.join(source.backup.path, "bwdata"))
            return None, [Problem(told)]


def _warnings(source: Source, composed: Optional[Isolated]) -> Iterator[str]:
    if composed is not None and composed.left_out:
        yield f"A drill has no way out, so these are left out of it: {', '.join(composed.left_out)}."
    if not source.manifest.is_verified:
        yield f"The set {source.backup.path} was not verified when it was made."


def _running(request: DrillRequest, environ: Mapping[str, str], found: Found) -> Tuple[Dict[str, object], ...]:
    """Return the services of a drill that is running as it was proven; none where it is not."""
    try:
        deployment = Deployment(request.bwdata, drill_script(request.bwdata), environ, request.wait_timeout)
        stack = deployment.inspect()
        # Docker's own word lags by half a minute after a start.
        starting = [one for one in stack.containers if one.state == "running" and one.health == "starting"]
        answers = deployment.engine.ask(starting, _ASK_TIMEOUT)
    except EXPECTED:
        return ()
    answered = tuple(one.service for one in starting if answers.get(one.id))
    report = stack.report(answered)
    unhealthy = [
        one.name
        for one in report
        if one.name not in NOT_ASKED and (one.state != "running" or one.health not in ("healthy", None))
    ]
    if unhealthy or stack.missing() or stack.stale() or found.open_ways():
        return ()
    return tuple(one._asdict() for one in report)


def absence_problem(bwdata: str, standing: Standing) -> Optional[DrillError]:
    """Return why nothing in ``bwdata`` may be removed, None where it may."""
    if is_free(bwdata, standing.mark):
        return None
    return DrillError(
        f"{bwdata} is not the folder of a drill, so it is not removed. Set bwdata to the folder that the drill was "
        "made in. Nothing was changed."
    )
