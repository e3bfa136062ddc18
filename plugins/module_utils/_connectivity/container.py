# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A child process in the network of a container, for root only; the image needs nothing for it.

As with ``ip netns exec``, the process keeps its own programs and files except those that name the name servers.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
from multiprocessing.connection import Connection
from typing import Any, Callable, List, Mapping, TypeVar

from .._common.errors import BitwardenError
from .http import Network
from .tls import context_of, service_certificates

T = TypeVar("T")

_CLONE_NEWNS, _CLONE_NEWNET = 0x20000, 0x40000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_HOSTS, _RESOLV_CONF = "/etc/hosts", "/etc/resolv.conf"
# This host's own order of look-ups could go around the container's name servers.
_NSSWITCH = ("/etc/nsswitch.conf", "hosts: files dns\n")
# What one call may take beside the time limits of its requests, in seconds.
_SPARE = 30.0


class NamespaceError(BitwardenError):
    """The container's network cannot be entered, or the process in it ended."""


class ContainerNamespace:
    """The child process; secrets are only in its memory. Create it before any thread, which would not go with it."""

    def __init__(self, process: int, environment: Mapping[str, str], certificates: List[bytes], timeout: float) -> None:
        """Enter the network of ``process``, the first one of the container. Raises ``NamespaceError``.

        ``environment`` is that of the service, ``certificates`` what it trusts beside those of its image.
        """
        fork = multiprocessing.get_context("fork")
        self._limit = timeout + _SPARE
        self._pipe, pipe = fork.Pipe()
        self._process = fork.Process(target=_serve, args=(pipe, process, environment, certificates), daemon=True)
        self._process.start()
        pipe.close()
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
        problem = "the process in the container's network ended"
        with contextlib.suppress(EOFError, OSError):
            if self._pipe.poll(self._limit):
                problem, result = self._pipe.recv()
                if not problem:
                    return result
        raise NamespaceError(problem)


def _serve(pipe: Connection, process: int, environment: Mapping[str, str], certificates: List[bytes]) -> None:
    """Enter the network and carry out calls, until the parent ends this process."""
    with contextlib.suppress(BaseException):
        try:
            network = enter(process, environment, certificates)
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
    files = {path: _text(root + path) for path in (_HOSTS, _RESOLV_CONF)}
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
    lines = [line.split() for line in files[_RESOLV_CONF].splitlines()]
    return Network(environment, trusted, ", ".join(words[1] for words in lines if words[:1] == ["nameserver"]))


def belongs_to(process: int, container: str) -> bool:
    """Tell whether this process is of the container with this id: an engine on another machine has its own numbers."""
    # Docker's mounts (resolv.conf, hosts) name the container.
    return container in _text(f"/proc/{process}/mountinfo")


def _text(path: str) -> str:
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read()
    return ""
