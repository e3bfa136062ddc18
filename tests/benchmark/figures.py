# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures and their ratios, as lines of a table."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List, NamedTuple


class Figure(NamedTuple):
    """One measured thing: ``seconds`` are for one ``unit``; its ratio is to the first figure of the table."""

    name: str
    seconds: float
    unit: str


def timed(command: List[str], variables: Dict[str, str], cwd: Path) -> float:
    """How long a command takes (seconds). One that fails ends the benchmark: its time would mean nothing."""
    started = time.perf_counter()
    done = subprocess.run(
        command, env=variables, cwd=cwd, capture_output=True, text=True, errors="replace", timeout=3600, check=False
    )
    if done.returncode:
        output = (done.stdout + done.stderr)[-4000:]
        sys.exit(f"benchmark: {' '.join(command)} ended with status {done.returncode}:\n{output}")
    return time.perf_counter() - started


def show(title: str, figures: List[Figure]) -> None:
    """Print a table."""
    print(f"\n{title}")
    first = figures[0].seconds
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        milliseconds = f"{figure.seconds * 1000:.1f} ms"
        ratio = f"ratio {figure.seconds / first:.2f}"
        print(f"  {figure.name:{width}}  {milliseconds:>11} a {figure.unit:5} {ratio}", flush=True)
