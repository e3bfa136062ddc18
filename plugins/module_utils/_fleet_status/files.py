# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that module fleet_status writes: JSON for programs, and Prometheus's text format."""

from __future__ import annotations

import json
import os
import stat
from datetime import datetime
from typing import Any, List, Mapping

from .._common.atomic_file import put
from .._common.dates import format_date
from .._common.errors import BitwardenError

# node_exporter runs as a user of its own. Nothing in the files is secret.
_MODE = 0o644
#: node_exporter's textfile collector reads no others.
PROMETHEUS_ENDING = ".prom"


class FileError(BitwardenError):
    """Files that cannot be written; the message names each option, its file and why."""


def document(hosts: Mapping[str, Mapping[str, Any]], failing: Mapping[str, str], now: datetime) -> str:
    """Return the status of a fleet as JSON."""
    content = {"generated": format_date(now), "failing": dict(failing), "hosts": dict(hosts)}
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def differs(path: str, content: bytes) -> bool:
    """Tell whether a file has another content, or none."""
    try:
        with open(path, "rb") as stream:
            return stream.read() != content
    except OSError:
        return True


def write(path: str, content: bytes) -> None:
    """Replace a file as a whole; a new one can be read by every user. Raises ``OSError``."""
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        mode = _MODE
    put(os.path.realpath(path), content, mode=mode)


def path_faults(option: str, path: str) -> List[str]:
    """Return why a file cannot be written on the controller."""
    folder = os.path.dirname(path)
    if os.path.isdir(path):
        return [f"{option}: {path} is a folder. Set it to a file."]
    if not os.path.isdir(folder):
        return [f"{option}: the folder {folder} does not exist on the controller. Create it."]
    if not os.access(folder, os.W_OK | os.X_OK):
        return [f"{option}: this user cannot write to {folder} on the controller."]
    if option == "prometheus_file" and not path.endswith(PROMETHEUS_ENDING):
        return [f"{option}: {path} does not end in {PROMETHEUS_ENDING}, so node_exporter would not read it. Rename it."]
    return []
