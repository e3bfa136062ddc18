# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folders of a server that is not there yet: made as a whole with a mark in them, so that they can be removed.

At no time are they in their place without the mark, which names them, nor is a folder removed that nobody made here.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from typing import Callable, Iterator, List, Optional, Tuple

from .._commands.runner import Account
from .._common import atomic_file
from .._common.files import read_json
from .._deployment.journal import FOLDERS_MADE
from .._deployment.lock import LockError, server_lock

# Of every file by which a folder is known, and of what is about to become one.
_MARKS = ".bitwarden-"


@contextlib.contextmanager
def data_folder(bwdata: str, account: Optional[Account], timeout: float) -> Iterator[int]:
    """Have the data folder exist, and those on the way to it; hold its lock, waited for up to ``timeout`` seconds.

    Yields the lock. What was made, also by a run that was killed, is removed at the end unless there is anything in it.
    """
    if account is not None:
        _make(bwdata, account, timeout)
    with server_lock(bwdata, timeout) as lock, removed_if_empty(bwdata):
        yield lock


@contextlib.contextmanager
def removed_if_empty(bwdata: str) -> Iterator[None]:
    """Remove the folders at the end, also those of a run that was killed, unless there is anything in them."""
    try:
        yield
    finally:
        _remove(bwdata)


def forget_folders(bwdata: str) -> None:
    """Take the folders for those of a server from here on."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(bwdata, FOLDERS_MADE))


def make_folder(path: str, account: Account) -> bool:
    """Make one folder for ``account``, for no one else to read; return whether it did not exist."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return False
    if not account.is_current():
        os.chown(path, account.uid, account.gid)
    return True


def owner_ids(account: Account) -> Optional[Tuple[int, int]]:
    """Return user and group id of the files of ``account``, None where this process already runs as it."""
    return None if account.is_current() else (account.uid, account.gid)


def _make(bwdata: str, account: Account, timeout: float) -> None:
    missing = [bwdata]
    while not os.path.lexists(os.path.dirname(missing[0])):
        missing.insert(0, os.path.dirname(missing[0]))

    def fill(path: str) -> None:
        for folder in missing:
            path = path if folder == missing[0] else os.path.join(path, os.path.basename(folder))
            if folder in (os.path.dirname(bwdata), bwdata):
                make_folder(path, account)
            else:
                os.mkdir(path)
        mark = os.path.join(path, FOLDERS_MADE)
        atomic_file.put(mark, json.dumps(missing).encode(), owner=owner_ids(account))

    put_whole(missing[0], fill, timeout)


def put_whole(folder: str, fill: Callable[[str], object], timeout: float) -> bool:
    """Put a folder in its place unless it is there, and tell whether; ``fill`` makes it elsewhere, with a mark in it.

    Raises ``LockError`` where another run does that for longer than ``timeout`` seconds, and ``OSError``.
    """
    base = os.path.dirname(folder)
    with server_lock(base, timeout):
        _remove_unfinished(base)
        if os.path.lexists(folder):
            return False  # another run was quicker
        aside = _beside(folder)
        try:
            fill(aside)
            os.rename(aside, folder)
        except BaseException:
            _discard(aside)
            raise
    atomic_file.sync_folder(base)
    return True


def remove_whole(folder: str) -> None:
    """Remove a folder in which there are only folders and a mark, which nobody would know without it.

    Raises ``OSError``; then it is as it was.
    """
    aside = _beside(folder)
    os.rename(folder, aside)
    _discard(aside)
    if os.path.lexists(aside):
        os.rename(aside, folder)


def _remove(bwdata: str) -> None:
    """Remove the folders that were made, from the outermost on in which there is nothing but the others."""
    made = _read(bwdata)
    for at, folder in enumerate(made):
        inner = [os.path.basename(one) for one in (*made[at + 1 :], FOLDERS_MADE)]
        with contextlib.suppress(OSError):
            if all(os.listdir(one) == [name] for one, name in zip(made[at:], inner)):
                remove_whole(folder)
                return


def _read(bwdata: str) -> List[str]:
    with contextlib.suppress(OSError, ValueError):
        return [str(one) for one in read_json(os.path.join(bwdata, FOLDERS_MADE)) or ()]
    return []


def remove_unfinished(base: str) -> None:
    """Remove what killed runs left in ``base`` that they were about to put in its place, or to remove, if possible."""
    with contextlib.suppress(LockError, OSError), server_lock(base, 0.0):
        _remove_unfinished(base)


def _remove_unfinished(base: str) -> None:
    for name in os.listdir(base):
        path = os.path.join(base, name)
        if name.startswith(atomic_file.PREFIX) and os.path.isdir(path) and not os.path.islink(path):
            _discard(path)


def _discard(folder: str) -> None:
    """Remove a folder in which there are only folders and marks, as far as that is so."""
    with contextlib.suppress(OSError):
        for path, _folders, names in os.walk(folder, topdown=False):
            for name in names:
                if name.startswith(_MARKS):
                    os.unlink(os.path.join(path, name))
            os.rmdir(path)


def _beside(folder: str) -> str:
    return os.path.join(os.path.dirname(folder), atomic_file.PREFIX + secrets.token_hex(8))
