# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mark in the data folder of a drill: without it nothing is taken away, and no drill is made over anything."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from .._backup.sets import BackupSet
from .._common import atomic_file
from .._common.errors import BitwardenError
from .._common.files import read_json

NAME = ".bitwarden-drill.json"

#: Of each container, network and volume of a drill, with a digest of its folder: no other project has that name.
_PROJECT = "bitwarden-drill-"


class MarkError(BitwardenError):
    """The mark of a drill cannot be read. The message names its path and what to do."""


class Mark(NamedTuple):
    """What is known of a drill.

    ``manifest`` is the digest of the manifest of its set, ``set`` the path where that was. ``made``: the drill made
    the folder itself. ``begun`` is a time as text. ``duration`` in seconds and ``proof``, as results show it, are there
    once the drill is proven. ``warnings`` are those of the run that made it.
    """

    set: str
    manifest: str
    made: bool
    begun: str
    duration: Optional[int] = None
    proof: Tuple[Dict[str, Any], ...] = ()
    warnings: Tuple[str, ...] = ()

    @property
    def is_proven(self) -> bool:
        """Whether the restore was proven."""
        return self.duration is not None


def project_of(bwdata: str) -> str:
    """Return the name of the Compose project of the drill in ``bwdata``."""
    return _PROJECT + hashlib.sha256(os.path.realpath(bwdata).encode()).hexdigest()[:12]


def digest_of(backup: BackupSet) -> str:
    """Return what tells a set from all others: it has the digests of all files. Raises ``OSError``."""
    with open(backup.manifest_path, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def read_mark(bwdata: str) -> Optional[Mark]:
    """Return the mark in ``bwdata``, None where there is none. Raises ``MarkError``."""
    path = os.path.join(bwdata, NAME)
    try:
        data: Optional[Dict[str, Any]] = read_json(path)
        if data is None:
            return None
        lists: Dict[str, List[Any]] = {key: data.pop(key) for key in ("proof", "warnings")}
        return Mark(**data, proof=tuple(lists["proof"]), warnings=tuple(lists["warnings"]))
    except OSError as error:
        raise MarkError(f"{path} cannot be read: {error.strerror}. Run as the owner of the drill or as root.") from None
    except (ValueError, KeyError, TypeError):
        raise MarkError(
            f"{path}, the mark of a drill, is damaged. If {bwdata} is only a drill, remove that folder and run "
            "state=absent, which removes its containers."
        ) from None


def require_no_drill(bwdata: str) -> None:
    """Raise ``MarkError`` where ``bwdata`` is the folder of a drill, which would get a way out by a restore."""
    if os.path.lexists(os.path.join(bwdata, NAME)):
        raise MarkError(
            f"{bwdata} is the folder of a drill. Set bwdata to the data folder of the server, or isolated to true."
        )


def write_mark(bwdata: str, mark: Mark) -> None:
    """Write the mark. Raises ``OSError``."""
    atomic_file.put(os.path.join(bwdata, NAME), json.dumps(mark._asdict()).encode())
