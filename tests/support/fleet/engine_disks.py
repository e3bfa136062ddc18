# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the engines of the hosts keep images and containers: file systems in memory, which outlive a switched off host.

An engine rewrites the files of a container's configuration at each step of its life, and waits until they are on disk.
With hundreds of starts that takes minutes.
"""

from __future__ import annotations

import os
from pathlib import Path

from .shell import run

_FOLDER = Path("/var/lib/bwfleet")
# Far more than images and containers take; what is not used takes nothing.
_SIZE = "4g"


def path_of(container: str) -> Path:
    """Return where a host's disk is mounted on the machine."""
    return _FOLDER / container


def is_there(container: str) -> bool:
    """Tell whether a host has its disk: not after the machine was switched off."""
    return os.path.ismount(path_of(container))


def renew(container: str) -> Path:
    """Give a host an empty disk; its container must be gone."""
    remove(container)
    path = path_of(container)
    path.mkdir(parents=True, exist_ok=True)
    run(["mount", "-t", "tmpfs", "-o", f"mode=0711,size={_SIZE}", "bwfleet", str(path)])
    return path


def remove(container: str) -> None:
    """Remove a host's disk with all that is on it."""
    path = path_of(container)
    while os.path.ismount(path):
        run(["umount", "--lazy", str(path)])
    if path.is_dir():
        path.rmdir()
