# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two things that everything runs on, made once per machine: the outer image and the services' file system."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from . import locks, machine, names, service_layer
from .progress import say, step
from .shell import FleetError, docker, run

PACKAGES = (
    "acl",
    "age",
    "busybox",
    "ca-certificates",
    "crun",
    "curl",
    "docker-cli",
    "docker-compose",
    "docker-registry",
    "docker.io",
    "iproute2",
    "iptables",
    "nginx-light",
    "openssh-server",
    "procps",
    "python3",
    # debootstrap resolves no virtual packages, so what provides one for python3-cryptography is named.
    "python3-argon2",
    "python3-cffi-backend",
    "python3-cryptography",
    "python3-flask",
    "python3-jwt",
    "python3-requests",
    "python3-waitress",
    "sudo",
    "tini",
)
_PREPARE = r"""
set -e
useradd -m -u 1000 -s /bin/bash admin
useradd -m -u 1001 -s /bin/bash -G docker bitwarden
usermod -p '*' admin; usermod -p '*' bitwarden; usermod -p '*' root
echo 'admin ALL=(ALL:ALL) NOPASSWD: ALL' > /etc/sudoers.d/admin
chmod 0440 /etc/sudoers.d/admin
install -d -m 0700 -o bitwarden -g bitwarden /opt/bitwarden
rm -f /etc/ssh/ssh_host_* /etc/machine-id
rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/* /var/log/*.log /usr/share/man/* /usr/share/locale/*
find /usr/share/doc -type f ! -name copyright -delete
"""


class Base(NamedTuple):
    """``image``: name of the outer image; ``layer``: file of the services' file system; ``diff_id``: its digest."""

    image: str
    layer: Path
    diff_id: str


def ensure() -> Base:
    """Make both unless they are there already, from this very recipe."""
    base = _expected()
    # Fleets that stand side by side share it.
    with locks.making_images(say):
        if not (_image_exists(base.image) and base.layer.exists()):
            _make(base)
    return _with_diff_id(base)


def _make(base: Base) -> None:
    names.CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rootfs-", dir=names.CACHE) as folder:
        rootfs = Path(folder) / "root"
        with step(f"bootstrapping Debian {names.SUITE} with {len(PACKAGES)} packages and what they need"):
            _bootstrap(rootfs)
        with step("cutting out the file system of the service images"):
            base.layer.parent.mkdir(parents=True, exist_ok=True)
            diff_id = service_layer.write(rootfs, base.layer)
            base.layer.with_suffix(".json").write_text(json.dumps({"diff_id": diff_id}))
        with step(f"importing {base.image}"):
            _import(rootfs, base.image)


def remove() -> None:
    """Remove image and cache."""
    for image in docker("images", "-q", names.BASE_IMAGE).stdout.decode().split():
        docker("rmi", "-f", image, check=False)
    shutil.rmtree(names.CACHE, ignore_errors=True)


def _expected() -> Base:
    recipe = [names.SUITE, PACKAGES, _PREPARE, Path(service_layer.__file__).read_text()]
    key = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:12]
    return Base(f"{names.BASE_IMAGE}:{key}", names.CACHE / key / "services.tar.gz", "")


def _with_diff_id(base: Base) -> Base:
    return base._replace(diff_id=json.loads(base.layer.with_suffix(".json").read_text())["diff_id"])


def _image_exists(image: str) -> bool:
    return docker("image", "inspect", image, check=False).returncode == 0


def _bootstrap(rootfs: Path) -> None:
    packages = names.CACHE / "packages"
    packages.mkdir(exist_ok=True)
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", f"--cache-dir={packages}"]
    try:
        run([*command, names.SUITE, str(rootfs), machine.mirror()], env=machine.apt_proxy(), timeout=1500)
    except FleetError as error:
        log = rootfs / "debootstrap/debootstrap.log"
        tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
        raise FleetError(f"{error}\n{tail}") from error
    run(["chroot", str(rootfs), "/bin/sh", "-c", _PREPARE])


def _import(rootfs: Path, image: str) -> None:
    with subprocess.Popen(["tar", "-C", str(rootfs), "--numeric-owner", "-c", "."], stdout=subprocess.PIPE) as tar:
        done = subprocess.run(["docker", "import", "-", image], stdin=tar.stdout, capture_output=True, check=False)
    if done.returncode or tar.returncode:
        raise FleetError(f"importing {image}: {done.stderr.decode()}")
