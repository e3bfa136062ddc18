# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Memory of the modules on a host that back up and restore a server with large attachments."""

from __future__ import annotations

import json
from typing import Dict, List

from tests.support.fleet import api, names

from .runs import BACKUP, Controller

_HOST = "bw4"
_FOLDER = "/opt/bitwarden-benchmark"
_DEST = "/var/backups/bitwarden-benchmark"
_ATTACHMENTS = f"{names.BWDATA}/core/attachments/benchmark"
_SIZE = 256 * 1024**2
_MEGABYTE = 1024**2

# Python that notes the most memory that it had (its own, not that of the commands that it runs) when it ends.
_PYTHON = f"""#!/bin/sh
export PYTHONPATH={_FOLDER}
exec python3 "$@"
"""
_NOTE = f"""
import atexit, re
def note():
    peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1)
    open("{_FOLDER}/peaks", "a").write(peak + "\\n")
atexit.register(note)
"""


def measure(controller: Controller, gigabytes: float) -> Dict[str, List[float]]:
    """Return the figures of the group ``backups``, in MiB."""
    host = api.host(_HOST)
    host.reset()
    controller.write_inventory({host.name: host.variables})
    figures: Dict[str, List[float]] = {}
    try:
        _prepare(host, gigabytes)
        for kind in ("tar", "directory"):
            figures[f"backup_{kind}"] = [_peak(controller, host, benchmark_format=kind)]
            (made,) = host.execute("find", _DEST, "-mindepth", "1", "-maxdepth", "1", "-not", "-name", "*.json").split()
            figures[f"restore_{kind}"] = [_peak(controller, host, benchmark_set=made)]
            host.execute("rm", "-rf", _DEST)
    finally:
        host.execute("rm", "-rf", _DEST, _FOLDER, _ATTACHMENTS)
        host.reset()
    return figures


def _prepare(host: api.Host, gigabytes: float) -> None:
    """Fill the server with attachments that no compression makes smaller."""
    host.execute("mkdir", "-p", _FOLDER)
    for name, content in (("python", _PYTHON), ("sitecustomize.py", _NOTE)):
        host.execute("sh", "-c", 'cat > "$1"; chmod 0755 "$1"', "sh", f"{_FOLDER}/{name}", stdin=content.encode())
    count, rest = divmod(int(gigabytes * 1024**3), _SIZE)
    sizes = [_SIZE] * count + [rest]
    script = (
        'folder="$1"; shift; mkdir -p "$folder"; for size in "$@"; do number=$((number + 1)); '
        'head -c "$size" /dev/urandom > "$folder/$number"; done; chown -R bitwarden: "$folder"'
    )
    host.execute("sh", "-c", script, "sh", _ATTACHMENTS, *map(str, sizes))


def _peak(controller: Controller, host: api.Host, **variables: str) -> float:
    host.execute("rm", "-f", f"{_FOLDER}/peaks")
    given = {
        "benchmark_python": f"{_FOLDER}/python",
        "benchmark_dest": _DEST,
        "benchmark_installation": host.data.installation["id"],
        **variables,
    }
    controller.run(BACKUP, "-e", json.dumps(given))
    peaks = host.execute("cat", f"{_FOLDER}/peaks").split()
    return max(map(int, peaks)) * 1024 / _MEGABYTE
