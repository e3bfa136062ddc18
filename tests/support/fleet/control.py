# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Talk to a stand-in server of the fleet from the controller: its control endpoints, and whether it answers."""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request

from . import keys
from .shell import FleetError


class Control:
    """The server at ``https://<address>``, trusted by the fleet's own authority."""

    def __init__(self, address: str) -> None:
        self._url = f"https://{address}"

    def __call__(
        self, path: str, body: object | None = None, method: str | None = None, service: str = "api"
    ) -> object:
        """Ask ``/_standin/<path>`` of the Api (or ``identity``: what each has for itself, as the limiter).

        POST when there is a body, or GET. Return the JSON of the response.
        """
        path = path.lstrip("/")
        if not path.startswith("_standin/"):
            path = f"_standin/{path}"
        data = None if body is None else json.dumps(body).encode()
        answer = self._ask(f"/{service}/{path}", data, method or ("GET" if body is None else "POST"))
        return json.loads(answer) if answer.strip() else None

    def answers(self) -> bool:
        """Tell whether Api and Identity serve requests."""
        try:
            self._ask("/api/alive", None, "GET")
            self._ask("/identity/.well-known/openid-configuration", None, "GET")
        except (OSError, FleetError, http.client.HTTPException):
            return False
        return True

    def _ask(self, path: str, data: bytes | None, method: str) -> bytes:
        request = urllib.request.Request(
            self._url + path, data, {"Content-Type": "application/json"} if data is not None else {}, method=method
        )
        # Environment proxies are not asked: the fleet's addresses exist only on this machine.
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(keys.CA))),
        )
        try:
            with opener.open(request, timeout=30) as response:
                return bytes(response.read())
        except urllib.error.HTTPError as error:
            raise FleetError(f"{method} {path}: {error.code} {error.read()[:500].decode(errors='replace')}") from error

    def wait(self, what: str, seconds: float) -> None:
        """Wait until Api and Identity respond; a `FleetError` naming ``what`` after ``seconds``."""
        deadline = time.monotonic() + seconds
        while not self.answers():
            if time.monotonic() > deadline:
                raise FleetError(f"{what} does not answer after {seconds:.0f} s")
            time.sleep(0.2)
