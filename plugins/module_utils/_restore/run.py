# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore, step by step: nothing is touched before all is prepared, and what is not proven is rolled back."""

from __future__ import annotations

import os
from typing import IO, Any, Callable, ContextManager, Dict, List, NamedTuple, Optional, Union

from .._backup.reading import contents
from .._backup.sets import BackupSet, read_files, read_set
from .._common.errors import EXPECTED, BitwardenError, RunError, Terminated, message_of
from .._database.key_ring import key_ids_on_disk
from .._docker.running import running_container
from . import proof
from .course import Course
from .database_start import ServerError
from .guards import RestoreRequest
from .here import DATA, Here
from .journal import DATABASE, REPLACING, RestoreJournal, unused
from .new_host import prepare_folders, wipe
from .reading import unpack
from .server import Server
from .server_proof import server_proofs
from .source import Source
from .staging import Staging, remove_dumps, write_dump

#: Gives the archive of a set as a decrypted stream, None where it is not encrypted.
Open = Callable[[BackupSet], ContextManager[Optional[IO[bytes]]]]


class RestoreError(RunError):
    """The restore failed. The message says why and what became of the server."""


class Tools(NamedTuple):
    """What a restore works with. ``opened`` gives the archive of a set as a decrypted stream, None for a plain one.

    ``make_safety`` makes a verified backup of what is on the host and returns its path. ``mask`` hides secrets.
    """

    journal: RestoreJournal
    server: Server
    opened: Open
    make_safety: Callable[[], str]
    mask: Callable[[str], str]


