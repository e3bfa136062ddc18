# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which proxy the server's programs take for a URL, read from an environment as .NET (HttpEnvironmentProxy) does."""

from __future__ import annotations

import base64
import re
from typing import Mapping, NamedTuple, Optional
from urllib.parse import unquote, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443, "socks4": 80, "socks4a": 80, "socks5": 80}
_SCHEME = re.compile(r"(https?|socks4a?|socks5)://", re.IGNORECASE)
# A port needs a digit; whatever follows its digits does not matter.
_PORT = re.compile(r"([0-9]+)")
_HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+)):?\Z")


class Proxy(NamedTuple):
    """A proxy; ``authorization`` is a secret. ``scheme`` is http, https or one that cannot be tried here."""

    scheme: str
    host: str
    port: int
    authorization: str

    def __str__(self) -> str:
        return f"{self.host} port {self.port}"


def proxy_for(url: str, environment: Mapping[str, str]) -> Optional[Proxy]:
    """The proxy for ``url``, ``None`` where it is reached directly."""
    parts = urlsplit(url)
    # .NET writes an IPv6 address in brackets here.
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    # What is there counts, even when it is empty.
    exempt = environment.get("no_proxy", environment.get("NO_PROXY", ""))
    if any(_exempt(entry.strip().lower(), host) for entry in exempt.split(",")):
        return None
    scheme = parts.scheme.lower()
    # The first that can be read. In capitals HTTP_PROXY counts, too: the services are no CGI programs.
    for name in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"):
        proxy = _proxy(environment.get(name, ""))
        if proxy is not None:
            return proxy
    return None


def _exempt(entry: str, host: str) -> bool:
    """A name stands for itself alone; with a dot in front for the domain and all in it. There is no ``*``."""
    if entry.startswith("."):
        return host == entry[1:] or host.endswith(entry)
    return bool(entry) and entry == host


def _proxy(text: str) -> Optional[Proxy]:
    """``None`` for what .NET cannot read. Passwords may hold anything raw, so this is not parsed as a URL."""
    found = _SCHEME.match(text)
    scheme = found.group(1).lower() if found else "http"
    login, _at, place = text[found.end() if found else 0 :].rpartition("@")
    port = _DEFAULT_PORTS[scheme]
    colon = place.rfind(":")
    if colon > place.find("]"):
        digits = _PORT.match(place, colon + 1)
        if not digits or len(digits.group(1)) > 9 or int(digits.group(1)) > 65535:
            return None
        place, port = place[:colon], int(digits.group(1))
    host = _HOST.match(re.split(r"[/?#\\]", place)[0])
    if host is None:
        return None
    user, _colon, password = unquote(login).partition(":")
    pair = base64.b64encode(f"{user}:{password}".encode("utf-8", "surrogateescape")).decode()
    return Proxy(scheme, host.group(1) or host.group(2), port, f"Basic {pair}" if login.strip() else "")
