# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running tools over the project: their output in a log of the work folder, its end shown when they fail."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Dict, List, Optional

import pytest

ROOT = Path(__file__).resolve().parents[3]
WORK = ROOT / ".work"
BIN = WORK / "venv" / "bin"
_TAIL = 60


def environment(**more: str) -> Dict[str, str]:
    """Return the environment in which the project's tools find each other and the collection."""
    return {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": str(WORK / "collections"),
        "ANSIBLE_COLLECTIONS_PATH": str(WORK / "collections"),
        "ANSIBLE_HOME": str(WORK / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
        "NO_COLOR": "1",
        "LC_ALL": "C.UTF-8",
        **more,
    }


def check(name: str, command: List[str], cwd: Optional[Path] = None, timeout: int = 900, **more: str) -> str:
    """Run ``command``, fail the test with the end of its output unless it succeeds; return the output."""
    log = WORK / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        done = subprocess.run(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=cwd or ROOT,
            env=environment(**more),
            timeout=timeout,
            check=False,
        )
    text = log.read_text(errors="replace")
    if done.returncode:
        tail = "\n".join(text.splitlines()[-_TAIL:])
        pytest.fail(
            f"{' '.join(command)} ended with status {done.returncode}:\n{tail}\nThe whole log: {log}", pytrace=False
        )
    return text
