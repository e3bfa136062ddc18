# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packages of any Debian release, unpacked into a folder of the project: nothing is installed on the system."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import List, Optional, Sequence

MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Unavailable(Exception):
    """Something cannot be had here; the message says why."""


class Archive:
    """The packages of one release, by apt with a configuration of its own (signatures are checked as always)."""

    def __init__(self, release: str, scratch: Path) -> None:
        """Take ``scratch`` as the folder for lists and downloads; the caller removes it. Raises ``Unavailable``."""
        if not shutil.which("apt-get") or not shutil.which("dpkg") or not Path(KEYRING).exists():
            raise Unavailable("this is not Debian")
        for folder in ("lists/partial", "cache/archives/partial", "packages"):
            (scratch / folder).mkdir(parents=True)
        (scratch / "sources.list").write_text(f"deb [signed-by={KEYRING}] {MIRROR} {release} main\n")
        options = {
            "Dir::Etc::SourceList": scratch / "sources.list",
            "Dir::Etc::SourceParts": "-",
            "Dir::State::Lists": scratch / "lists",
            "Dir::State::Status": "/dev/null",
            "Dir::Cache": scratch / "cache",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "2",
            "Acquire::http::Timeout": "20",
        }
        self._options = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        self._packages = scratch / "packages"
        run(["apt-get", *self._options, "-qq", "update"])

    def names(self, prefix: str) -> List[str]:
        """Return the names of all packages that begin so."""
        return run(["apt-cache", *self._options, "pkgnames", prefix]).split()

    def unpack(self, packages: Sequence[str], target: Path) -> None:
        """Download the packages (not what they depend on) and unpack them into ``target``."""
        run(["apt-get", *self._options, "-qq", "download", *packages], cwd=self._packages)
        for package in self._packages.glob("*.deb"):
            run(["dpkg", "-x", str(package), str(target)])


def run(command: List[str], cwd: Optional[Path] = None) -> str:
    """Run a command and return its output. Raises ``Unavailable`` when it fails."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=300, check=False, cwd=cwd, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise Unavailable(f"{command[0]}: {problem}") from None
    if done.returncode:
        raise Unavailable(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout
