# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder below TMPDIR where this user's runs keep what they share, and the names of files in it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path


def user_folder() -> Path:
    """Return the path of the folder. It may not exist yet, or belong to another user: check before use."""
    return Path(tempfile.gettempdir()) / f"selfhosted-bitwarden-{os.getuid()}"


def hashed_name(text: str) -> str:
    """Return a file name that stands for any text, without showing it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
