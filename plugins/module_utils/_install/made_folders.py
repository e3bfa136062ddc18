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
from typing import Iterator, List, Optional, Tuple

from .._common import atomic_file
from .._common.files import read_json
from .._deployment.journal import FOLDERS_MADE
from .._deployment.lock import server_lock
from .._deployment.runner import Account


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
    base = os.path.dirname(missing[0])
    with server_lock(base, timeout):
        _remove_unfinished(base)
        if os.path.lexists(missing[0]):
            return  # another run was quicker
        first = path = _beside(missing[0])
        try:
            for folder in missing:
                path = first if folder == missing[0] else os.path.join(path, os.path.basename(folder))
                if folder in (os.path.dirname(bwdata), bwdata):
                    make_folder(path, account)
                else:
                    os.mkdir(path)
            mark = os.path.join(path, FOLDERS_MADE)
            atomic_file.put(mark, json.dumps(missing).encode(), owner=owner_ids(account))
            os.rename(first, missing[0])
        except BaseException:
            _discard(first)
            raise
    atomic_file.sync_folder(base)


def _remove(bwdata: str) -> None:
    """Remove the folders that were made, from the outermost on in which there is nothing but the others."""
    made = _read(bwdata)
    for at, folder in enumerate(made):
        inner = [os.path.basename(one) for one in (*made[at + 1 :], FOLDERS_MADE)]
        with contextlib.suppress(OSError):
            if all(os.listdir(one) == [name] for one, name in zip(made[at:], inner)):
                aside = _beside(folder)
                os.rename(folder, aside)  # in one step: without its mark nobody would know it any more
                _discard(aside)
                if os.path.lexists(aside):
                    os.rename(aside, folder)
                return


def _read(bwdata: str) -> List[str]:
    with contextlib.suppress(OSError, ValueError):
        return [str(one) for one in read_json(os.path.join(bwdata, FOLDERS_MADE)) or ()]
    return []


def _remove_unfinished(base: str) -> None:
    """Remove the folders that a killed run was about to put in their place, or to remove."""
    for name in os.listdir(base):
        path = os.path.join(base, name)
        if name.startswith(atomic_file.PREFIX) and os.path.isdir(path) and not os.path.islink(path):
            _discard(path)


def _discard(folder: str) -> None:
    """Remove a folder in which there are only folders and the mark, as far as that is so."""
    with contextlib.suppress(OSError):
        for path, _folders, names in os.walk(folder, topdown=False):
            for name in names:
                if name == FOLDERS_MADE or name.startswith(atomic_file.PREFIX):
                    os.unlink(os.path.join(path, name))
            os.rmdir(path)


def _beside(folder: str) -> str:
    return os.path.join(os.path.dirname(folder), atomic_file.PREFIX + secrets.token_hex(8))
