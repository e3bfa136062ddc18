# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: shared code of this collection. It can change without notice.

"""Which proxy the server's programs take for a URL, read from an environment as .NET reads it."""

from __future__ import annotations

import base64
from typing import Mapping, NamedTuple, Optional
from urllib.parse import unquote, urlsplit


class Proxy(NamedTuple):
    """An HTTP proxy; ``authorization`` is a secret. ``scheme`` is http, https or one that cannot be tried here."""

    scheme: str
    host: str
    port: int
    authorization: str

    def __str__(self) -> str:
        return f"{self.host} port {self.port}"


def proxy_for(url: str, environment: Mapping[str, str]) -> Optional[Proxy]:
    """The proxy for ``url``, ``None`` where it is reached directly."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if any(_exempt(entry.strip().lower(), host) for entry in _value(environment, "no_proxy").split(",")):
        return None
    text = _value(environment, f"{parts.scheme.lower()}_proxy") or _value(environment, "all_proxy")
    return _proxy(text) if text else None


def _value(environment: Mapping[str, str], name: str) -> str:
    # In capitals HTTP_PROXY counts, too: the services are no CGI programs.
    return (environment.get(name) or environment.get(name.upper()) or "").strip()


def _exempt(entry: str, host: str) -> bool:
    """A name stands for itself alone; with a dot in front for the domain and all in it. There is no ``*``."""
    if entry.startswith("."):
        return host == entry[1:] or host.endswith(entry)
    return bool(entry) and entry == host


def _proxy(text: str) -> Optional[Proxy]:
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host:
        return None
    authorization = ""
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    scheme = parts.scheme.lower()
    return Proxy(scheme, host, port or (443 if scheme == "https" else 80), authorization)
