# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server of the old version: asked while it is serving, stopped, and its database written to a dump."""

from __future__ import annotations

from typing import Dict, List, NamedTuple

from .._backup.dump import Dump
from .._common.errors import BitwardenError
from .._database.connection_string import SERVICE
from .._database.inspection import begin_row_counts, engine_version, running_server
from .._database.sqlcmd import SqlServer
from .._deployment.containers import Container
from .._deployment.deployment import Deployment
from .journal import UpdateJournal
from .proof import KEPT_TABLES


class StopError(BitwardenError):
    """Services of the old version are still running."""


class OldServer(NamedTuple):
    """What was asked while it was serving, so that it costs no downtime; ``engine`` is the database's major version."""

    deployment: Deployment
    database: SqlServer
    engine: int

    @classmethod
    def ask(cls, deployment: Deployment, timeout: float) -> OldServer:
        """Ask it; ``timeout`` in seconds is for each statement. Raises whatever stops that."""
        stack = deployment.inspect()
        database = running_server(deployment, stack, timeout)
        return cls(deployment, database, engine_version(database))

    def stop(self, timeout: float) -> None:
        """Stop all services but the database. Raises ``StopError`` and ``EngineError``."""
        self.deployment.engine.stop([one for one in self._others() if one.is_up], timeout)
        left = sorted({one.service for one in self._others() if one.is_up})
        if left:
            raise StopError(f"Still running after the stop: {', '.join(left)}.")

    def dump(self, journal: UpdateJournal, database: str, timeout: float) -> Dict[str, int]:
        """Have the database write the dump of the way back, verified; return row counts.

        The stopped containers are removed meanwhile. Raises ``DatabaseError`` and ``EngineError``.
        """
        dump = Dump(self.database, self.deployment.bwdata, database)
        journal.note(dump=dump.file)  # first, so that a run that is killed leaves none that nobody knows
        writing = dump.begin()
        removing = self.deployment.engine.begin_remove(self._others(), timeout)
        try:
            counting = begin_row_counts(self.database, database, KEPT_TABLES)
            writing()
            dump.verify(self.engine)
            return counting()
        finally:
            removing()

    def _others(self) -> List[Container]:
        return [one for one in self.deployment.containers() if one.service != SERVICE]
