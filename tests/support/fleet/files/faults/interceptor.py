# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a firewall does that inspects TLS.

At port 8444 it answers for the clouds' names with certificates of an authority of its own (``ca.pem`` in the folder
given), and passes everything on.
"""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import ssl
import subprocess
import sys
from pathlib import Path

NAMES = [f"{service}.bitwarden.{domain}" for service in ("api", "identity", "push") for domain in ("com", "eu")]
AUTHORITY = "/O=Fleet Firewall/CN=Fleet TLS Inspection"


def make_certificates(folder: Path) -> None:
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    (folder / "extensions").write_text(f"subjectAltName={','.join(f'DNS:{name}' for name in NAMES)}\n")
    for command in (
        ["req", "-x509", *new, "-days", "30", "-subj", AUTHORITY, "-addext", "basicConstraints=critical,CA:TRUE",
         "-addext", "keyUsage=critical,keyCertSign", "-keyout", "ca.key", "-out", "ca.pem"],
        ["req", *new, "-subj", "/CN=intercepted", "-keyout", "leaf.key", "-out", "leaf.csr"],
        ["x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
         "-extfile", "extensions", "-out", "leaf.pem"],
    ):  # fmt: skip
        subprocess.run(["openssl", *command], cwd=folder, check=True, stderr=subprocess.PIPE)


def pass_on(inside: ssl.SSLSocket, onward: ssl.SSLSocket) -> None:
    """Carry bytes both ways until one side ends. In one thread: a TLS connection is not to be used by two at once."""
    other = {inside: onward, onward: inside}
    while True:
        # What a connection has decrypted already, its socket does not show any more.
        ready = [one for one in other if one.pending()] or select.select(list(other), [], [], 60)[0]
        if not ready:
            return
        for one in ready:
            data = one.recv(65536)
            if not data:
                return
            other[one].sendall(data)


class Interceptor(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(Path(sys.argv[1]) / "leaf.pem", Path(sys.argv[1]) / "leaf.key")
        asked: list[str] = []
        context.sni_callback = lambda _connection, name, _context: asked.append(name or "") or None
        onward_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        onward_context.check_hostname = False
        onward_context.verify_mode = ssl.CERT_NONE
        with contextlib.suppress(OSError, IndexError):
            inside = context.wrap_socket(self.request, server_side=True)
            plain = socket.create_connection((asked[0], 443), 10)
            with inside, onward_context.wrap_socket(plain, server_hostname=asked[0]) as onward:
                pass_on(inside, onward)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    make_certificates(Path(sys.argv[1]))
    Server(("0.0.0.0", 8444), Interceptor).serve_forever()
