# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server of the old version: asked while it is serving, stopped, and its database written to a dump."""

from __future__ import annotations

import contextlib
from typing import Dict, List, NamedTuple

from .._backup.dump import Dump
from .._common.begun import Begun
from .._common.errors import EXPECTED, BitwardenError
from .._database.connection_string import SERVICE
from .._database.inspection import begin_row_counts, engine_version, running_server
from .._database.sqlcmd import SqlServer
from .._deployment.deployment import Deployment
from .._docker.containers import Container
from .._docker.host import EngineError
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
        self.deployment.engine.stop([one for one in self._containers() if one.is_up], timeout)
        left = sorted({one.service for one in self._containers() if one.is_up})
        if left:
            raise StopError(f"Still running after the stop: {', '.join(left)}.")

    def dump(self, journal: UpdateJournal, database: str, timeout: float) -> Dict[str, int]:
        """Have the database write the dump of the rollback, verified; return row counts.

        The stopped containers are removed meanwhile. Raises ``DatabaseError`` and ``EngineError``; then nothing is
        being written any more, and there is no dump.
        """
        dump = Dump(self.database, self.deployment.bwdata, database)
        journal.note(dump=dump.file)  # first, so that a run that is killed leaves none that nobody knows
        try:
            with Begun() as begun:
                try:
                    return self._dump(dump, database, timeout, begun)
                except EXPECTED:
                    # The rollback stops it as well. What it is writing ends with it.
                    with contextlib.suppress(EngineError):
                        self.deployment.engine.stop(self._containers(of_database=True), timeout)
                    raise
        except EXPECTED:
            with contextlib.suppress(OSError):
                dump.remove()
            raise

    def _dump(self, dump: Dump, database: str, timeout: float, begun: Begun) -> Dict[str, int]:
        writing = begun.add(dump.begin())
        begun.add(self.deployment.engine.begin_remove(self._containers(), timeout))
        counting = begun.add(begin_row_counts(self.database, database, KEPT_TABLES))
        writing()
        dump.verify(self.engine)
        return counting()

    def _containers(self, of_database: bool = False) -> List[Container]:
        """Return those of the database, or of all other services."""
        return [one for one in self.deployment.containers() if (one.service == SERVICE) is of_database]
