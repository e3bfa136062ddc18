# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore replaces, kept beside it until the restore is proven; a run that was cut off leaves it to the next."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from .._common import atomic_file
from .._common.errors import BitwardenError
from .._common.files import read_json, remove
from .._deployment.journal import FOLDERS_MADE, RESTORE_FOLDER
from .._scripts import script_file
from .here import SCRIPT_PATH

_STATE = "journal.json"
_NEW = "new"
_OLD = "old"
_KEPT = ".bitwarden-replaced-"
_SCRIPT = "bitwarden.sh"

#: How far a run has come: nothing is replaced yet; files may be replaced; the database as well; the restore is proven.
PREPARING = "preparing"
REPLACING = "replacing"
DATABASE = "database"
PROVEN = "proven"
_PHASES = (PREPARING, REPLACING, DATABASE, PROVEN)


class RestoreJournalError(BitwardenError):
    """The journal cannot be read. The message names its path and what to do."""


class State(NamedTuple):
    """What the next run has to know.

    ``set`` is what is restored, ``safety`` the path of the safety backup, ``dump`` that of the copy of the set's
    database which SQL Server reads. ``replaced`` are the paths below bwdata that are replaced, each with whether
    there was anything before. ``new``: there was no server at all. ``script`` is the path of ``bitwarden.sh`` where it
    is replaced, and whether there was one before.
    """

    phase: str
    set: str
    safety: Optional[str] = None
    dump: Optional[str] = None
    replaced: Tuple[Tuple[str, bool], ...] = ()
    new: bool = False
    script: Optional[Tuple[str, bool]] = None


