# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cut the file system of the service images out of the bootstrapped Debian: a few packages, nothing else.

Every host unpacks it, so it has to be small; a second bootstrap of its own would cost a minute.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
from pathlib import Path
from typing import Iterator

PACKAGES = (
    "busybox",
    "ca-certificates",
    "nginx",
    "python3-argon2",
    "python3-cryptography",
    "python3-flask",
    "python3-jwt",
    "python3-requests",
    "python3-waitress",
    "tini",
)
# Needed to install packages or by people, not by the programs that run in a service container.
LEFT_OUT = {
    "adduser", "coreutils", "debconf", "dpkg", "gpgv", "init-system-helpers", "iproute2", "libpam-modules",
    "libpam-modules-bin", "libpam-runtime", "libpam0g", "media-types", "nginx-common", "openssl", "passwd", "perl",
    "perl-base", "sysvinit-utils", "tar", "ucf",
}  # fmt: skip
# Busybox stands in for every ordinary tool that no package of the layer brings.
_APPLETS = (
    "[ ash awk basename cat chgrp chmod chown cp cut date df dirname du echo env expr false find free grep gunzip"
    " gzip head hostname httpd id kill less ln ls mkdir mktemp more mv nc netstat nslookup od ping printf ps pwd"
    " readlink rm rmdir sed seq sh sha256sum sleep sort stat sync tail tar tee test timeout top touch tr true tty"
    " uname uniq vi wc wget which whoami xargs"
)
_SKIP = re.compile(
    r"usr/(share/(doc|man|info|locale|lintian|bug|perl5?|zoneinfo|bash-completion|python3/debpython)|include)/"
    r"|usr/lib/python3[^/]*/(test|ensurepip|idlelib|lib2to3|tkinter|turtledemo|pydoc_data|config-[^/]*)/"
    r"|usr/lib/python3/dist-packages/(babel|setuptools|pkg_resources)/"
    r"|usr/lib/x86_64-linux-gnu/(gconv|perl[^/]*|krb5/plugins)/"
)
# As in the real images, `docker exec` finds no Python by its name. What the stand-in runs with is kept here.
PYTHON_FOLDER = "usr/libexec/standin"
_PYTHON = re.compile(r"usr/bin/(python3[\d.]*)\Z")


def place_of(path: str) -> str:
    """Return where a file of the Debian is in the layer."""
    return _PYTHON.sub(rf"{PYTHON_FOLDER}/\1", path)


def write(rootfs: Path, target: Path) -> str:
    """Write the layer (tar, gzip) to ``target``; return the digest of the uncompressed tar."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(set(_paths(rootfs))):
            _add(archive, rootfs, path)
        for link in ("bin", "sbin", "lib", "lib64"):
            _add_link(archive, link, f"usr/{link}")
        for applet in _APPLETS.split():
            _add_link(archive, f"usr/bin/{applet}", "busybox")
        for directory in ("tmp", "run", "var/tmp", "var/log/nginx", "var/lib/nginx", "srv"):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if directory.endswith("tmp") else 0o755
            archive.addfile(entry)
    data = plain.getvalue()
    target.write_bytes(gzip.compress(data, compresslevel=4, mtime=0))
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _paths(rootfs: Path) -> Iterator[str]:
    installed = _installed(rootfs)
    for package in _closure(installed):
        names = [rootfs / f"var/lib/dpkg/info/{package}{suffix}.list" for suffix in ("", ":amd64", ":arm64")]
        for listing in (path for path in names if path.exists()):
            for line in listing.read_text().splitlines():
                path = re.sub(r"^(s?bin|lib(64)?)/", r"usr/\g<0>", line.lstrip("/."))
                if path and not _SKIP.match(path) and not (rootfs / path).is_dir():
                    yield path
    # Python's byte code does not belong to a package, and without it every start would compile for seconds.
    for code in (rootfs / "usr/lib").glob("python3*/**/*.pyc"):
        relative = code.relative_to(rootfs).as_posix()
        if not _SKIP.match(relative):
            yield relative
    yield "etc/ssl/certs/ca-certificates.crt"
    yield from ("etc/passwd", "etc/group", "etc/nsswitch.conf", "etc/nginx/mime.types")


def _installed(rootfs: Path) -> dict[str, list[list[str]]]:
    """Return package (or virtual one) -> its dependencies, each a list of alternatives; virtual: its provider."""
    packages: dict[str, list[list[str]]] = {}
    for block in (rootfs / "var/lib/dpkg/status").read_text().split("\n\n"):
        fields = dict(re.findall(r"^([A-Z][\w-]*): (.*)$", block, re.MULTILINE))
        if "Package" not in fields:
            continue
        wanted = ", ".join(fields[name] for name in ("Depends", "Pre-Depends") if name in fields)
        packages[fields["Package"]] = [_names(group, "|") for group in wanted.split(",") if group.strip()]
        for virtual in _names(fields.get("Provides", ""), ","):
            packages.setdefault(virtual, [[fields["Package"]]])
    return packages


def _names(text: str, separator: str) -> list[str]:
    return [re.split(r"[\s(:]", part.strip())[0] for part in text.split(separator) if part.strip()]


def _closure(installed: dict[str, list[list[str]]]) -> set[str]:
    found: set[str] = set()
    waiting = list(PACKAGES)
    while waiting:
        package = waiting.pop()
        if package in found or package in LEFT_OUT or package not in installed:
            continue
        found.add(package)
        for alternatives in installed[package]:
            waiting += [name for name in alternatives if name in installed][:1]
    return found


def _add(archive: tarfile.TarFile, rootfs: Path, path: str) -> None:
    source = rootfs / path
    if not source.is_symlink() and not source.exists():
        return
    entry = archive.gettarinfo(str(source), arcname=place_of(path))
    # Python takes its byte code for stale unless the source is of the second that is noted in it.
    entry.mtime = int(entry.mtime) if path.endswith(".py") else 0
    entry.uname = entry.gname = ""
    if entry.isreg():
        with source.open("rb") as content:
            archive.addfile(entry, content)
    else:
        archive.addfile(entry)


def _add_link(archive: tarfile.TarFile, path: str, target: str) -> None:
    entry = tarfile.TarInfo(path)
    entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
    archive.addfile(entry)
