# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bitwarden's sites for those who install and update: the scripts, the newest version, the files of a tag.

func.bitwarden.com          /api/dl/?app=self-host&platform=linux[&variant=run]
selfhost.bitwarden.com      /version.json
raw.githubusercontent.com   /bitwarden/self-host/<main or tag>/(bitwarden.sh|run.sh|version.json)

``/_control`` (any name): PUT what is offered and which faults there are, GET what was asked, DELETE to reset.
SIGUSR1: connections are refused; SIGUSR2: no longer.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import ssl
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

HOME = Path(__file__).resolve().parent
_FILES = {"self": "bitwarden.sh", "run": "run.sh"}
_PAGE = b"<!DOCTYPE html>\n<html><body><h1>Moved (for the time being)</h1></body></html>\n"


class Offer:
    """What is offered: releases by version, the one that is given, the one that is announced, and faults.

    ``faults``: ``self``, ``run``, ``version`` or ``raw`` -> an HTTP status, ``html``, ``empty`` or ``cut``.
    """

    def __init__(self, releases: Dict[str, Dict[str, str]], current: str) -> None:
        self.releases, self.default = releases, current
        self.requests: List[str] = []
        self.reset()

    def reset(self) -> None:
        """Go back to the release that is installed at set-up, no faults, nothing asked."""
        self.given = self.announced = self.default
        self.faults: Dict[str, Any] = {}
        self.requests.clear()

    def change(self, body: Dict[str, Any]) -> None:
        """Take over what is given of ``version``, ``announced`` and ``faults``."""
        self.given = body.get("version", self.given)
        self.announced = body.get("announced", body.get("version", self.announced))
        self.faults = {**self.faults, **body.get("faults", {})}

    def find(self, host: str, path: str, query: Dict[str, str]) -> Tuple[str, Optional[bytes]]:
        """Return the kind of a request, and its content (None: not found)."""
        if host == "func.bitwarden.com" and path.rstrip("/") == "/api/dl":
            kind = "run" if query.get("variant") == "run" else "self"
            linux = (query.get("app"), query.get("platform")) == ("self-host", "linux")
            return kind, self._script(kind, self.given) if linux else None
        if host == "selfhost.bitwarden.com" and path == "/version.json":
            return "version", self._versions(self.announced)
        match = re.fullmatch(r"/bitwarden/self-host/(main|v[\d.]+)/(bitwarden\.sh|run\.sh|version\.json)", path)
        if host != "raw.githubusercontent.com" or match is None:
            return "other", None
        version = self.given if match.group(1) == "main" else match.group(1)[1:]
        if version not in self.releases:
            return "raw", None
        if match.group(2) == "version.json":
            return "raw", self._versions(version)
        return "raw", self._script("run" if match.group(2) == "run.sh" else "self", version)

    def _versions(self, version: str) -> bytes:
        release = self.releases[version]
        return json.dumps({"versions": {f"{name}Version": value for name, value in release.items()}}).encode()

    def _script(self, kind: str, version: str) -> bytes:
        text = (HOME / _FILES[kind]).read_text()
        for name, value in self.releases[version].items():
            text = re.sub(rf'^{name.upper()}VERSION="[\d.]+"$', f'{name.upper()}VERSION="{value}"', text, flags=re.M)
        return text.encode()


class Handler(BaseHTTPRequestHandler):
    """Answers a request."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    offer: Offer

    def do_GET(self) -> None:
        """Give a file, or fail as told."""
        parts = urllib.parse.urlsplit(self.path)
        if parts.path == "/_control":
            self._answer(200, json.dumps(self.offer.requests).encode())
            return
        host = self.headers.get("Host", "").partition(":")[0]
        self.offer.requests.append(f"https://{host}{self.path}")
        kind, content = self.offer.find(host, parts.path, dict(urllib.parse.parse_qsl(parts.query)))
        fault = self.offer.faults.get(kind)
        if isinstance(fault, int):
            self._answer(fault, b"")
        elif content is None:
            self._answer(404, b"404: Not Found")
        elif fault == "cut":
            self._answer(200, content, len(content) // 2)
        else:
            self._answer(200, {"html": _PAGE, "empty": b""}.get(str(fault), content))

    do_HEAD = do_GET

    def do_PUT(self) -> None:
        """Change what is offered."""
        self.offer.change(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer(200, b"")

    def do_DELETE(self) -> None:
        """Reset the offer."""
        self.offer.reset()
        self._answer(200, b"")

    def _answer(self, status: int, body: bytes, sent: Optional[int] = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:sent])
        if sent is not None:
            self.close_connection = True
            self.wfile.flush()
            # Without it the transfer would end in an error of TLS, and not be too short.
            self.connection.settimeout(1)
            with contextlib.suppress(OSError):
                self.connection.unwrap()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def serve(context: ssl.SSLContext, address: Tuple[str, int]) -> ThreadingHTTPServer:
    """Listen, and answer in the background."""
    server = ThreadingHTTPServer(address, Handler)
    server.daemon_threads = True
    # The handshake belongs to the thread of its request: one that is slow would stop all others.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def main() -> None:
    """Serve until the end, listening or not."""
    signals = {signal.SIGUSR1, signal.SIGUSR2}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    known = json.loads((HOME / "releases.json").read_text())
    Handler.offer = Offer(known["releases"], known["current"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(HOME / "certificate.crt", HOME / "private.key")
    server: Optional[ThreadingHTTPServer] = serve(context, ("0.0.0.0", 443))
    while True:
        wanted = signal.sigwait(signals) == signal.SIGUSR2
        if server is not None and not wanted:
            server.shutdown()
            server.server_close()
            server = None
        elif server is None and wanted:
            server = serve(context, ("0.0.0.0", 443))


if __name__ == "__main__":
    main()
