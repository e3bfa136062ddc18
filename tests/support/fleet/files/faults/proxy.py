# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small HTTP proxy at port 3128: only CONNECT, which is what HTTPS needs.

``open`` lets everything through, ``deny`` refuses every name, ``login`` requires user ``fleet`` and password ``fleet``.
"""

from __future__ import annotations

import base64
import socket
import socketserver
import sys
import threading

_ANSWERS = {403: "Forbidden", 407: "Proxy Authentication Required", 502: "Bad Gateway"}
_PASS = "Basic " + base64.b64encode(b"fleet:fleet").decode()


class Proxy(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        request = self.rfile.readline().decode("latin-1").split()
        headers = {}
        while True:
            line = self.rfile.readline().decode("latin-1").strip()
            if not line:
                break
            name, _colon, value = line.partition(":")
            headers[name.lower()] = value.strip()
        mode = sys.argv[1]
        if mode == "deny" or not request or request[0] != "CONNECT":
            self.refuse(403)
        elif mode == "login" and headers.get("proxy-authorization") != _PASS:
            self.refuse(407)
        else:
            self.tunnel(*request[1].rsplit(":", 1))

    def refuse(self, status: int) -> None:
        headers = "Proxy-Authenticate: Basic realm=fleet\r\nContent-Length: 0\r\n"
        self.wfile.write(f"HTTP/1.1 {status} {_ANSWERS[status]}\r\n{headers}\r\n".encode())

    def tunnel(self, host: str, port: str) -> None:
        try:
            onward = socket.create_connection((host, int(port)), 10)
        except OSError:
            self.refuse(502)
            return
        with onward:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=pump, args=(onward, self.connection), daemon=True)
            back.start()
            pump(self.connection, onward)
            back.join(10)


def pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while True:
            data = source.recv(65536)
            if not data:
                break
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    Server(("0.0.0.0", 3128), Proxy).serve_forever()
