# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files replaced as a whole: whatever ends the process, the old or the new content is there, complete and protected."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
import time
from typing import Optional, Tuple

# Of every temporary file of this collection, so that a later run recognizes one that a killed run left. Compose and
# Bitwarden read only names that end in .env.
PREFIX = ".bitwarden-tmp-"

# A new file inherits one from its folder, which could open it to more users than the old file.
_ACCESS_LIST = "system.posix_acl_access"

# An empty file may be one that another process creates right now and has not locked yet.
_JUST_CREATED = 60.0


def put(
    path: str,
    data: bytes,
    *,
    owner: Optional[Tuple[int, int]] = None,
    mode: int = 0o600,
    attributes_of: Optional[str] = None,
) -> None:
    """Replace ``path``, or create it, with ``data``. The folder must exist; a link is replaced, not followed.

    ``owner`` is a user and a group id; ``attributes_of`` is the file whose extended attributes (SELinux context, access
    control list) the new one gets. Until the content is complete it is in a file beside ``path`` that only its owner
    can read, and that is locked as long as its process is running. Raises ``OSError``, which
    names ``path``; that is as it was then.
    """
    temporary = os.path.join(os.path.dirname(path), PREFIX + secrets.token_hex(8))
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            with contextlib.suppress(OSError):  # not on every file system
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            created = os.fstat(descriptor)
            if owner is not None and owner != (created.st_uid, created.st_gid):
                os.fchown(descriptor, *owner)
            stream.write(data)
            stream.flush()
            os.fchmod(descriptor, mode)
            if attributes_of is not None:
                _copy_attributes(attributes_of, descriptor)
            os.fsync(descriptor)
            os.rename(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename in (None, temporary):
            error.filename = path  # what cannot be written, for messages: a full disk is not told with a name
        raise
    sync_folder(os.path.dirname(path))


def sync_folder(folder: str) -> None:
    """Have a rename or removal in ``folder`` survive a power failure, where the file system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_stale(folder: str, exclusive: bool = False) -> None:
    """Remove the temporary files in ``folder`` whose process has ended.

    ``exclusive`` says that no other process can be writing there, because this one holds a lock.
    """
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(PREFIX):
                with contextlib.suppress(OSError):
                    _remove_if_stale(os.path.join(folder, name), exclusive)


def _remove_if_stale(path: str, exclusive: bool) -> None:
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        return
    if exclusive:
        os.unlink(path)
        return
    if not status.st_size and time.time() - status.st_mtime < _JUST_CREATED:
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    finally:
        os.close(descriptor)


def _copy_attributes(source: str, descriptor: int) -> None:
    """Copy what this process may copy; the mode has been set before."""
    try:
        wanted = {name: os.getxattr(source, name) for name in os.listxattr(source)}
        present = {name: os.getxattr(descriptor, name) for name in os.listxattr(descriptor)}
    except OSError:  # the file system has none
        return
    for name, value in wanted.items():
        if present.get(name) != value:
            with contextlib.suppress(OSError):
                os.setxattr(descriptor, name, value)
    if _ACCESS_LIST in present and _ACCESS_LIST not in wanted:
        os.removexattr(descriptor, _ACCESS_LIST)
