# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the Docker engine answers bit by bit, or late: several requests at once, each on a connection of its own."""

from __future__ import annotations

import http.client
import socket
import time
from typing import Any, Callable, List, Optional, Tuple

from .client import Connection, EngineClient, Response, send


class StreamClient(EngineClient):
    """Also reads streams, and begins requests whose answers are waited for later."""

    def stream(
        self, connection: Connection, path: str, timeout: float, body: Any = None, stdin: Optional[bytes] = None
    ) -> Response:
        """Send one request, then ``stdin`` if any, and read to the end of the stream. The connection is used up.

        GET, or POST where there is a ``body``. Raises ``EngineError``.
        """
        return self.begin_stream(connection, path, timeout, body, stdin)()

    def begin_stream(
        self, connection: Connection, path: str, timeout: float, body: Any = None, stdin: Optional[bytes] = None
    ) -> Callable[[], Response]:
        """Send the request of a stream, and return the call that reads it to its end. Both raise ``EngineError``."""
        deadline = time.monotonic() + timeout

        def read(response: http.client.HTTPResponse) -> Response:
            if response.status >= 400:
                return Response(response.status, self.parse(response.read()))
            if stdin is not None:
                connected.sendall(stdin)
                connected.shutdown(socket.SHUT_WR)
            return Response(response.status, *_read(response, connected, deadline))

        # http.client gives up its own reference as soon as it knows that the stream ends with the connection.
        connected = connection.sock
        return self._begin(connection, "GET" if body is None else "POST", path, timeout, body, read)

    def begin_request(self, method: str, path: str, timeout: float) -> Callable[[], Response]:
        """Send one request on a connection of its own, and return the call that waits for the response.

        Both raise ``EngineError``.
        """
        return self._begin(
            self.connect(), method, path, timeout, None, lambda one: Response(one.status, self.parse(one.read()))
        )

    def _begin(
        self,
        connection: Connection,
        method: str,
        path: str,
        timeout: float,
        body: Any,
        read: Callable[[http.client.HTTPResponse], Response],
    ) -> Callable[[], Response]:
        def end() -> Response:
            try:
                return read(connection.getresponse())
            except (OSError, http.client.HTTPException) as error:
                raise self.broken(connection, error, timeout) from error
            finally:
                connection.close()

        try:
            send(connection, method, path, timeout, body)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self.broken(connection, error, timeout) from error
        return end


def split_stream(data: bytes) -> str:
    """Return the text of a log or of a command's output, taken out of the frames that the engine puts it in."""
    parts = []
    position = 0
    while position < len(data):
        if data[position] > 2 or data[position + 1 : position + 4] != b"\0\0\0":
            # A container with a terminal has no frames.
            parts.append(data[position:])
            break
        size = int.from_bytes(data[position + 4 : position + 8], "big")
        parts.append(data[position + 8 : position + 8 + size])
        position += 8 + size
    return b"".join(parts).decode("utf-8", "replace")


def _read(response: http.client.HTTPResponse, connected: socket.socket, deadline: float) -> Tuple[bytes, bool]:
    """Read a stream until it ends or its time is up; return what came, and whether it ended."""
    chunks: List[bytes] = []
    while True:
        connected.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            chunk = response.read1(65536)
        except socket.timeout:
            return b"".join(chunks), False
        if not chunk:
            return b"".join(chunks), True
        chunks.append(chunk)
