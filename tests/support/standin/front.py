# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One process for both services: by path prefix as nginx does on a self-hosted server, by host name as in the cloud."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable

WsgiApp = Callable[[Dict[str, Any], Any], Iterable[bytes]]


class Front:
    """``/api/…`` and ``api.*`` go to the Api, ``/identity/…`` and ``identity.*`` to Identity, ``push.*`` nowhere."""

    def __init__(self, api: WsgiApp, identity: WsgiApp) -> None:
        self._services = {"api": api, "identity": identity}

    def __call__(self, environ: Dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        host = environ.get("HTTP_HOST", "").partition(".")[0]
        if host in self._services:
            return self._services[host](environ, start_response)
        if host == "push":
            start_response("200 OK", [("Content-Length", "0")])
            return []
        for name, service in self._services.items():
            if path.startswith(f"/{name}/"):
                return service({**environ, "PATH_INFO": path[len(name) + 1 :]}, start_response)
        # As nginx: the host itself is alive, and everything else is the web vault, which is not here.
        if path == "/alive":
            start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
            return [b"alive"]
        start_response("404 Not Found", [("Content-Length", "0")])
        return []
