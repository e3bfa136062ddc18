# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The key ring: which keys protect texts in the database, and which are on the disk.

Without its key a protected text is lost. User.MasterPassword and User.Key are such texts, so nobody could log in.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import uuid
from typing import Iterable, List, Optional

#: Where the key ring is below ``bwdata``.
FOLDER = "core/aspnet-dataprotection"

_PREFIX = "P|"
_MAGIC = bytes.fromhex("09f0c9f0")
_END_OF_ID = len(_MAGIC) + 16
_FILE = re.compile(r"key-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.xml\Z", re.IGNORECASE)


def key_id_of(protected: str) -> Optional[str]:
    """Return the id of the key of a protected text, or of its first 29 characters; None for any other text."""
    if not protected.startswith(_PREFIX):
        return None
    encoded = protected[len(_PREFIX) :][:27]
    try:
        data = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except (binascii.Error, ValueError):
        return None
    if len(data) < _END_OF_ID or not data.startswith(_MAGIC):
        return None
    return str(uuid.UUID(bytes_le=data[len(_MAGIC) : _END_OF_ID]))


def key_ids_of(protected: Iterable[str]) -> List[str]:
    """Return the ids of the keys of protected texts, sorted, each once."""
    return sorted({one for one in map(key_id_of, protected) if one})


def key_id_in(path: str) -> Optional[str]:
    """Return the id of the key whose file ``path`` is, None for any other file."""
    found = _FILE.match(os.path.basename(path))
    return found.group(1).lower() if found else None


def key_ids_in(paths: Iterable[str]) -> List[str]:
    """Return the ids of the keys among files, sorted."""
    return sorted({one for one in map(key_id_in, paths) if one})


def key_ids_on_disk(bwdata: str) -> List[str]:
    """Return the ids of the keys on the server's disk. Raises ``OSError``."""
    folder = os.path.join(bwdata, FOLDER)
    return key_ids_in(os.listdir(folder)) if os.path.isdir(folder) else []
