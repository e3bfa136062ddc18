# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proxy that the server takes for an https URL, by its environment: as .NET (HttpEnvironmentProxy) does it."""

from __future__ import annotations

import base64
import re
from typing import Mapping, NamedTuple, Optional
from urllib.parse import unquote, urlsplit

_SCHEME = re.compile(r"(https?|socks4a?|socks5)://", re.IGNORECASE)
_HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+)):?\Z")


class Proxy(NamedTuple):
    """A proxy; ``authorization`` is a secret."""

    scheme: str
    host: str
    port: int
    authorization: str

    def __str__(self) -> str:
        return f"{self.host} port {self.port}"


def proxy_for(url: str, environment: Mapping[str, str]) -> Optional[Proxy]:
    """Return the proxy for ``url``, ``None`` where it is reached directly."""
    host = (urlsplit(url).hostname or "").lower()
    # What is there counts, even when it is empty.
    exempt = environment.get("no_proxy", environment.get("NO_PROXY", ""))
    if any(_exempt(entry.strip().lower(), host) for entry in exempt.split(",")):
        return None
    names = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    # The first that can be read.
    return next(filter(None, (_proxy(environment.get(name, "")) for name in names)), None)


def _exempt(entry: str, host: str) -> bool:
    """Tell whether ``entry`` is ``host``, or its domain with a dot in front. There is no ``*``."""
    return bool(entry) and (entry in (host, f".{host}") or (entry.startswith(".") and host.endswith(entry)))


def _proxy(text: str) -> Optional[Proxy]:
    """Return ``None`` for what .NET cannot read. Passwords may hold anything raw, so this is not parsed as a URL."""
    found = _SCHEME.match(text)
    scheme = found.group(1).lower() if found else "http"
    login, _at, place = text[found.end() if found else 0 :].rpartition("@")
    port = 443 if scheme == "https" else 80
    colon = place.rfind(":")
    if colon > place.find("]"):
        digits = re.match("[0-9]{1,9}", place[colon + 1 :])
        if not digits or int(digits.group()) > 65535:
            return None
        place, port = place[:colon], int(digits.group())
    host = _HOST.match(re.split(r"[/?#\\]", place)[0])
    if host is None:
        return None
    user, _colon, password = unquote(login).partition(":")
    pair = base64.b64encode(f"{user}:{password}".encode("utf-8", "surrogateescape")).decode()
    return Proxy(scheme, host.group(1) or host.group(2), port, f"Basic {pair}" if login.strip() else "")
