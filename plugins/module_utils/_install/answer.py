# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An answer in place of the cloud's for hosts without access to it: the setup tool asks whether the id is enabled."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
from typing import Iterator

_BODY = b'{"object":"installation","enabled":true}'
_RESPONSE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nConnection: close\r\n"
    b"Content-Length: " + str(len(_BODY)).encode() + b"\r\n\r\n" + _BODY
)
_PATIENCE = 10.0


@contextlib.contextmanager
def installation_answer() -> Iterator[str]:
    """Answer on this machine only (127.0.0.1), and yield the address; another process does, until the block ends.

    Not a thread: the commands that are started meanwhile change their user between fork and exec.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours, theirs = socket.socketpair()
        child = os.fork()
        if not child:
            ours.close()
            _serve(listener, theirs)
        theirs.close()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ours.close()
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _serve(listener: socket.socket, parent: socket.socket) -> None:
    """Answer every request until the parent ends, whatever ends it."""
    try:
        while True:
            ready, _writable, _failed = select.select([listener, parent], [], [])
            if parent in ready:
                break
            with contextlib.suppress(OSError):
                connected, _address = listener.accept()
                with connected:
                    connected.settimeout(_PATIENCE)
                    connected.recv(65536)
                    connected.sendall(_RESPONSE)
    finally:
        os._exit(0)
