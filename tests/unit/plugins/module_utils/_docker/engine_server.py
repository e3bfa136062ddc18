# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An HTTP server on a real unix socket that answers as the Docker engine does, with the responses of a table."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler


def frame(stream, text):
    """Return ``text`` as the engine sends it: 1 is output, 2 is errors."""
    data = text.encode()
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "unix"

    def log_message(self, *_arguments):
        pass

    def do_GET(self):
        self._answer(None)

    do_DELETE = do_GET

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        self._answer(json.loads(self.rfile.read(length)) if length else None)

    def _answer(self, body):
        engine = self.server.engine
        path = self.path.split("?")[0]
        engine.requests.append((self.command, self.path, body))
        engine.connections.add(id(self.connection))
        answer = engine.answers.get((self.command, path), (404, {"message": "No such container"}))
        if callable(answer):
            answer(self)
            self.close_connection = True
            return
        status, found = answer
        data = json.dumps(found).encode() if found is not None else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        if engine.drops == "announced":
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = bool(engine.drops)

    def upgrade(self, *frames, pause=0.0):
        """Answer as the engine does to the start of a command: a stream that ends with the connection."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n")
        for one in frames:
            self.wfile.write(one)
            self.wfile.flush()
            time.sleep(pause)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class EngineServer:
    """``answers``: (method, path) → (status, JSON), or a function of the handler. ``requests`` is what was asked."""

    def __init__(self, path):
        self.path = str(path)
        self.answers = {}
        self.requests = []
        self.connections = set()
        self.drops = False
        self._server = _Server(self.path, _Handler)
        self._server.engine = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def serve_tcp(self):
        """Pass TCP connections on to the socket; the address."""
        listening = socket.create_server(("127.0.0.1", 0))

        def accept():
            while True:
                try:
                    incoming, _address = listening.accept()
                except OSError:
                    return
                _Handler(incoming, ("tcp", 0), self._server)
                incoming.close()

        threading.Thread(target=accept, daemon=True).start()
        self._listening = listening
        return f"tcp://127.0.0.1:{listening.getsockname()[1]}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        if hasattr(self, "_listening"):
            self._listening.close()