class RestoreJournal:
    """The folder in ``bwdata`` in which a restore keeps new files until they are put in place, and then the old ones.

    Renames do not leave the file system, so nothing is copied twice. Use it only under the server's lock.
    """

    FOLDER = RESTORE_FOLDER
    PHASES: Tuple[str, ...] = _PHASES

    def __init__(self, bwdata: str) -> None:
        """Read what a run that was cut off has left. Raises ``RestoreJournalError``; changes nothing."""
        self.bwdata = bwdata
        self.folder = os.path.join(bwdata, self.FOLDER)
        self.state = self._read()

    @property
    def has_replaced(self) -> bool:
        """Whether a run may have replaced something, and nobody has found the server healthy on it."""
        return self.state is not None and self.state.phase in (REPLACING, DATABASE)

    def warning(self) -> str:
        """Return what to say of a run that was cut off, empty where none was."""
        state = self.state
        if state is None or state.phase == PREPARING:
            return ""
        if state.phase == PROVEN:
            return f"A restore from {state.set} was cut off after it was proven. Only its leftovers are removed."
        begun = " and the database" if state.phase == DATABASE else ""
        kept = f" The safety backup of that run is {state.safety}." if state.safety else ""
        return (
            f"A restore from {state.set} was cut off while it replaced files{begun}. This run takes the old files back "
            f"and begins again.{kept}"
        )

    def new(self, path: str) -> str:
        """Return where the new file or folder for ``path`` below bwdata is prepared."""
        return os.path.join(self.folder, _NEW, path)

    def old(self, path: str) -> str:
        """Return where the old file or folder of ``path`` below bwdata is kept."""
        return os.path.join(self.folder, _OLD, path)

    def begin(self, name: str, safety: Optional[str] = None, new: bool = False) -> None:
        """Start for the set ``name``: what an earlier run had replaced is taken back first. Raises ``OSError``.

        The safety backup of that run stays. So does its phase where its database may be half restored.
        """
        state = self.state
        if state is not None and state.phase == PROVEN:
            self._forget_folders()
            self._remove_folder()
        elif state is not None and self.has_replaced:
            self.take_back()
            self.take_script_back()
            self._remove_dump(state)
            phase = DATABASE if state.phase == DATABASE else PREPARING
            self.note(phase=phase, set=name, replaced=(), dump=None, script=None, safety=state.safety or safety)
            self._remove_content()
            return
        else:
            if state is not None:
                self._remove_dump(state)
            self._remove_folder()
        os.mkdir(self.folder, 0o700)
        self._give_to_owner(self.folder)
        self._write(State(PREPARING, name, safety, new=new))

    def note(self, **changes: Any) -> None:
        """Write down what has changed: fields of ``State``. Raises ``OSError``."""
        if self.state is not None:
            self._write(self.state._replace(**changes))

    def replace(self, *paths: str) -> None:
        """Put the prepared files or folders in place of ``paths`` below bwdata. Raises ``OSError``."""
        targets = {path: os.path.join(self.bwdata, path) for path in paths}
        noted = tuple((path, os.path.lexists(target)) for path, target in targets.items())
        self.note(replaced=(*(self.state.replaced if self.state else ()), *noted))
        for path, existed in noted:
            self._make_folders(os.path.dirname(self.old(path)))
            if existed:
                os.rename(targets[path], self.old(path))
            self._make_folders(os.path.dirname(targets[path]))
            os.rename(self.new(path), targets[path])
        for folder in sorted({os.path.dirname(target) for target in targets.values()}):
            atomic_file.sync_folder(folder)

    def take_back(self) -> List[str]:
        """Put back what was replaced, whatever step it was cut off at; return the paths. Raises ``OSError``."""
        done = []
        for path, existed in reversed(self.state.replaced if self.state else ()):
            target, old, new = os.path.join(self.bwdata, path), self.old(path), self.new(path)
            is_new = os.path.lexists(old) if existed else not os.path.lexists(new)
            if is_new and os.path.lexists(target):
                self._make_folders(os.path.dirname(new))
                os.rename(target, new)
            if existed and os.path.lexists(old):
                self._make_folders(os.path.dirname(target))
                os.rename(old, target)
                done.append(path)
            atomic_file.sync_folder(os.path.dirname(target))
        return done[::-1]

    def before(self, path: str) -> str:
        """Return where what was at ``path`` below bwdata before the restore is now, as a path below bwdata."""
        state = self.state
        if path == SCRIPT_PATH:
            path_now, existed = (state and state.script) or ("", True)
            is_moved = path_now and (not existed or os.path.lexists(self.old(_SCRIPT)))
            return os.path.join(self.FOLDER, _OLD, _SCRIPT) if is_moved else path
        for unit, existed in state.replaced if state else ():
            if f"{path}/".startswith(f"{unit}/") and (not existed or os.path.lexists(self.old(unit))):
                return os.path.join(self.FOLDER, _OLD, path)
        return path

    def put_script(self, path: str, content: bytes, owner: Optional[Tuple[int, int]] = None) -> None:
        """Replace ``bitwarden.sh``, which is not below bwdata, or create it for ``owner``. Raises ``OSError``."""
        kept, existed = self.old(_SCRIPT), os.path.lexists(path)
        if existed and not os.path.lexists(kept):
            self._make_folders(os.path.dirname(kept))
            script_file.copy(path, kept)
        self.note(script=(path, existed))
        if existed:
            script_file.exchange(path, content)
        else:
            atomic_file.put(path, content, owner=owner if os.geteuid() == 0 else None, mode=0o700)

    def take_script_back(self) -> None:
        """Put ``bitwarden.sh`` back as it was, where it was replaced. Raises ``OSError``."""
        path, existed = (self.state and self.state.script) or ("", True)
        kept = self.old(_SCRIPT)
        if path and existed and os.path.lexists(kept):
            script_file.move(kept, path)
        elif not existed:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def close(self) -> None:
        """Remove the old files and the journal; what cannot be removed is left to the next run."""
        with contextlib.suppress(OSError):
            self.note(phase=PROVEN)
        self._forget_folders()
        self.remove()

    def keep_old(self) -> str:
        """Keep the old files for good, beside the new ones, and end the journal; return their folder, empty if none."""
        target, old = "", os.path.join(self.folder, _OLD)
        if os.path.isdir(old) and os.listdir(old):
            target = unused(os.path.join(self.bwdata, _KEPT))
            os.rename(old, target)
        self.close()
        return target

    def remove(self) -> None:
        """Remove whatever is left, the journal last. Take back first what was replaced."""
        if self.state is not None:
            self._remove_dump(self.state)
        with contextlib.suppress(OSError):
            self._remove_folder()
            self.state = None

    def make_folder(self, path: str) -> str:
        """Make the folder of the new file ``path``, and return the file's path. Raises ``OSError``."""
        target = self.new(path)
        self._make_folders(os.path.dirname(target))
        return target

    def _make_folders(self, folder: str) -> None:
        if os.path.isdir(folder):
            return
        self._make_folders(os.path.dirname(folder))
        os.mkdir(folder, 0o700)
        self._give_to_owner(folder)

    def _give_to_owner(self, path: str) -> None:
        if os.geteuid() == 0:
            status = os.stat(self.bwdata)
            os.chown(path, status.st_uid, status.st_gid)

    def _forget_folders(self) -> None:
        """Take the folders that were made for a server that is new for those of a server."""
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(self.bwdata, FOLDERS_MADE))

    def _remove_content(self) -> None:
        for name in (_NEW, _OLD):
            remove(os.path.join(self.folder, name))

    @staticmethod
    def _remove_dump(state: State) -> None:
        if state.dump:
            with contextlib.suppress(OSError):
                os.unlink(state.dump)

    def _remove_folder(self) -> None:
        self._remove_content()
        if os.path.isdir(self.folder):
            remove(self.folder)
            atomic_file.sync_folder(self.bwdata)

    def _write(self, state: State) -> None:
        atomic_file.put(os.path.join(self.folder, _STATE), json.dumps(state._asdict()).encode())
        self._give_to_owner(os.path.join(self.folder, _STATE))
        self.state = state

    def _read(self) -> Optional[State]:
        path = os.path.join(self.folder, _STATE)
        try:
            data: Optional[Dict[str, Any]] = read_json(path)
            if data is None:
                return None
            replaced = tuple((str(one), bool(existed)) for one, existed in data["replaced"])
            script = tuple(data["script"]) if data.get("script") else None
            state = State(**{**data, "replaced": replaced, "script": script})
        except OSError as error:
            raise RestoreJournalError(
                f"{path} cannot be read: {error.strerror}. Run as the owner of bwdata or as root."
            ) from None
        except (ValueError, KeyError, TypeError):
            state = None
        if state is None or state.phase not in self.PHASES:
            raise RestoreJournalError(
                f"{path}, where a restore keeps what it replaces, is damaged. Move the files below {self.folder} back "
                "to where they belong in bwdata, or remove that folder to keep the files that are in place now."
            )
        return state


def unused(beginning: str) -> str:
    """Return a path that does not exist: ``beginning``, the time, and a number where that is taken."""
    path = beginning + time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    candidates = (path, *(f"{path}.{number}" for number in range(1, 1000)))
    return next(one for one in candidates if not os.path.lexists(one))
