# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run programs: what the fleet does to the machine goes through here."""

from __future__ import annotations

import os
import subprocess
from typing import Mapping, Sequence


class FleetError(Exception):
    """The fleet cannot be set up or used; the message says what failed and what it said."""


def run(
    command: Sequence[str],
    *,
    stdin: bytes | None = None,
    check: bool = True,
    timeout: float | None = 600,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run ``command``; its output is captured. A failure is a `FleetError` with the end of what it printed."""
    try:
        done = subprocess.run(
            list(command),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=timeout,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            check=False,
        )
    except FileNotFoundError as error:
        raise FleetError(f"{command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise FleetError(f"no end after {timeout:.0f} s: {' '.join(command[:6])}") from error
    if check and done.returncode:
        said = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
        raise FleetError(f"{' '.join(command[:6])}: status {done.returncode}\n{said[-3000:]}")
    return done


def docker(
    *arguments: str, stdin: bytes | None = None, check: bool = True, timeout: float | None = 600
) -> subprocess.CompletedProcess[bytes]:
    """Run a command of the machine's own engine (not that of a host of the fleet)."""
    return run(["docker", *arguments], stdin=stdin, check=check, timeout=timeout)


def docker_lines(*arguments: str) -> list[str]:
    """Return the non-empty lines that the command prints."""
    return [line for line in docker(*arguments).stdout.decode().splitlines() if line.strip()]
