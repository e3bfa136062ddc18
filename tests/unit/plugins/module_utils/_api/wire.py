# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server on loopback that answers bytes as a test gives them, and keeps the bytes that came."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from typing import NamedTuple, Optional, Union

# An answer: bytes, or seconds to wait before what follows; ``CLOSE`` ends the connection.
CLOSE = b""
Part = Union[bytes, float]


class Came(NamedTuple):
    """A request: the number of its connection, its first line, its headers (names in lower case) and its body."""

    connection: int
    line: str
    headers: dict[str, str]
    body: bytes


def page(body: bytes = b"{}", *headers: str, status: str = "200 OK", length: Optional[int] = None) -> bytes:
    """Return the bytes of a response."""
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {size}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Wire:
    """``answers`` are given in turn, the last one for ever; each is bytes or a list of parts."""

    def __init__(
        self,
        *answers: Union[bytes, list[Part]],
        tls: Optional[ssl.SSLContext] = None,
        address: str = "127.0.0.1",
    ) -> None:
        self.came: list[Came] = []
        self._answers = list(answers or [page()])
        self._tls = tls
        self._listening = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self._listening.bind((address, 0))
        self._listening.listen()
        self.port = self._listening.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{f'[{address}]' if ':' in address else address}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        number = 0
        with contextlib.suppress(OSError):
            while True:
                connection, _address = self._listening.accept()
                number += 1
                threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), connection:
            self._talk(self._tls.wrap_socket(connection, server_side=True) if self._tls else connection, number)

    def _talk(self, connection: socket.socket, number: int) -> None:
        with connection, connection.makefile("rb") as stream:
            while True:
                line = stream.readline().decode().rstrip()
                if not line:
                    return
                headers: dict[str, str] = {}
                while header := stream.readline().decode().rstrip():
                    name, _colon, value = header.partition(": ")
                    assert name.lower() not in headers, f"{name} twice"
                    headers[name.lower()] = value
                body = stream.read(int(headers.get("content-length", 0)))
                self.came.append(Came(number, line, headers, body))
                if line.startswith("CONNECT ") and self._tunnel(connection, line):
                    return
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                for part in [answer] if isinstance(answer, bytes) else answer:
                    if isinstance(part, float):
                        time.sleep(part)
                    elif part == CLOSE:
                        return
                    else:
                        connection.sendall(part)

    def _tunnel(self, connection: socket.socket, line: str) -> bool:
        """Connect both sides, where this is a proxy that lets through: one that has no error to answer with."""
        if self._answers[0] != page():
            return False
        host, _colon, port = line.split()[1].rpartition(":")
        other = socket.create_connection((host.strip("[]"), int(port)))
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")

        def pass_on(source: socket.socket, target: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while data := source.recv(65536):
                    target.sendall(data)
            with contextlib.suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)

        threading.Thread(target=pass_on, args=(other, connection), daemon=True).start()
        pass_on(connection, other)
        return True
