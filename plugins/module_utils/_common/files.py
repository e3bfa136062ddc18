# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that are read or removed as they are, where it is known what to do about one that is missing."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from typing import Any


def read_json(path: str) -> Any:
    """Return what is in a JSON file that this collection has written, None where there is none.

    No link is followed. Raises ``OSError`` and, where it is damaged, ``ValueError``.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with open(descriptor, "rb") as stream:
        return json.load(stream)


def text_of(path: str) -> str:
    """Return the text of a file, empty where it cannot be read."""
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read()
    return ""


def remove(path: str) -> None:
    """Remove a file or a folder with all that is in it, if it exists. Raises ``OSError``."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
