# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The old content of files below bwdata, kept on disk until the server is healthy with the new one.

A run that was cut off leaves it; the next one finishes what that one began, or restores the files.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import stat
from typing import Any, Dict, Iterable, Mapping, NamedTuple, Optional, Tuple

from .._common import atomic_file
from .._common.errors import BitwardenError
from .._common.files import read_json
from .._deployment.journal import LEFT_BEHIND


class KeptFilesError(BitwardenError):
    """The record cannot be read or written, or a file not be restored. The message names its path."""


class KeptFile(NamedTuple):
    """A file as it was: its content (None: there was none), its mode, and its user and group."""

    content: Optional[bytes]
    mode: int
    owner: Tuple[int, int]


class KeptFiles:
    """The files of one server, by their paths below ``bwdata``. Use it only under the server's lock.

    ``rebuilds``: the run that kept them was to rebuild the server's generated files, too. ``written`` is the content
    that it gave config.yml.
    """

    def __init__(self, bwdata: str) -> None:
        """Read what an earlier run left. Raises ``KeptFilesError``."""
        self._bwdata = bwdata
        self.path = os.path.join(bwdata, LEFT_BEHIND)
        self.files: Dict[str, KeptFile] = {}
        self.rebuilds = False
        self.written = b""
        self._read()
        #: Whether an earlier run left them.
        self.left_over = bool(self.files)

    def _read(self) -> None:
        try:
            data: Optional[Dict[str, Any]] = read_json(self.path)
            if data is None:
                return
            self.rebuilds, self.written = bool(data["rebuilds"]), base64.b64decode(data["written"], validate=True)
            self.files = {str(name): _from_json(one) for name, one in data["files"].items()}
        except PermissionError:
            return  # without rights, nothing else can be used either, and says so
        except OSError as error:
            raise KeptFilesError(
                f"{self.path} cannot be read: {error.strerror}. Run as its owner or as root."
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise KeptFilesError(
                f"{self.path}, where a run keeps the files that it changes, is damaged. Remove it once config.yml and "
                "the certificate are as they should be, and run with config={}."
            ) from None

    def keep(self, paths: Iterable[str], written: bytes = b"", instead: Optional[Mapping[str, bytes]] = None) -> None:
        """Keep files as they are now, before the first of them is written; what is kept already stays.

        ``written`` is what config.yml is to hold where the run rebuilds; ``instead`` has the content to keep in place
        of that on the disk. Raises ``KeptFilesError``.
        """
        for name in paths:
            if name not in self.files:
                kept = self._current(name)
                content = (instead or {}).get(name)
                self.files[name] = kept if content is None else kept._replace(content=content)
        self.rebuilds, self.written = self.rebuilds or bool(written), written or self.written
        data = {
            "rebuilds": self.rebuilds,
            "written": base64.b64encode(self.written).decode(),
            "files": {name: _to_json(one) for name, one in self.files.items()},
        }
        try:
            status = os.stat(self._bwdata)
            owner = (status.st_uid, status.st_gid) if os.geteuid() == 0 else None
            atomic_file.put(self.path, json.dumps(data).encode(), owner=owner)
        except OSError as error:
            raise KeptFilesError(f"{self.path} cannot be written: {error.strerror}. Nothing was changed.") from None

    def _current(self, name: str) -> KeptFile:
        path = self._at(name)
        try:
            with open(path, "rb") as stream:
                status = os.fstat(stream.fileno())
                return KeptFile(stream.read(), stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid))
        except FileNotFoundError:
            return KeptFile(None, 0o600, (os.geteuid(), os.getegid()))
        except OSError as error:
            raise KeptFilesError(f"{path} cannot be read: {error.strerror}. Run as its owner or as root.") from None

    def are_as_kept(self) -> bool:
        """Tell whether all files are as they were: nothing was written, or all of it was restored."""
        return all(self._current(name).content == kept.content for name, kept in self.files.items())

    def restore(self) -> None:
        """Restore the files, config.yml last: until then the next run knows that they are not. Raises ``OSError``."""
        for name in sorted(self.files, key=lambda one: one == "config.yml"):
            kept, path = self.files[name], self._at(name)
            if kept.content is None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
            elif self._current(name) != kept:
                owner = kept.owner if os.geteuid() == 0 else None
                atomic_file.put(path, kept.content, owner=owner, mode=kept.mode, attributes_of=_if_exists(path))

    def close(self) -> None:
        """Forget the old content: the server is healthy with the new one, or the old one is restored."""
        # One that stays is read by the next run.
        with contextlib.suppress(OSError):
            os.unlink(self.path)
            atomic_file.sync_folder(os.path.dirname(self.path))
        self.files.clear()
        self.rebuilds = self.left_over = False

    def _at(self, name: str) -> str:
        return os.path.realpath(os.path.join(self._bwdata, name))


def _if_exists(path: str) -> Optional[str]:
    return path if os.path.exists(path) else None


def _to_json(kept: KeptFile) -> Dict[str, Any]:
    content = None if kept.content is None else base64.b64encode(kept.content).decode()
    return {"content": content, "mode": kept.mode, "owner": list(kept.owner)}


def _from_json(data: Mapping[str, Any]) -> KeptFile:
    content = None if data["content"] is None else base64.b64decode(data["content"], validate=True)
    uid, gid = data["owner"]
    return KeptFile(content, int(data["mode"]), (int(uid), int(gid)))
