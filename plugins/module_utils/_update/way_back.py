# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Back to the old version: its files, its scripts, and its database as it was when the server was stopped."""

from __future__ import annotations

import os
from typing import Dict, List

from .._common.errors import BitwardenError
from .._restore.here import DATA, owner_of
from .._restore.journal import DATABASE, unused
from .._restore.server import Server
from .journal import SERVING, UpdateJournal


class WayBackError(BitwardenError):
    """The old version cannot be brought back by itself."""


class WayBack:
    """Takes an update back, whatever step it was cut off at; it can itself be cut off, and repeated."""

    def __init__(self, journal: UpdateJournal, server: Server) -> None:
        self._journal = journal
        self._server = server
        #: Files of SQL Server that were moved aside.
        self.kept: List[str] = []

    def go(self) -> List[Dict[str, object]]:
        """Bring the server up on the old version; return its services. Raises whatever stops it."""
        journal = self._journal
        self._server.stop()
        journal.take_back()
        journal.take_script_back()
        if journal.phase in (DATABASE, SERVING):
            self._restore_database()
        services = self._server.start()
        journal.remove()
        return services

    def _restore_database(self) -> None:
        details, state = self._journal.details, self._journal.state
        if details is None or state is None or state.dump is None or not os.path.isfile(state.dump):
            raise WayBackError(
                "The dump of the database that was made when the server was stopped is missing. Restore the backup "
                "set (module restore)."
            )
        if details.engine_step:
            self._move_data_aside()
        self._server.start_database()
        self._server.check_dump(state.dump, details.database)
        self._server.restore_database(state.dump, details.database)

    def _move_data_aside(self) -> None:
        """Let the old SQL Server begin with an empty folder, as it cannot read what the new one has converted."""
        bwdata, details = self._journal.bwdata, self._journal.details
        data = os.path.join(bwdata, DATA)
        target = details.aside if details else None
        if target is None:
            # Noted first, so that a second attempt does not move the old engine's new files.
            target = unused(f"{data}.after-update-")
            self._journal.describe(aside=target)
        if not os.path.lexists(target):
            os.rename(data, target)
        if not os.path.isdir(data):
            os.mkdir(data, 0o700)
            if os.geteuid() == 0:
                os.chown(data, *owner_of(bwdata))
        self.kept.append(target)
