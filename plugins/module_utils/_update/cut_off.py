# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An update that an earlier run did not end: completed where the new version was being started, else taken back."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List

from .._common import atomic_file
from .._common.errors import EXPECTED, message_of
from .._deployment.deployment import Deployment
from .._docker.running import running_container
from .._restore.journal import DATABASE, REPLACING, RestoreJournalError
from .._restore.proof import Proof, report
from .._restore.server import Server
from . import proof
from .journal import SERVING, UpdateJournal
from .plan import UpdateError
from .rollback import Rollback
from .serving import Serving
from .setup_tool import remove_leftovers


class CutOff:
    """What ``journal`` tells of an earlier run. ``mask`` hides the secrets in a text."""

    def __init__(self, journal: UpdateJournal, server: Server, mask: Callable[[str], str]) -> None:
        self._journal = journal
        self._server = server
        self._mask = mask
        #: What was done, as results show it.
        self.found: Dict[str, Any] = {}

    def clean_up(self, deployment: Deployment) -> None:
        """Remove what a run left but for what ``settle`` needs. Raises ``EngineError``."""
        for folder in (deployment.script.folder, os.path.join(deployment.bwdata, "scripts")):
            atomic_file.remove_stale(folder)
        if os.path.isdir(self._journal.folder):
            remove_leftovers(deployment)
            if not self._journal.has_replaced:
                self._journal.remove()

    def settle(self) -> None:
        """Complete the update or take it back. Raises ``UpdateError``; afterwards the server is on one version."""
        reason = self._started_since()
        if self._journal.phase != SERVING:
            self._take_back(reason)
            return
        state = self._journal.state
        try:
            serving = Serving(self._server, state.safety if state else None)
            self.found = {"changed": True, "services": serving.start()}
            found = [*serving.proofs(), *self._migrated()]
            self.found["proof"] = report(found)
            proof.require(found)
        except EXPECTED as error:
            reason = f"The update that was cut off cannot be completed: {self._told(error)} "
            self._require_movable_data(reason)
            self._take_back(reason)
        else:
            self._journal.close()

    def _migrated(self) -> List[Proof]:
        """Return whether the database is migrated: by the update, or by the services that were started since."""
        details = self._journal.details
        return [proof.migration_proof(details.migrations, self._server.migrations(details.database))] if details else []

    def _started_since(self) -> str:
        """Find out whether the server was started since; return why it is nevertheless taken back.

        What users have written then must not be lost: on the new version the update is to be completed.
        """
        journal, details, state = self._journal, self._journal.details, self._journal.state
        api = running_container(self._server.deployment().containers(), "api")
        if api is None or details is None or state is None or journal.phase not in (REPLACING, DATABASE):
            return ""
        version = api.image.rpartition(":")[2]
        if journal.phase == DATABASE and version == details.after:
            journal.note(phase=SERVING)
            return ""
        if journal.phase == REPLACING and (not state.replaced or version == details.before):
            return ""  # its database is left as it is
        reason = f"The server was started on {version} after an update to {details.after} had been cut off. "
        if details.in_volume:
            raise UpdateError(
                f"{reason}It is not taken back: users may have written to the database since, which is in a Docker "
                "volume, so it cannot be moved aside. To go back without that, stop the server (bitwarden.sh stop) and "
                "run update again."
            )
        journal.note(phase=DATABASE)
        return reason

    def _told(self, error: Any) -> str:
        return f"{self._mask(message_of(error)).rstrip('.')}."

    def _require_movable_data(self, reason: str) -> None:
        """Raise ``UpdateError`` where the rollback would lose what users have written since the update was cut off."""
        if self._journal.details is not None and self._journal.details.in_volume:
            raise UpdateError(
                f"{reason}It is not taken back either: users may have written to the database since, which is in a "
                "Docker volume, so it cannot be moved aside. Correct that and run update again, which completes it.",
                self.found,
            )

    def _take_back(self, reason: str) -> None:
        details = self._journal.details
        if details is None:
            raise RestoreJournalError(f"{self._journal.folder} does not tell of which version the update was.")
        rollback = Rollback(self._journal, self._server, keep_data=bool(reason))
        self.found.update(changed=True, rolled_back=False)
        try:
            self.found["services"] = rollback.go()
        except EXPECTED as error:
            raise UpdateError(
                f"{reason}The server was to go back to {details.before}, but then: {self._told(error)} Correct that "
                "and run update again, which goes back first.",
                self.found,
            ) from error
        finally:
            self.found["kept"] = rollback.kept
        self.found["rolled_back"] = True
        if reason:
            raise UpdateError(
                f"{reason}The server is running on {details.before} again, with the database as it was when it was "
                f"stopped. What was written to it since is only in {', '.join(rollback.kept)}.",
                self.found,
            )
