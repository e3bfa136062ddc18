# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Back to the old version: its files, its scripts, and its database as it was when the server was stopped."""

from __future__ import annotations

import contextlib
import os
from typing import Dict, List

from .._common.errors import BitwardenError
from .._restore.here import DATA, owner_of
from .._restore.journal import DATABASE, unused
from .._restore.server import Server
from .journal import SERVING, TAKEN_BACK, UpdateJournal


class RollbackError(BitwardenError):
    """The old version cannot be brought back by itself."""


class Rollback:
    """Takes an update back, whatever step it was cut off at; it can itself be cut off, and repeated.

    ``keep_data``: users may have written to the server since it was cut off, so its database is moved aside.
    """

    def __init__(self, journal: UpdateJournal, server: Server, keep_data: bool = False) -> None:
        self._journal = journal
        self._server = server
        self._keep_data = keep_data

    @property
    def kept(self) -> List[str]:
        """The folders with files of SQL Server that were moved aside."""
        aside = self._journal.details.aside if self._journal.details else None
        return [aside] if aside and os.path.lexists(aside) else []

    def go(self) -> List[Dict[str, object]]:
        """Bring the server up on the old version; return its services. Raises whatever stops it."""
        journal = self._journal
        self._require_readable_data()
        if journal.phase != TAKEN_BACK:
            self._server.stop()
            journal.release()
            self._note_the_rollback()
            journal.take_back()
            journal.take_script_back()
            if journal.phase in (DATABASE, SERVING):
                self._restore_database()
            # From here on users may write to the old version: it is not taken back another time.
            with contextlib.suppress(OSError):
                journal.note(phase=TAKEN_BACK)
        services = self._server.start()
        journal.close()
        return services

    def _require_readable_data(self) -> None:
        """Raise ``RollbackError`` where the old SQL Server would get files of the new one that cannot move aside."""
        details, state = self._journal.details, self._journal.state
        if details and details.engine_step and details.in_volume and self._journal.phase in (DATABASE, SERVING):
            backup = f" {state.safety}" if state and state.safety else ""
            raise RollbackError(
                f"SQL Server of {details.after} may have converted its files, which are in a Docker volume, and that "
                f"of {details.before} cannot read them. Remove {self._journal.folder}, and restore the backup{backup} "
                "(module restore)."
            )

    def _note_the_rollback(self) -> None:
        """Note that the update cannot be completed any more: files of the old version do not go with its database."""
        if self._keep_data:
            self._aside()
        if self._journal.phase == SERVING:
            self._journal.note(phase=DATABASE)

    def _restore_database(self) -> None:
        details, state = self._journal.details, self._journal.state
        if details is None or state is None or state.dump is None or not os.path.isfile(state.dump):
            raise RollbackError(
                "The dump of the database that was made when the server was stopped is missing. Restore the backup "
                "set (module restore)."
            )
        if details.engine_step or details.aside:
            self._move_data_aside()
        self._server.start_database()
        self._server.check_dump(state.dump, details.database)
        self._server.restore_database(state.dump, details.database)

    def _move_data_aside(self) -> None:
        """Let the old SQL Server begin with an empty folder, as it cannot read what the new one has converted."""
        bwdata, target = self._journal.bwdata, self._aside()
        data = os.path.join(bwdata, DATA)
        if not os.path.lexists(target):
            os.rename(data, target)
        if not os.path.isdir(data):
            os.mkdir(data, 0o700)
            if os.geteuid() == 0:
                os.chown(data, *owner_of(bwdata))

    def _aside(self) -> str:
        """Return where the files go: noted first, as a second attempt must not move what the old engine has made."""
        details = self._journal.details
        if details is not None and details.aside:
            return details.aside
        target = unused(f"{os.path.join(self._journal.bwdata, DATA)}.after-update-")
        self._journal.describe(aside=target)
        return target