class Restore:
    """One restore of ``source`` over ``here``. Carry it out with ``run``, once."""

    def __init__(self, source: Source, here: Here, request: RestoreRequest, course: Course, tools: Tools) -> None:
        self._source = source
        self._here = here
        self._request = request
        self._tools = tools
        self._journal = tools.journal
        self._server = tools.server
        self._database = source.manifest.database
        self._course = course
        self._safety: Optional[str] = None
        self._proofs: List[proof.Proof] = []
        self._kept: List[str] = []
        self._services: List[Dict[str, object]] = []
        self._continued = False
        self._pulled: List[str] = []
        self._changed = False
        self._rolled_back = False

    def result(self) -> Dict[str, Any]:
        """Return what became of the run so far."""
        return {
            "changed": self._changed,
            "rolled_back": self._rolled_back,
            "safety_backup": self._safety,
            "proof": proof.report(self._proofs),
            "kept": self._kept,
            "services": self._services,
        }

    def run(self) -> Dict[str, Any]:
        """Restore; return the result. Raises ``RestoreError`` with the result so far."""
        try:
            if self._request.safety_backup and self._is_serving():
                self._kept.append(self._backed_up())
        except EXPECTED as error:
            raise RestoreError(f"{self._told(error)} Nothing was changed.", self.result()) from error
        try:
            self._prepare()
        except EXPECTED as error:
            self._abandon()
            left = "The server is stopped, on its old files." if self._continued else "Nothing was changed."
            left = "Images were pulled, and nothing else was changed." if self._pulled and not self._continued else left
            raise RestoreError(f"{self._told(error)} {left}", self.result()) from error
        except Terminated as signal:
            self._abandon()
            signal.keys = self.result()
            raise
        try:
            self._change()
        except EXPECTED as error:
            raise RestoreError(self._undo(self._told(error)), self.result()) from error
        except Terminated as signal:
            # The next run takes back what is replaced.
            signal.keys = self.result()
            raise
        self._end()
        return self.result()

    def _told(self, error: Union[BitwardenError, OSError]) -> str:
        return f"{self._tools.mask(message_of(error)).rstrip('.')}."

    def _is_serving(self) -> bool:
        """Tell whether users may have written to what a restore that was cut off has put in place."""
        state = self._journal.state
        if state is None or state.phase != DATABASE:
            return False
        return running_container(self._server.deployment().containers(), "api") is not None

    def _prepare(self) -> None:
        """Do all that can be done while the server is running."""
        journal, backup, course = self._journal, self._source.backup, self._course
        if self._here.is_new and journal.has_replaced:
            self._changed = True
            self._clear()
        self._continued = journal.has_replaced
        self._changed = self._changed or self._continued
        if not self._continued and self._request.safety_backup and self._here.has_data:
            self._safety = self._backed_up()
        remove_dumps(self._here.bwdata)
        journal.begin(backup.path, self._safety, self._here.is_new)
        self._safety = journal.state.safety if journal.state else None
        if self._here.is_new:
            prepare_folders(self._here.bwdata, self._here.owner)
        if course.images and self._request.pull:
            self._pulled = self._server.pull(course.images)
            self._changed = self._changed or bool(self._pulled)
        self._staging = Staging(journal, self._here.owner, self._database.file, course.stays, course.brings)
        with self._tools.opened(backup) as stream:
            unpack(backup, self._source.files, stream, self._staging.write)
        if self._here.is_new:
            self._staging.write_owner()
        if self._here.database is not None and not self._continued and not course.brings:
            try:
                self._server.check_dump(self._dump(), self._database.name)
            except ServerError:
                raise
            except EXPECTED:
                pass  # it is asked again once it is running on the settings of the set

    def _backed_up(self) -> str:
        try:
            return self._tools.make_safety()
        except EXPECTED as error:
            raise RestoreError(
                f"The safety backup failed: {self._told(error)} Correct that; or set safety_backup to false, if "
                "nothing of what is on this host now is needed any more."
            ) from None

    def _abandon(self) -> None:
        """Remove what was prepared, unless an earlier run has left the database half restored."""
        if self._here.is_new:
            self._clear()
        elif not self._journal.has_replaced:
            self._journal.remove()
        remove_dumps(self._here.bwdata)

    def _clear(self) -> None:
        """Leave nothing on a host that had no server."""
        self._server.remove(self._course.volumes)
        self._journal.take_script_back()
        wipe(self._here.bwdata)
        self._journal.remove()

    def _dump(self) -> str:
        state = self._journal.state
        return str(state.dump if state else None)

    def _change(self) -> None:
        journal, server, course = self._journal, self._server, self._course
        self._changed, self._services = True, []
        if not journal.has_replaced:
            journal.note(phase=REPLACING)
        server.stop()
        units = self._source.units(course.stays, course.brings)
        for path in self._staging.complete(units, course.moves_data, course.rebuild):
            journal.replace(path)
        if course.brings:
            journal.put_script(course.script, course.content, self._here.owner)
        if course.rebuild:
            server.rebuild()
        journal.note(phase=DATABASE)
        server.start_database()
        server.check_dump(self._dump(), self._database.name)
        server.restore_database(self._dump(), self._database.name)
        found = server.facts(self._database.name)
        self._proofs += proof.database_proofs(self._database, found, key_ids_on_disk(self._here.bwdata))
        proof.require(self._proofs)
        self._services = server.start()
        self._proofs += server_proofs(server, self._source.manifest, found.enabled_organizations, self._request.login)
        proof.require(self._proofs)

    def _end(self) -> None:
        if self._course.moves_data:
            target = unused(os.path.join(self._here.bwdata, f"{DATA}.before-"))
            os.rename(self._journal.old(DATA), target)
            self._kept.append(target)
        self._journal.close()

    def _undo(self, reason: str) -> str:
        """Roll back where that is asked for and possible; return what to say."""
        state = self._journal.state
        begun = state is not None and state.phase == DATABASE and not self._course.moves_data
        begun = begun and not self._here.is_new
        if not self._request.rollback:
            return f"{reason} {self._leave('rollback=false')}"
        if begun and self._safety is None:
            return f"{reason} {self._leave('there is no safety backup of the database')}"
        safety = f" The safety backup is {self._safety}." if self._safety else ""
        try:
            self._roll_back(begun)
        except EXPECTED as error:
            return (
                f"{reason} The server was to be rolled back, but then: {self._told(error)} Correct that and run "
                f"restore again, which takes the old files back first.{safety}"
            )
        self._rolled_back = True
        if self._here.is_new:
            return f"{reason} What the restore had put on this host was removed again."
        running = "the server is running on it" if self._services else "the server is stopped, as it was"
        return f"{reason} What was there before was rolled back, and {running}.{safety}"

    def _roll_back(self, database: bool) -> None:
        self._services = []
        if self._here.is_new:
            self._clear()
            return
        self._server.stop()
        self._journal.take_back()
        self._journal.take_script_back()
        if database:
            safety = read_set(str(self._safety))
            self._server.start_database()
            self._server.restore_database(self._dump_of(safety), safety.manifest.database.name)
        # One that was stopped before is stopped again.
        if self._here.is_up or database:
            self._services = self._server.start()
        self._journal.remove()
        remove_dumps(self._here.bwdata)

    def _dump_of(self, safety: BackupSet) -> str:
        """Put the dump of the safety backup where SQL Server reads it."""
        remove_dumps(self._here.bwdata)
        for entry, content in contents(safety, read_files(safety)):
            if entry.path == safety.manifest.database.file and content is not None:
                path = write_dump(self._here.bwdata, content, self._here.owner)
                self._journal.note(dump=path)
                return path
        raise RestoreError(f"The safety backup {safety.path} has no database.")

    def _leave(self, why: str) -> str:
        """Leave everything as it is now, with the old files kept; return what to say."""
        try:
            kept = self._journal.keep_old()
        except OSError as error:
            kept = self._journal.old("")
            why += f"; {message_of(error).rstrip('.')}"
        self._kept += [kept] if kept else []
        old = f" The old files are in {kept}." if kept else ""
        safety = f" The safety backup is {self._safety}." if self._safety else ""
        return f"Nothing was rolled back ({why}): the server has what was restored so far.{old}{safety}"
