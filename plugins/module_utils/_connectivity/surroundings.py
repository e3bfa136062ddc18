# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A container's surroundings (network, name servers, trusted authorities, environment), and the way into its network.

For root alone. The image needs nothing for it: this process keeps its own programs and files.
"""

from __future__ import annotations

import os
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional

from .names import Resolver
from .trust import trusted_here

_CLONE_NEWNET = 0x40000000
_DEEPEST = 16


class Surroundings(NamedTuple):
    """What the service in a container has. ``environment`` holds secrets."""

    environment: Dict[str, str]
    resolver: Resolver
    certificates: List[bytes]


def enter(init: int, changes: Mapping[str, Optional[str]]) -> Surroundings:
    """Move this process into the network of the container whose first process is ``init``, for good.

    ``changes`` is what the environment would have otherwise on the wanted settings (``None``: not at all). Only for a
    process with a single thread. Raises ``OSError``.
    """
    service = main_process(init)
    try:
        environment = read_environment(service)
    except OSError:
        # It ended just now.
        service = init
        environment = read_environment(service)
    for name, value in changes.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    network = os.open(f"/proc/{service}/ns/net", os.O_RDONLY)
    try:
        surroundings = _within(f"/proc/{service}/root", lambda: _read(environment))
        _set_namespace(network)
    finally:
        os.close(network)
    return surroundings


def belongs_to(process: int, container: str) -> bool:
    """Whether this is a process of the container with this id, and not just of the same number here.

    An engine on another machine has numbers of its own. Docker's own mounts (resolv.conf, hosts) name the container.
    """
    try:
        with open(f"/proc/{process}/mountinfo", encoding="utf-8", errors="replace") as stream:
            return container in stream.read()
    except OSError:
        return False


def main_process(init: int) -> int:
    """The service itself: the first process, or what a wrapper such as tini or an entry script started alone.

    Dead children that nobody waited for (zombies) are not counted.
    """
    children: Dict[int, List[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stream:
                    state, parent = stream.read().rpartition(")")[2].split()[:2]
            except (OSError, ValueError):
                continue
            if state not in "ZX":
                children.setdefault(int(parent), []).append(int(name))
    process = init
    for _count in range(_DEEPEST):
        found = children.get(process, [])
        if len(found) != 1:
            break
        process = found[0]
    return process


def read_environment(process: int) -> Dict[str, str]:
    """The environment that a process was started with."""
    with open(f"/proc/{process}/environ", "rb") as stream:
        entries = stream.read().decode("utf-8", "surrogateescape").split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def _read(environment: Dict[str, str]) -> Surroundings:
    resolver = Resolver.parse(_text("/etc/hosts"), _text("/etc/resolv.conf"))
    return Surroundings(environment, resolver, trusted_here(environment))


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def _within(root: str, read: Callable[[], Surroundings]) -> Surroundings:
    """Read files as a process with this root folder sees them (its links lead nowhere else), and come back."""
    own = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.chroot(root)
        try:
            os.chdir("/")
            return read()
        finally:
            os.fchdir(own)
            os.chroot(".")
    finally:
        os.close(own)


def _set_namespace(network: int) -> None:
    own = getattr(os, "setns", None)
    if own is not None:
        own(network, _CLONE_NEWNET)
        return
    # Python before 3.12.
    import ctypes  # noqa: PLC0415  a Python without it is no reason to know nothing

    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(network, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
