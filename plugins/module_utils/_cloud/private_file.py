# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file on the controller that holds secrets: read, whether it can be written, written."""

from __future__ import annotations

import os
import stat
from typing import Callable, NamedTuple, Optional

from .._api.errors import REQUEST, ApiError
from .._common import atomic_file

# Returns the content of the encrypted file of that path. Raises ``ApiError``.
Decrypt = Callable[[str], bytes]

_VAULT = b"$ANSIBLE_VAULT"
_OTHERS = 0o077  # the rights of all but the owner


class Present(NamedTuple):
    """A file that exists. ``content`` is decrypted where the file is ``encrypted`` (by ansible-vault)."""

    content: bytes
    encrypted: bool
    mode: int

    @property
    def open_to_others(self) -> bool:
        """Whether others than its owner have rights on secrets that are not encrypted."""
        return not self.encrypted and bool(self.mode & _OTHERS)


def no_vault(path: str) -> bytes:
    """Raise the error of a caller that cannot decrypt: ``ApiError``."""
    raise ApiError(REQUEST, f"dest is encrypted and cannot be decrypted from here: {path}.")


def read(path: str, decrypt: Decrypt) -> Optional[Present]:
    """Read the file; ``None`` where there is none. Raises ``ApiError``."""
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):  # a pipe would not even end
            raise ApiError(REQUEST, f"dest cannot be read on the controller: {path}: it is not a file.")
        with open(path, "rb") as stream:
            content = stream.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ApiError(REQUEST, f"dest cannot be read on the controller: {path}: {error.strerror}.") from error
    encrypted = content.startswith(_VAULT)
    return Present(decrypt(path) if encrypted else content, encrypted, stat.S_IMODE(found.st_mode))


def require_writable(path: str) -> None:
    """Check that ``write`` can work, without a trace. Raises ``ApiError``."""
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        raise _not_written(path, f"{folder} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _not_written(path, f"no permission to write to {folder}")


def write(path: str, text: str) -> None:
    """Put a file in its place at once, readable only by its owner. Raises ``ApiError``."""
    target = os.path.realpath(path)  # behind a link, which may lead to another file system
    try:
        atomic_file.remove_stale(os.path.dirname(target))
        atomic_file.put(target, text.encode("utf-8"))
    except OSError as error:
        raise _not_written(path, str(error.strerror)) from error


def _not_written(path: str, reason: str) -> ApiError:
    return ApiError(REQUEST, f"dest cannot be written on the controller: {path}: {reason}.")
