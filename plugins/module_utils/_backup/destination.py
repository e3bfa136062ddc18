# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder of the sets: whether it can be used, whether there is space, and what killed runs left in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import stat
import time
from typing import Dict, Iterator, List, Mapping, Tuple

from .sets import PART, is_archive, sidecar

# A part may be one that another process creates right now and has not locked yet.
_JUST_CREATED = 60.0
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
# What is written beside the content itself, and what other processes write meanwhile.
_RESERVE = 16 << 20


def destination_problems(dest: str, bwdata: str, option: str = "dest") -> List[str]:
    """Return why sets cannot be kept in ``dest``, which the option of this name sets; it need not exist yet."""
    real, data = os.path.realpath(dest), os.path.realpath(bwdata)
    seen = dest if real == os.path.abspath(dest) else f"{dest} (which is {real})"
    if real == data or real.startswith(data + "/"):
        return [
            f"{option}: {seen} is inside bwdata ({data}), where every start of the server changes owners and "
            f"uninstall removes it. Set {option} to a folder elsewhere."
        ]
    existing = _existing(real)
    if not os.path.isdir(existing):
        return [f"{option}: {existing} is not a folder. Set {option} to a folder."]
    if not os.access(existing, os.R_OK | os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        needed = "written to" if existing == real else f"written to, so {seen} cannot be created"
        return [
            f"{option}: {existing} cannot be {needed} by this user. Run the task as root (become), or set {option}."
        ]
    return []


def create(dest: str) -> str:
    """Create the folder, open to its owner only, and return its real path. Raises ``OSError``."""
    real = os.path.realpath(dest)
    os.makedirs(os.path.dirname(real), 0o755, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.mkdir(real, 0o700)
    return real


def space_problems(needs: Mapping[str, Tuple[int, str]], option: str = "dest") -> List[str]:
    """Return where too little space is free. ``needs``: folder → bytes, and what they are for; ``option`` sets it."""
    by_device: Dict[int, List[Tuple[str, int, str]]] = {}
    for folder, (size, what) in needs.items():
        existing = _existing(os.path.realpath(folder))
        by_device.setdefault(os.stat(existing).st_dev, []).append((existing, size, what))
    problems = []
    for parts in by_device.values():
        folder, needed = parts[0][0], sum(size for _folder, size, _what in parts) + _RESERVE
        free = shutil.disk_usage(folder).free
        if free < needed:
            uses = " and ".join(f"{_size(size)} for {what}" for _folder, size, what in parts)
            problems.append(
                f"Too little space on the file system of {folder}: {_size(free)} free, {_size(needed)} needed "
                f"({uses}). Free some, or set {option} to another file system."
            )
    return problems


@contextlib.contextmanager
def part(folder: str) -> Iterator[str]:
    """Give the path of a part that does not exist yet, locked while it is used; what is left of it is removed."""
    path = os.path.join(folder, PART + secrets.token_hex(8))
    # Beside it, because the part itself is renamed in the end.
    lock = os.open(f"{path}.lock", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with contextlib.suppress(OSError):  # not on every file system
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield path
    finally:
        remove(path)
        with contextlib.suppress(OSError):
            os.unlink(f"{path}.lock")
        os.close(lock)


def becomes(path: str, archive: str) -> None:
    """Note that a part becomes this archive, or was it: should the run be killed, one without its manifest goes."""
    with open(f"{path}.lock", "w", encoding="utf-8") as lock:
        lock.write(os.path.basename(archive))


def remove_stale_parts(folder: str) -> None:
    """Remove the parts whose process has ended, and archives that it has only half made, or half removed."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if name.startswith(PART) and not name.endswith(".lock") and _is_stale(path):
                remove(path)
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if name.startswith(PART) and name.endswith(".lock") and _is_stale(path[: -len(".lock")]):
                _remove_half_of_archive(path)
                os.unlink(path)


def _remove_half_of_archive(lock: str) -> None:
    """Remove the archive that a lock notes, or its manifest, where it has only one of them."""
    with open(lock, encoding="utf-8", errors="replace") as stream:
        name = stream.read()
    path = os.path.join(os.path.dirname(lock), name)
    halves = [one for one in (path, sidecar(path)) if is_archive(name) and os.path.lexists(one)]
    if len(halves) == 1:
        remove(halves[0])


def _is_stale(path: str) -> bool:
    try:
        descriptor = os.open(f"{path}.lock", os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return os.path.lexists(path) and time.time() - os.lstat(path).st_mtime > _JUST_CREATED
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def remove(path: str) -> None:
    """Remove a file, or a folder with all that is in it, whatever its rights. Raises ``OSError``."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(mode):
        os.unlink(path)
        return
    for folder, _folders, _files in os.walk(path):
        # The folders in it are visited after this one has been opened.
        for name in [folder, *(os.path.join(folder, one) for one in _folders)]:
            if not os.path.islink(name):
                os.chmod(name, 0o700)
    shutil.rmtree(path)


def _existing(path: str) -> str:
    """Return the path, or the nearest folder above it that exists."""
    while not os.path.lexists(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path


def _size(count: float) -> str:
    """Write a number of bytes in its largest unit."""
    for unit in _UNITS[:-1]:
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == _UNITS[0] else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} {_UNITS[-1]}"
