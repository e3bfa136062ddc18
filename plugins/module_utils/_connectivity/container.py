# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A child process in the network of a container, for root only: like ``ip netns exec`` with the container's names."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import tempfile
from multiprocessing.connection import Connection
from typing import Any, Callable, List, Mapping, TypeVar

from .._common.errors import BitwardenError
from .._common.files import text_of
from .http import Network
from .tls import context_of, service_certificates

T = TypeVar("T")

_CLONE_NEWNS, _CLONE_NEWNET, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x20000, 0x40000000, 0x1000, 0x4000, 0x40000
# This host's own order of look-ups could go around the container's name servers.
_NSSWITCH = ("/etc/nsswitch.conf", "hosts: files dns\n")
_SPARE = 30.0  # Seconds that a call may take beside its requests' own time limit.


class NamespaceError(BitwardenError):
    """The container's network cannot be entered, or the process in it ended."""


class ContainerNamespace:
    """The child process; secrets are only in its memory. Create it before any thread, which would not go with it."""

    def __init__(self, process: int, environment: Mapping[str, str], certificates: List[bytes], timeout: float) -> None:
        """Enter the network of ``process``; its service trusts ``certificates``, too. Raises ``NamespaceError``."""
        fork = multiprocessing.get_context("fork")
        self._limit = timeout + _SPARE
        self._pipe, its = fork.Pipe()
        arguments = (self._pipe, its, process, environment, certificates)
        self._process = fork.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        its.close()
        try:
            self._receive()
        except NamespaceError:
            self.close()
            raise

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a module's function there, with the container's network first. Raises ``NamespaceError``."""
        with contextlib.suppress(OSError):
            self._pipe.send((function, arguments))
        result: T = self._receive()
        return result

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _receive(self) -> Any:
        problem, result = "the process in the container's network ended", None
        with contextlib.suppress(EOFError, OSError):
            problem, result = self._pipe.recv() if self._pipe.poll(self._limit) else (problem, None)
        if problem:
            raise NamespaceError(problem)
        return result


def _serve(parents: Connection, pipe: Connection, *where: Any) -> None:
    """Enter the network and carry out calls, until the parent ends this process or itself."""
    parents.close()
    with contextlib.suppress(BaseException):
        try:
            network = enter(*where)
        except (OSError, ImportError) as error:
            pipe.send((getattr(error, "strerror", None) or str(error), None))
            return
        pipe.send(("", None))
        while True:
            function, arguments = pipe.recv()
            pipe.send(("", function(network, *arguments)))


def enter(process: int, environment: Mapping[str, str], certificates: List[bytes]) -> Network:
    """Move this process into the network of ``process``, for good. Raises ``OSError``."""
    import ctypes  # noqa: PLC0415  a Python without it still checks from the host

    library = ctypes.CDLL(None, use_errno=True)

    def ensure(status: int) -> None:
        if status != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    root = f"/proc/{process}/root"
    files = {path: text_of(root + path) for path in ("/etc/hosts", "/etc/resolv.conf")}
    trusted = context_of([*service_certificates(environment, root), *certificates])
    with open(f"/proc/{process}/ns/net", encoding="ascii") as namespace:
        ensure(library.unshare(_CLONE_NEWNS))
        ensure(library.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))
        for path, text in (*files.items(), _NSSWITCH):
            if os.path.exists(path):
                with tempfile.NamedTemporaryFile("w") as file:
                    file.write(text)
                    file.flush()
                    ensure(library.mount(file.name.encode(), path.encode(), None, _MS_BIND, None))
        ensure(library.setns(namespace.fileno(), _CLONE_NEWNET))
    servers = re.findall(r"(?m)^nameserver\s+(\S+)", files["/etc/resolv.conf"])
    return Network(environment, trusted, ", ".join(servers))


def belongs_to(process: int, container: str) -> bool:
    """Tell by Docker's mounts whether it is a process of this container: a remote engine has its own numbers."""
    return container in text_of(f"/proc/{process}/mountinfo")
