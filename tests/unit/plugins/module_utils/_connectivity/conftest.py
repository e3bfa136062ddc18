# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loopback stand-ins for what is met between server and cloud: TLS servers with any certificate, proxies, silence."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Callable, Iterator, Optional

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.http import Network
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.tls import context_of

from .stand_ins import Authority, Server


def is_whole(request: bytes) -> bool:
    """Tell whether head and body are there."""
    head, blank, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length: *([0-9]+)", head)
    return bool(blank) and len(body) >= (int(length.group(1)) if length else 0)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers: ``answer`` is sent after each request's head (``None``: nothing is said), TLS with ``context``.

    With ``pause`` it is sent byte by byte, with so many seconds after each.
    """
    with contextlib.ExitStack() as stack:

        def start(answer: Optional[bytes], context: Optional[ssl.SSLContext] = None, pause: float = 0.0) -> Server:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            server = Server(listening.getsockname()[1], [])

            def one(connected: socket.socket) -> None:
                with contextlib.suppress(OSError), connected:
                    if answer is None:
                        time.sleep(5)
                        return
                    inner = context.wrap_socket(connected, server_side=True) if context else connected
                    with inner:
                        head = b""
                        while not is_whole(head):
                            data = inner.recv(4096)
                            if not data:
                                return
                            head += data
                        server.heads.append(head.decode())
                        if not pause:
                            inner.sendall(answer)
                            return
                        for byte in answer:
                            inner.sendall(bytes([byte]))
                            time.sleep(pause)

            def accept() -> None:
                with contextlib.suppress(OSError):
                    while True:
                        threading.Thread(target=one, args=(listening.accept()[0],), daemon=True).start()

            threading.Thread(target=accept, daemon=True).start()
            return server

        yield start


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return the authority that is trusted."""
    return Authority(tmp_path, "Trusted Authority")


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the addresses that every name is found to have."""
    found = ["127.0.0.1"]
    real = socket.getaddrinfo

    def look_up(host, port, *args, **keywords):
        several = [host] if re.fullmatch("[0-9.]+", host) else found
        return [entry for one in several for entry in real(one, port, *args, **keywords)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return found


@pytest.fixture
def network(authority: Authority, addresses: list[str]) -> Network:
    """Return a network that trusts ``authority``, finds every name on loopback, knows no proxy."""
    return Network({}, context_of([authority.pem]))
