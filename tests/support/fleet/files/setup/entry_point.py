# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entry point of the setup image: ``python3 -m setup.entry_point /app/Setup -name value …``.

As the real one does, whatever is to be run: makes folders, and gives the whole tree to the user it then works as.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

from .__main__ import ROOT, main

_FOLDERS = ("env", "docker", "ssl", "letsencrypt", "identity", "nginx", "ca-certificates")
_NOBODY = 65534


def prepare(root: Path, uid: int, gid: int) -> None:
    """Make the folders, and change the owner of everything."""
    for name in _FOLDERS:
        (root / name).mkdir(exist_ok=True)
    for folder, _rest, files in os.walk(root):
        for name in [folder, *(f"{folder}/{name}" for name in files)]:
            os.lchown(name, uid, gid)


def step_down(uid: int, gid: int) -> None:
    """Work as this user from now on."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


if __name__ == "__main__":
    owner = [int(os.environ.get(name) or 0) or _NOBODY for name in ("LOCAL_UID", "LOCAL_GID")]
    prepare(ROOT, *owner)
    if "-printenv" not in sys.argv:
        # Before this user cannot read them any more. A restart, which asks for nothing else, needs none of them.
        for module in (".certificates", ".database", "ssl", "urllib.request"):
            importlib.import_module(module, __package__)
    step_down(*owner)
    sys.exit(main(sys.argv[1:]))
