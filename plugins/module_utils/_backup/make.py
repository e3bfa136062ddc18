# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a set as planned: written aside, verified, renamed at the end; then the retention."""

from __future__ import annotations

import contextlib
import os
import re
from datetime import datetime, timedelta, timezone
from typing import Dict, List, Optional, Union

from .._common import atomic_file
from .._common.errors import EXPECTED, BitwardenError, Terminated, message_of
from .._database.inspection import DatabaseFacts, read_facts
from .._database.key_ring import key_ids_in
from .._deployment.deployment import Deployment
from .._deployment.health_wait import UnhealthyError
from .destination import becomes, create, part, remove_stale_parts
from .dump import Dump, remove_stale_dumps
from .manifest import NAME, Database, Manifest
from .outcome import Outcome
from .plan import BackupError, BackupPlan, BackupRequest, key_ring_problems
from .plan import plan as plan_backup
from .reading import damage
from .retention import foreign_files, remove_set
from .sets import ARCHIVES, BackupSet, set_name, sidecar
from .sources import ROOT, Source, sources
from .writers import WritersError, start_again, writers_stopped
from .writing import ArchiveWriter, FolderWriter

_LICENSES = f"{ROOT}/core/licenses/organization/"
_CORE = f"{ROOT}/core/"
_UNSAFE = re.compile(r"[^\w.-]")

Writer = Union[ArchiveWriter, FolderWriter]


def predict(plan: BackupPlan) -> Outcome:
    """Return what ``make`` would do."""
    outcome = Outcome(plan)
    outcome.check_mode = True
    for one in plan.superfluous(outcome.makes):
        _remove(one, outcome, False)
    return outcome


def make(plan: BackupPlan) -> Outcome:
    """Make the set unless there is one that is new enough, and remove those that are not kept.

    Raises ``BackupError`` with the result; then no set was made, or its message says which.
    """
    outcome = Outcome(plan)
    unhealthy: Optional[BitwardenError] = None
    try:
        if outcome.started:
            start_again(plan.deployment, outcome.started, plan.deployment.secrets(plan.stack))
            outcome.are_started = True
        if outcome.makes:
            unhealthy = _Making(plan, outcome).run()
        for one in plan.superfluous(outcome.makes):
            _remove(one, outcome, True)
    except Terminated as signal:
        signal.keys = outcome.result()
        raise
    except EXPECTED as error:
        raise BackupError(_message(error, outcome), outcome.result()) from error
    if unhealthy is not None:
        raise BackupError(_message(unhealthy, outcome), outcome.result())
    return outcome


def back_up(deployment: Deployment, request: BackupRequest) -> BackupSet:
    """Make a set, or return the one that is new enough: for what needs a backup first. Only under the server's lock.

    Raises ``BackupError``.
    """
    made = make(plan_backup(deployment, request, datetime.now(timezone.utc)))
    found = made.made or made.plan.current
    if found is None:
        raise BackupError("No backup set was made.")
    return found


def _message(error: Union[BitwardenError, OSError], outcome: Outcome) -> str:
    if outcome.made is not None:
        return f"The set {outcome.made.path} was made, and then: {message_of(error)}"
    return f"No backup set was made: {message_of(error)}" if outcome.makes else message_of(error)


def _remove(backup: BackupSet, outcome: Outcome, really: bool) -> None:
    try:
        foreign = foreign_files(backup)
    except EXPECTED as error:
        outcome.warnings.append(f"{backup.path} is not removed, because it cannot be read: {message_of(error)}")
        return
    if foreign:
        outcome.warnings.append(
            f"{backup.path} is not removed, because it has files that are not of the set: {', '.join(foreign[:5])}."
        )
        return
    if really:
        remove_set(backup)
    outcome.removed.append(backup.path)


