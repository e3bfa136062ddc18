# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A tiny HTTP server on loopback that answers with recorded answers, and whose answers a test can replace."""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Union

RECORDINGS = Path(__file__).parents[4] / "support" / "recordings"

ORGANIZATION = "7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003"
NAME = "Example Enterprise"
CLIENT_ID = "user.3d0c1b2a-4f5e-4d6c-8b7a-b2e500f1c001"
CLIENT_SECRET = "UserApiKeySelfHosted0000000001"
TOKEN = "OrgKeyEntCloudBillSync00000002"
ACCESS_TOKEN = "canary.access.token"
CONNECTION_ID = "0e6f4a52-9a35-4a7e-93a2-b2e500f1e001"

_PLACEHOLDERS = {"access_token": ACCESS_TOKEN, "connection_id": CONNECTION_ID}


@dataclass
class Reply:
    """An answer: ``body`` is JSON unless it is text. ``hang``: seconds before it; ``close``: none at all."""

    status: int = 200
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)
    hang: float = 0
    close: bool = False


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: str


def recorded(file: str, name: str) -> Reply:
    """Return the recorded response of the exchange of that name."""
    recording = json.loads((RECORDINGS / file).read_text())
    (response,) = (exchange["response"] for exchange in recording["exchanges"] if exchange.get("name") == name)
    return _reply(recording, response)


def recorded_at(file: str, index: int) -> Reply:
    """Return the recorded response of the exchange at that index."""
    recording = json.loads((RECORDINGS / file).read_text())
    return _reply(recording, recording["exchanges"][index]["response"])


def _reply(recording: dict[str, Any], response: dict[str, Any]) -> Reply:
    known = {**recording["about"]["values"], **_PLACEHOLDERS}
    text = json.dumps(response.get("json", response.get("text", "")))
    text = re.sub(r"\{\{([^}]+)\}\}", lambda found: known.get(found.group(1), found.group(1)), text)
    return Reply(response["status"], json.loads(text), dict(response.get("headers", {})))


def connection(
    token: Union[str, None] = TOKEN, enabled: bool = True, last: Union[str, None] = None, id: str = CONNECTION_ID
) -> Reply:
    """Return the server's response with a connection."""
    config = {"BillingSyncKey": token, "CloudOrganizationId": "ac5d6e7f-9081-4c23-9e4f-b2e500f1d003"}
    body = {"id": id, "type": 1, "organizationId": ORGANIZATION, "enabled": enabled}
    return Reply(200, {**body, "config": {**config, "LastLicenseSync": last}})


NO_CONNECTION = recorded_at("connections.json", 0)
CONNECTION_PATH = f"/api/organizations/connections/{ORGANIZATION}/1"
SUBSCRIPTION_PATH = f"/api/organizations/{ORGANIZATION}/subscription"
SYNC_PATH = f"/api/organizations/licenses/self-hosted/{ORGANIZATION}/sync"
BAD_GATEWAY = Reply(
    502,
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center>nginx</center></body></html>",
    {"content-type": "text/html"},
)


class RecordedServer:
    """``requests`` are those that came. ``replies[(method, path)]`` are given in turn, the last one for ever."""

    def __init__(self, tls: Union[ssl.SSLContext, None] = None) -> None:
        self.requests: list[Request] = []
        self.replies: dict[tuple[str, str], list[Reply]] = defaultdict(list)
        self._defaults()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length).decode()
                path = self.path.split("?")[0]
                outer.requests.append(Request(self.command, path, dict(self.headers.items()), body))
                queue = outer.replies.get((self.command, path), [Reply(404)])
                reply = queue.pop(0) if len(queue) > 1 else queue[0]
                if reply.hang:
                    time.sleep(reply.hang)
                if reply.close:
                    self.close_connection = True
                    return
                text = reply.body if isinstance(reply.body, str) and "content-type" not in reply.headers else None
                if text is None:
                    is_text = "json" not in reply.headers.get("content-type", "json")
                    text = reply.body if is_text else json.dumps(reply.body)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                data = text.encode()
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = _answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def _defaults(self) -> None:
        self.on("GET", "/api/alive", Reply(200, "2026-11-22T10:00:00.1234567Z", {"content-type": "application/json"}))
        self.on("GET", "/api/version", recorded_at("reading.json", 2))
        self.on("POST", "/identity/connect/token", recorded_at("identity.json", 0))
        self.on("GET", "/api/organizations", recorded_at("reading.json", 6))
        self.on("GET", "/api/organizations/connections/enabled", recorded_at("reading.json", 11))
        self.on("GET", CONNECTION_PATH, NO_CONNECTION)
        self.on("GET", SUBSCRIPTION_PATH, recorded_at("reading.json", 8))
        self.on("GET", f"/api/organization/sponsorship/{ORGANIZATION}/sync-status", recorded_at("reading.json", 15))
        sponsored = f"/api/organization/sponsorship/self-hosted/{ORGANIZATION}/sponsored"
        self.on("GET", sponsored, recorded_at("sponsorships.json", 3))

    def on(self, method: str, path: str, *replies: Reply) -> None:
        """Respond so from now on."""
        self.replies[(method, path)] = list(replies)

    def count(self, method: str, path: str) -> int:
        return sum((item.method, item.path) == (method, path) for item in self.requests)

    @property
    def writes(self) -> list[tuple[str, str]]:
        """Requests that can change something; logging in is none."""
        return [
            (item.method, item.path)
            for item in self.requests
            if item.method not in ("GET", "HEAD") and item.path != "/identity/connect/token"
        ]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
