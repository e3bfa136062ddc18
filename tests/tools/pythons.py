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

WANTED = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
DEBIAN_RELEASES = {"3.9": "bullseye", "3.11": "bookworm", "3.13": "trixie", "3.14": "forky"}
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
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


class Unavailable(Exception):
    """A Python cannot be had here; the message says why."""


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
    if not shutil.which("apt-get") or not shutil.which("dpkg") or not Path(KEYRING).exists():
        raise Unavailable("this is no Debian")
    target = unpacked / f"python{version}"
    scratch = unpacked / f".{version}"
    for folder in (target, scratch):
        shutil.rmtree(folder, ignore_errors=True)
    try:
        _download(version, release, scratch)
        for package in (scratch / "packages").glob("*.deb"):
            _run(["dpkg", "-x", str(package), str(target)])
        return _make_runnable(version, target, patchelf)
    except Unavailable:
        shutil.rmtree(target, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _download(version: str, release: str, scratch: Path) -> None:
    """Fetch the packages by apt with a configuration of its own (signatures are checked as always)."""
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
    apt = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    _run(["apt-get", *apt, "-qq", "update"])
    names = [*_run(["apt-cache", *apt, "pkgnames", "lib"]).split(), "zlib1g"]
    packages = [f"python{version}-minimal", f"libpython{version}-minimal", f"libpython{version}-stdlib"]
    for stem in LIBRARIES:
        packages += [name for name in names if name == stem or _versioned(name, stem)]
    _run(["apt-get", *apt, "-qq", "download", *packages], cwd=scratch / "packages")


def _versioned(name: str, stem: str) -> bool:
    """Whether ``name`` is library ``stem`` with its version: ``libffi8`` of ``libffi``, ``libssl3t64`` …"""
    rest = name[len(stem) :]
    if not name.startswith(stem) or stem not in ("libffi", "libssl"):
        return False
    return rest.replace("t64", "").replace(".", "").isdigit()


def _make_runnable(version: str, target: Path, patchelf: Path) -> Path:
    """Let the interpreter load its own libc and libraries, wherever the folder is."""
    python = target / "usr" / "bin" / f"python{version}"
    loader = Path(_run([str(patchelf), "--print-interpreter", str(python)]).strip()).name
    loaders = sorted(target.glob(f"**/{loader}"))
    if not loaders:
        raise Unavailable(f"its packages hold no {loader}")
    libraries = sorted({str(path.parent) for path in target.glob("**/*-linux-*/lib*.so.*")})
    # The old kind of run path, because only that one holds for the libraries of libraries too.
    _run(
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
    _run([str(python), "-c", "import ctypes, hashlib, lzma, sqlite3, ssl, venv, zlib"])
    return python


def _run(command: List[str], cwd: Optional[Path] = None) -> str:
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
