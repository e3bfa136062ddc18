# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way through an HTTP proxy: CONNECT, and what it says to that."""

from __future__ import annotations

import http.client
import io
import socket
from typing import Tuple

from . import layers
from .layers import Blocked
from .proxies import Proxy

_LONGEST = 64 * 1024


def not_tried(proxy: Proxy) -> Blocked:
    """A proxy of a kind that the server knows and this check does not: no fault."""
    return Blocked(
        layers.PROXY,
        f"not tried: it goes through the proxy {proxy} ({proxy.scheme}), and this check speaks to HTTP proxies alone",
        "Look at the log of the api container instead (selfhosted.bitwarden.sync_log_info).",
        untried=True,
    )


def open_tunnel(connected: socket.socket, proxy: Proxy, target: str, agent: str) -> None:
    """Have the proxy connect with ``target`` (host:port). Raises ``Blocked``."""
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", f"User-Agent: {agent}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    try:
        connected.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
        status, reason, schemes = _answer(connected)
    except socket.timeout:
        raise layers.refused_by_proxy(str(proxy), 504, "nothing") from None
    except (OSError, http.client.HTTPException, ValueError):
        raise Blocked(
            layers.PROXY,
            f"{proxy} is no HTTP proxy: it does not answer as one",
            "Correct the proxy's address (HTTPS_PROXY). It starts with http:// even for https addresses.",
        ) from None
    if status == 407 and proxy.authorization:
        raise layers.refused_credentials(str(proxy), schemes)
    if status != 200:
        raise layers.refused_by_proxy(str(proxy), status, reason)


def _answer(connected: socket.socket) -> Tuple[int, str, str]:
    """Status, reason and the logins that a proxy offers. Nothing behind the head may be read: it is the tunnel's."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connected.recv(1)
        if not byte or len(head) > _LONGEST:
            raise http.client.BadStatusLine("")
        head += byte
    first, _end, rest = head.partition(b"\r\n")
    version, _blank, said = first.decode("latin-1").partition(" ")
    code, _blank, reason = said.partition(" ")
    # Not isdigit(): "²" is a digit, and no number.
    if not version.startswith("HTTP/") or not code.isdecimal() or len(code) != 3:
        raise http.client.BadStatusLine(version)
    offered = http.client.parse_headers(io.BytesIO(rest)).get_all("Proxy-Authenticate", [])
    kinds = (value.split()[0].rstrip(",") for value in offered if value.split())
    return int(code), reason.strip(), ", ".join(kinds)[:80]
