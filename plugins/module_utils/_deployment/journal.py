# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The old content of the env files that a run writes, kept on disk until the server is healthy on the new one.

So the next run can finish, or roll back, what a run began that was cut off: killed, or ended by a reboot.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from .._common import atomic_file
from .._common.errors import BitwardenError
from .._common.files import read_json
from .._settings.override_file import FILES, OverrideFile

_NAME = ".bitwarden-journal-{}.json"

#: The folder in bwdata of a restore that is under way (see ``_restore/journal.py``).
RESTORE_FOLDER = ".bitwarden-restore"
#: The same of an update (see ``_update/journal.py``).
UPDATE_FOLDER = ".bitwarden-update"
#: Names the folders that were made for a server that is not there yet (see ``_install/made_folders.py``).
FOLDERS_MADE = ".bitwarden-folders-made.json"
_PROVEN_OR_NOT_BEGUN = ("preparing", "proven")

#: Where, below bwdata, a change of config.yml or of the certificate keeps the files as they were (_reconfiguration).
LEFT_BEHIND = "env/.bitwarden-journal-files.json"


class JournalError(BitwardenError):
    """A record of the journal that cannot be read. The message names its path."""


class Record(NamedTuple):
    """One env file that was written: its content before the first write, and digests of what was written since.

    ``now`` is its content as this run knows it.
    """

    file: OverrideFile
    before: bytes
    now: bytes
    written: Tuple[str, ...]


class Journal:
    """The records of one server. Use it only under the server's lock.

    ``unproven`` are the files, by their keys in ``FILES``, on whose content the server has not been healthy yet.
    ``warnings`` tell of a run that was cut off.
    """

    def __init__(self, bwdata: str) -> None:
        """Read the records. Raises ``JournalError`` and ``OverrideFileError``; changes nothing."""
        self._bwdata = bwdata
        self.unproven: Dict[str, Record] = {}
        self.warnings: List[str] = []
        self._restored: List[Record] = []
        self._superseded: List[Record] = []
        for name in FILES:
            record = self._read(name)
            if record is not None:
                self._sort(record)

    def clean_up(self) -> None:
        """Remove what earlier runs left: temporary files, and records that nothing can be done with.

        The old content of a file that another process has changed since becomes a backup. Raises
        ``OverrideFileError``.
        """
        for folder in {os.path.join(self._bwdata, "env"), *(self._file(name).folder for name in FILES)}:
            atomic_file.remove_stale(folder, exclusive=True)
        for record in self._superseded:
            record.file.back_up(record.before)
        for record in (*self._superseded, *self._restored):
            self._remove(record.file.name)

    def begin(self, file: OverrideFile, before: bytes, after: bytes) -> None:
        """Keep ``before``, or what is kept already, before ``after`` is written. Raises ``OverrideFileError``."""
        known = self.unproven.get(file.name)
        oldest, written = (known.before, known.written) if known else (before, ())
        record = Record(file, oldest, after, (*written, _digest(after)))
        content = {"before": base64.b64encode(record.before).decode(), "written": list(record.written)}
        file.put_beside(self._path(file.name), json.dumps(content).encode())
        self.unproven[file.name] = record

    def roll_back(self) -> List[Dict[str, str]]:
        """Restore the files; return what that changes in them. Raises ``OverrideFileError``."""
        changes: List[Dict[str, str]] = []
        for record in self.unproven.values():
            if record.now != record.before:
                changes += record.file.difference(record.now, record.before).summary()
                record.file.exchange(record.now, record.before)
        return changes

    def close(self) -> None:
        """Forget the old content: the server is healthy on the new one, or the old one is restored."""
        for name in list(self.unproven):
            self._remove(name)
        self.unproven.clear()

    def forget(self, name: str) -> None:
        """Forget one file, which was not written after all."""
        self._remove(name)
        self.unproven.pop(name, None)

    def _read(self, name: str) -> Optional[Record]:
        path = self._path(name)
        try:
            data = read_json(path)
            if data is None:
                return None
            before, written = base64.b64decode(data["before"], validate=True), tuple(map(str, data["written"]))
        except PermissionError:
            return None  # without rights, the file that it is about cannot be used either, and says so
        except OSError as error:
            raise JournalError(f"{path} cannot be read: {error.strerror}. Run as its owner or as root.") from None
        except (ValueError, KeyError, TypeError):
            raise JournalError(
                f"{path}, where a run keeps the old content of {FILES[name]}, is damaged. Remove it once {FILES[name]} "
                "has the settings that the server should run on."
            ) from None
        file = self._file(name)
        return Record(file, before, file.read_bytes(), written)

    def _sort(self, record: Record) -> None:
        path = record.file.path
        if record.now == record.before:
            self._restored.append(record)
            self.warnings.append(f"A run was cut off while it changed {path}. The file has the content from before it.")
        elif _digest(record.now) in record.written:
            self.unproven[record.file.name] = record
            self.warnings.append(
                f"A run was cut off after it wrote {path}, before the server was found healthy on it. The content from "
                "before it is kept until then, and restored if the server does not become healthy (see rollback)."
            )
        else:
            self._superseded.append(record)
            self.warnings.append(
                f"A run was cut off after it wrote {path}, and another process has changed the file since. The content "
                "from before that run is kept as a backup beside it."
            )

    def _remove(self, name: str) -> None:
        # One that stays is read by the next run, which finds the server healthy or the file restored.
        with contextlib.suppress(OSError):
            os.unlink(self._path(name))
            atomic_file.sync_folder(os.path.dirname(self._path(name)))

    def _path(self, name: str) -> str:
        return os.path.join(self._bwdata, "env", _NAME.format(name))

    def _file(self, name: str) -> OverrideFile:
        return OverrideFile(self._bwdata, name)


def open_journal(bwdata: str, warn: Callable[[str], None], check_mode: bool) -> Journal:
    """Return the journal, after its warnings were given to ``warn`` and, unless in check mode, it was cleaned up.

    Raises ``JournalError`` and ``OverrideFileError``.
    """
    require_no_restore(bwdata)
    require_no_update(bwdata)
    journal = Journal(bwdata)
    for warning in journal.warnings:
        warn(warning)
    if not check_mode:
        journal.clean_up()
    return journal


def require_no_restore(bwdata: str) -> None:
    """Raise ``JournalError`` where a restore was cut off: files and database may be of two different times."""
    if _is_under_way(os.path.join(bwdata, RESTORE_FOLDER)):
        raise JournalError(
            f"A restore was cut off while it replaced files of {bwdata}, so the server is not whole. Run module "
            "restore again, which takes the old files back and begins again."
        )


def require_no_update(bwdata: str) -> None:
    """Raise ``JournalError`` where an update was cut off: files and database may be of two different versions."""
    folder = os.path.join(bwdata, UPDATE_FOLDER)
    if _is_under_way(folder):
        raise JournalError(
            f"An update was cut off while it replaced files of {bwdata}, so the server is between two versions. Run "
            f"module update again, which completes it or takes it back. If that is not possible, remove {folder} and "
            "restore the backup from before it (module restore)."
        )


def _is_under_way(folder: str) -> bool:
    try:
        state = read_json(os.path.join(folder, "journal.json"))
        return state is not None and state["phase"] not in _PROVEN_OR_NOT_BEGUN
    except OSError:
        return False  # it is not for this user, who cannot use the rest of bwdata either
    except (ValueError, KeyError, TypeError):
        return True


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
