# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``bitwarden.sh`` as a file: it is not below bwdata, so it may be on another file system. All raise ``OSError``."""

from __future__ import annotations

import errno
import os

from .._common import atomic_file


def exchange(path: str, content: bytes) -> None:
    """Give a script another content; owner and mode stay."""
    _put_as(path, content, path)


def copy(path: str, target: str) -> None:
    """Copy a script with owner, mode and attributes."""
    with open(path, "rb") as stream:
        _put_as(target, stream.read(), path)


def move(path: str, target: str) -> None:
    """Move a script in place of another one. Within a file system that needs no space."""
    try:
        os.rename(path, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy(path, target)
        os.unlink(path)
    atomic_file.sync_folder(os.path.dirname(target))


def _put_as(path: str, content: bytes, like: str) -> None:
    status = os.stat(like)
    owner = (status.st_uid, status.st_gid) if os.geteuid() == 0 else None
    atomic_file.put(path, content, owner=owner, mode=status.st_mode & 0o7777, attributes_of=like)
