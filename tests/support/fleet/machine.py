# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the machine able to carry the fleet: Debian packages, and an engine that runs."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from .progress import say, step
from .shell import FleetError, docker, run

DEFAULT_MIRROR = "http://deb.debian.org/debian"
# In MiB, for the whole fleet.
WANTED_MEMORY = 2800
_CONNECTIONS = Path("/proc/sys/net/netfilter/nf_conntrack_buckets")
_BUCKETS = "16384"
# Program to look for -> package that brings it.
PROGRAMS = {
    "dockerd": "docker.io",
    "docker": "docker-cli",
    "iptables": "iptables",
    "debootstrap": "debootstrap",
    "ssh": "openssh-client",
    "openssl": "openssl",
}
_SYSTEM_PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def prepare() -> None:
    """Install what is missing and start the engine if none answers."""
    if os.geteuid() != 0:
        raise FleetError("the fleet needs root: it installs packages, debootstraps an image and runs an engine")
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:{_SYSTEM_PATHS}"
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing:
        with step(f"installing packages for {', '.join(missing)}"):
            _install(missing)
    if not engine_answers():
        with step("starting the engine"):
            _start_engine()


def engine_answers() -> bool:
    """Tell whether the machine's engine responds."""
    return bool(shutil.which("docker")) and docker("version", check=False, timeout=30).returncode == 0


def _install(programs: list[str]) -> None:
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-q"], env=environment)
    packages = {PROGRAMS[program] for program in programs}
    if "docker-cli" in packages and not _has_candidate("docker-cli"):
        # Up to bookworm the client is part of docker.io.
        packages = (packages - {"docker-cli"}) | {"docker.io"}
    if "docker.io" in packages and _has_candidate("docker-cli"):
        packages.add("docker-cli")
    run(["apt-get", "install", "-qy", "--no-install-recommends", *sorted(packages)], env=environment)


def _has_candidate(package: str) -> bool:
    policy = run(["apt-cache", "policy", package], env={"LC_ALL": "C"}).stdout.decode()
    return "Candidate:" in policy and "Candidate: (none)" not in policy


def _start_engine() -> None:
    managed = Path("/run/systemd/system").is_dir()
    if managed:
        run(["systemctl", "start", "docker"])
    else:
        _forget_dead_engine()
        # Detached for good: it must outlive this process, its terminal and its standard streams.
        with Path("/var/log/bwfleet-dockerd.log").open("ab") as log:
            subprocess.Popen(
                ["dockerd"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                close_fds=True,
                cwd="/",
            )
    deadline = time.monotonic() + 60
    while not engine_answers():
        if time.monotonic() > deadline:
            raise FleetError("the engine did not start within 60 s; see /var/log/bwfleet-dockerd.log")
        time.sleep(0.5)
    if not managed:
        _shorten_table_of_connections()


def _forget_dead_engine() -> None:
    """Remove the pid files that a machine that was switched off left: dockerd believes in processes that are gone."""
    for path in (Path("/var/run/docker.pid"), Path("/var/run/docker/containerd/containerd.pid")):
        if not path.exists():
            continue
        pid = path.read_text().strip()
        comm = Path(f"/proc/{pid}/comm")
        if not (pid.isdigit() and comm.exists() and comm.read_text().strip() in {"dockerd", "containerd"}):
            path.unlink()


def _shorten_table_of_connections() -> None:
    """Make the kernel's table shorter that engines walk through for each container that they connect or disconnect.

    Only where nothing but the fleet runs the machine's engine: on others its length is not the fleet's to choose.
    """
    with contextlib.suppress(OSError):
        _CONNECTIONS.write_text(_BUCKETS)


def mirror(apt: Path = Path("/etc/apt")) -> str:
    """Return the archive that apt is configured with on this machine."""
    candidates: list[str] = []
    for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        if path.is_file() and path.suffix in {".list", ".sources"}:
            candidates += _uris(path.read_text(errors="replace"), path.suffix)
    for uri in candidates:
        # The security archive has no suite to bootstrap from; third parties' archives are not Debian.
        if re.match(r"https?://", uri) and re.search(r"/debian/?$", uri):
            return uri.rstrip("/")
    return DEFAULT_MIRROR


def _uris(text: str, suffix: str) -> list[str]:
    if suffix == ".sources":
        return [uri for line in text.splitlines() if line.startswith("URIs:") for uri in line.split()[1:]]
    return re.findall(r"^deb\s+(?:\[[^\]]*\]\s+)?(\S+)", text, re.MULTILINE)


def apt_proxy() -> dict[str, str]:
    """Return the proxy that apt uses, as the variables that debootstrap understands."""
    done = run(["apt-config", "shell", "http", "Acquire::http::Proxy", "https", "Acquire::https::Proxy"], check=False)
    found = re.findall(r"^(https?)='(\S+)'", done.stdout.decode(), re.MULTILINE)
    return {f"{scheme}_proxy": proxy for scheme, proxy in found if proxy != "DIRECT"}


def check_memory() -> None:
    """Warn where the fleet will hardly fit."""
    available = re.search(r"MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text())
    if available and int(available.group(1)) // 1024 < WANTED_MEMORY:
        say(f"warning: only {int(available.group(1)) // 1024} MiB of memory are free of {WANTED_MEMORY} MiB wanted")