class _Making:
    """One set that is being made."""

    def __init__(self, plan: BackupPlan, outcome: Outcome) -> None:
        self.plan = plan
        self.request = plan.request
        self.bwdata = plan.deployment.bwdata
        self.outcome = outcome
        self.unhealthy: Optional[BitwardenError] = None
        self.counts_before: Dict[str, int] = {}
        self.file: Optional[str] = None

    def run(self) -> Optional[BitwardenError]:
        """Make the set; return why the services that were stopped for it are not healthy, if so."""
        folder = create(self.request.dest)
        remove_stale_parts(folder)
        with part(folder) as path, contextlib.ExitStack() as stack:
            dump: Optional[Dump] = None
            if self.plan.server is not None:
                remove_stale_dumps(self.plan.server, self.bwdata)
                dump = Dump(self.plan.server, self.bwdata, self.plan.database.name)
                stack.callback(dump.remove)
            self._write(path, dump, folder)
        return self.unhealthy

    def _write(self, path: str, dump: Optional[Dump], folder: str) -> None:
        archive = self.request.archive
        writer: Writer = ArchiveWriter(path, self.plan.encryption) if archive else FolderWriter(path)
        try:
            facts = self._copy(writer, dump)
            manifest = self._manifest(writer, facts)
            if isinstance(writer, ArchiveWriter):
                writer.add_manifest(manifest)
            writer.close()
        except BaseException:
            if isinstance(writer, ArchiveWriter):
                writer.abandon()
            raise
        if isinstance(writer, ArchiveWriter):
            manifest = manifest._replace(archive=(writer.size, writer.sha256))
        manifest = self._verified(path, writer, dump, manifest)
        self._seal(path, writer, manifest, folder)

    def _copy(self, writer: Writer, dump: Optional[Dump]) -> DatabaseFacts:
        if not self.request.stopped:
            return self._copy_all(writer, dump)
        facts: Optional[DatabaseFacts] = None
        stack, timeout = self.plan.stack, self.request.wait_timeout
        try:
            with writers_stopped(self.plan.deployment, stack, timeout, self.outcome.downtime):
                facts = self._copy_all(writer, dump)
        except (UnhealthyError, WritersError) as error:
            # The copy is good; that the server is not has to be told in the end.
            if facts is None:
                raise
            self.unhealthy = error
        return facts

    def _copy_all(self, writer: Writer, dump: Optional[Dump]) -> DatabaseFacts:
        """Copy everything, the database first: so the files have what its rows need."""
        facts = DatabaseFacts({}, "", [], [])
        if dump is not None and self.plan.server is not None:
            name = self.plan.database.name
            before = read_facts(self.plan.server, name)
            dump.make()
            facts = read_facts(self.plan.server, name)
            if facts.newest_migration != before.newest_migration:
                raise BackupError("The database was migrated while it was backed up. Run the backup again.")
            self.counts_before = before.counts
            facts = facts._replace(protected_key_ids=sorted({*before.protected_key_ids, *facts.protected_key_ids}))
            self.file = f"database/{_UNSAFE.sub('_', name)}.bak"
            writer.add(Source(self.file, dump.file, os.stat(dump.file)))
        blocked: List[OSError] = []
        for source in sources(self.bwdata, self.plan.deployment.script.path, blocked.append):
            writer.add(source)
        if blocked:
            raise blocked[0]
        return facts

    def _manifest(self, writer: Writer, facts: DatabaseFacts) -> Manifest:
        """Return the manifest before the proof. Raises ``BackupError`` for an incomplete key ring."""
        plan, files = self.plan, writer.files
        key_ids = key_ids_in(one.path for one in files if one.path.startswith(_CORE))
        problems = key_ring_problems(facts.protected_key_ids, key_ids, "the set")
        if problems:
            raise BackupError(" ".join(problems))
        licenses = {one.path[len(_LICENSES) : -len(".json")].lower() for one in files if one.path.startswith(_LICENSES)}
        unlicensed = sorted(set(facts.enabled_organizations) - licenses)
        if unlicensed:
            self.outcome.warnings.append(
                f"Enabled organizations without a license file: {', '.join(unlicensed)}. The server disables them at "
                "its next check of the licenses, and a restored one would, too. Upload their licenses (module license)."
            )
        database = Database(
            plan.database.name,
            plan.kind,
            self.file,
            facts.counts,
            facts.newest_migration or None,
            tuple(facts.protected_key_ids),
            self.counts_before,
        )
        owner = plan.deployment.account
        return Manifest(
            plan.now.replace(microsecond=0),
            plan.installation_id,
            plan.url,
            {**plan.versions, "engine": plan.engine},
            database,
            tuple(key_ids),
            (owner.uid, owner.gid),
            tuple((one, one in licenses) for one in facts.enabled_organizations),
            file_count=sum(one.is_file for one in files),
            size=sum(one.size for one in files),
        )

    def _verified(self, path: str, writer: Writer, dump: Optional[Dump], manifest: Manifest) -> Manifest:
        """Verify what was written. Raises ``BackupError`` and ``DatabaseError``."""
        how = self.request.verify
        if how == "none":
            return manifest
        if dump is not None and self.plan.engine is not None:
            dump.verify(self.plan.engine)
            if how == "restore":
                manifest = manifest._replace(database=dump.prove(manifest.database))
            dump.remove()
        encryption = self.plan.encryption.name if self.plan.encryption else None
        written = BackupSet(path, manifest, "", isinstance(writer, ArchiveWriter), encryption)
        problems = damage(written, writer.files)
        if problems:
            raise BackupError(f"What was written is not what was to be written: {' '.join(problems)}")
        return manifest._replace(verified=how, verified_at=datetime.now(timezone.utc))

    def _seal(self, path: str, writer: Writer, manifest: Manifest, folder: str) -> None:
        """Give the set its name; from then on it is one."""
        encryption = self.plan.encryption.name if self.plan.encryption else None
        ending = ARCHIVES[encryption] if isinstance(writer, ArchiveWriter) else ""
        while True:
            final = os.path.join(folder, set_name(manifest.installation_id, manifest.created) + ending)
            if not os.path.lexists(final):
                break
            manifest = manifest._replace(created=manifest.created + timedelta(seconds=1))
        if isinstance(writer, FolderWriter):
            writer.seal(manifest)
            os.rename(path, final)
            self.outcome.made = BackupSet(final, manifest, os.path.join(final, NAME))
        else:
            becomes(path, final)
            os.rename(path, final)
            try:
                atomic_file.put(sidecar(final), b"".join(manifest.render(writer.files)))
            except BaseException:
                os.unlink(final)
                raise
            self.outcome.made = BackupSet(final, manifest, sidecar(final), True, encryption)
        atomic_file.sync_folder(folder)
