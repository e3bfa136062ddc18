# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which Pythons this machine has, and how to get those that Debian has in another release.

Debian ships one Python a release. Their packages are unpacked with their own libc and libraries into a folder of the
project and made to run from there, so nothing is installed and nothing on the system changes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional

from tests.support.tools.debian import Archive, Unavailable, run

WANTED = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
DEBIAN_RELEASES = {"3.9": "bullseye", "3.11": "bookworm", "3.13": "trixie", "3.14": "forky"}
# The base's own libraries by stem, because their names carry versions that differ between releases.
LIBRARIES = (
    "libc6",
    "libcrypt1",
    "libbz2-1.0",
    "libexpat1",
    "libffi",
    "liblzma5",
    "libsqlite3-0",
    "libssl",
    "libuuid1",
    "libzstd1",
    "zlib1g",
)

_ASK = (
    "import sys, venv; print('%d.%d' % sys.version_info[:2]); print(getattr(sys, '_base_executable', sys.executable))"
)


def ask(candidate: Path) -> Optional[List[str]]:
    """Return ``[version, real path]`` of an interpreter, ``None`` when it does not run or cannot make environments."""
    try:
        done = subprocess.run([str(candidate), "-c", _ASK], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.split("\n")
    return lines[:2] if done.returncode == 0 and len(lines) >= 2 else None


def find(unpacked: Path) -> Dict[str, Path]:
    """Return the wanted Pythons of this machine: version (``3.12``) to interpreter.

    Looked for on PATH, under ``~/.pyenv/versions`` and among those unpacked earlier under ``unpacked``.
    """
    folders = [Path(folder) for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder]
    folders += sorted(Path.home().glob(".pyenv/versions/*/bin"), reverse=True)
    folders += sorted(unpacked.glob("python3.*/usr/bin"))
    found: Dict[str, Path] = {}
    running = ask(Path(sys.executable))
    if running and running[0] in WANTED:
        found[running[0]] = Path(running[1])
    for version in WANTED:
        for folder in folders:
            candidate = folder / f"python{version}"
            if version not in found and os.access(candidate, os.X_OK):
                answer = ask(candidate)
                if answer and answer[0] == version:
                    found[version] = Path(answer[1])
    return found


def unpack(version: str, unpacked: Path, patchelf: Path) -> Path:
    """Get Python ``version`` from the Debian release that has it; return the interpreter. Raises ``Unavailable``."""
    release = DEBIAN_RELEASES.get(version)
    if release is None:
        raise Unavailable("no Debian release has it")
    target = unpacked / f"python{version}"
    scratch = unpacked / f".{version}"
    for folder in (target, scratch):
        shutil.rmtree(folder, ignore_errors=True)
    try:
        archive = Archive(release, scratch)
        archive.unpack(_packages(version, [*archive.names("lib"), "zlib1g"]), target)
        return _make_runnable(version, target, patchelf)
    except Unavailable:
        shutil.rmtree(target, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _packages(version: str, names: List[str]) -> List[str]:
    """Return the interpreter and the libraries that it needs, of the ``names`` that the release has."""
    packages = [f"python{version}-minimal", f"libpython{version}-minimal", f"libpython{version}-stdlib"]
    for stem in LIBRARIES:
        packages += [name for name in names if name == stem or _versioned(name, stem)]
    return packages


def _versioned(name: str, stem: str) -> bool:
    """Tell whether ``name`` is library ``stem`` with its version: ``libffi8`` of ``libffi``, ``libssl3t64`` …."""
    rest = name[len(stem) :]
    if not name.startswith(stem) or stem not in ("libffi", "libssl"):
        return False
    return rest.replace("t64", "").replace(".", "").isdigit()


def _make_runnable(version: str, target: Path, patchelf: Path) -> Path:
    """Let the interpreter load its own libc and libraries, wherever the folder is."""
    python = target / "usr" / "bin" / f"python{version}"
    loader = Path(run([str(patchelf), "--print-interpreter", str(python)]).strip()).name
    loaders = sorted(target.glob(f"**/{loader}"))
    if not loaders:
        raise Unavailable(f"its packages hold no {loader}")
    libraries = sorted({str(path.parent) for path in target.glob("**/*-linux-*/lib*.so.*")})
    # The old kind of run path, because only that one holds for the libraries of libraries too.
    run(
        [
            str(patchelf),
            "--set-interpreter",
            str(loaders[0].resolve()),
            "--force-rpath",
            "--set-rpath",
            ":".join(libraries),
            str(python),
        ]
    )
    run([str(python), "-c", "import ctypes, hashlib, lzma, sqlite3, ssl, venv, zlib"])
    return python
