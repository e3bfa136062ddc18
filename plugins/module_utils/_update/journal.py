# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an update replaces, kept beside it until the new version is proven; a run that was cut off leaves it."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any, List, NamedTuple, Optional

from .._common import atomic_file
from .._common.files import read_json
from .._deployment.journal import UPDATE_FOLDER
from .._restore.journal import DATABASE, PREPARING, PROVEN, REPLACING, RestoreJournal, RestoreJournalError

#: The services of the new version are started: from here on users may have written to the database.
SERVING = "serving"
#: Files and database are those of the old version again, and its services are started: as above.
TAKEN_BACK = "taken_back"

_DETAILS = "update.json"
_RESERVE = "reserve"
# What the rollback writes: entries of folders, and the journal.
_RESERVED = 256 * 1024


class Details(NamedTuple):
    """What a later run has to know of an update beside the journal itself.

    ``before`` and ``after`` are the versions, ``database`` is the database's name. ``engine_step``: the files of SQL
    Server cannot be read by the old image any more. ``in_volume``: they are in a Docker volume. ``aside`` is where they
    were moved for the rollback. ``migrations`` are those of the new release, None where they are not known.
    """

    before: str
    after: str
    database: str
    engine_step: bool
    in_volume: bool = False
    aside: Optional[str] = None
    migrations: Optional[List[str]] = None


class UpdateJournal(RestoreJournal):
    """The folder in ``bwdata`` in which an update keeps new files until they are put in place, and then the old ones.

    Use it only under the server's lock.
    """

    FOLDER = UPDATE_FOLDER
    PHASES = (PREPARING, REPLACING, DATABASE, SERVING, TAKEN_BACK, PROVEN)

    def __init__(self, bwdata: str) -> None:
        """Read what a run that was cut off has left. Raises ``RestoreJournalError``; changes nothing."""
        super().__init__(bwdata)
        self.details = self._read_details()
        if self.has_replaced and self.details is None:
            raise RestoreJournalError(
                f"{self._path(_DETAILS)} is missing or damaged, and an update was cut off. Restore the last backup "
                f"(module restore), and remove {self.folder} first."
            )

    @property
    def phase(self) -> str:
        """How far the update has come, empty where there is none."""
        return self.state.phase if self.state else ""

    @property
    def has_replaced(self) -> bool:
        """Whether a run may have replaced something, and nobody has found the server healthy on it."""
        return self.phase in (REPLACING, DATABASE, SERVING, TAKEN_BACK)

    def warning(self) -> str:
        """Return what to say of a run that was cut off, empty where none was."""
        if self.details is None or not self.has_replaced:
            return ""
        begun = f"An update from {self.details.before} to {self.details.after} was cut off"
        if self.phase == SERVING:
            return f"{begun} after the database was migrated. This run completes it."
        if self.phase == TAKEN_BACK:
            return f"{begun} after it was taken back. This run starts the server on {self.details.before} first."
        return (
            f"{begun} while the server was down. This run takes it back first, or completes it if the new version was "
            "started since."
        )

    def begin(self, name: str, safety: Optional[str] = None, new: bool = False) -> None:
        """Start an update to the version ``name``; details of one that was settled before are forgotten."""
        self.details = None
        super().begin(name, safety, new)

    def describe(self, **changes: Any) -> None:
        """Write down details: all of them, or those that have changed. Raises ``OSError``."""
        self.details = self.details._replace(**changes) if self.details else Details(**changes)
        self._put(_DETAILS, json.dumps(self.details._asdict()).encode())

    def reserve(self) -> None:
        """Take the space that the rollback writes to, should the disk be full by then. Raises ``OSError``."""
        self._put(_RESERVE, os.urandom(_RESERVED))  # what is random no file system makes smaller

    def release(self) -> None:
        """Give that space free."""
        with contextlib.suppress(OSError):
            os.unlink(self._path(_RESERVE))

    def _put(self, name: str, content: bytes) -> None:
        atomic_file.put(self._path(name), content)
        self._give_to_owner(self._path(name))

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _read_details(self) -> Optional[Details]:
        with contextlib.suppress(OSError, ValueError, TypeError):
            return Details(**read_json(self._path(_DETAILS)))
        return None
