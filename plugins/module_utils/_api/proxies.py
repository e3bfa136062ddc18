# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proxy that the environment names for an address (``HTTPS_PROXY``, ``NO_PROXY`` and so on)."""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import Optional, Tuple, Union
from urllib.parse import SplitResult, unquote, urlsplit


def proxy_of(url: str) -> Optional[str]:
    """Return the URL of the proxy that a request to ``url`` goes through, ``None`` where it goes without."""
    # macOS has them in its settings as well.
    if sys.platform != "darwin" and not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    from urllib.request import getproxies  # noqa: PLC0415 (large, and would be in every process of a run)

    parts = urlsplit(url)
    found = getproxies()
    proxy = found.get(parts.scheme) or found.get("all")
    if not proxy or _is_excluded(parts):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def login_of(proxy: str) -> Tuple[str, str]:
    """Return the user name and the password that a proxy's URL holds, both empty where one is missing."""
    parts = urlsplit(proxy)
    if parts.username is None or parts.password is None:
        return "", ""
    return unquote(parts.username), unquote(parts.password)


def _is_excluded(parts: SplitResult) -> bool:
    """Tell whether ``NO_PROXY`` names the host. Python knows its names and addresses there, but no networks."""
    from urllib.request import proxy_bypass  # noqa: PLC0415 (as above)

    host = parts.hostname or ""
    if proxy_bypass(f"{host}:{parts.port}" if parts.port else host):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    named = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    return any(address in network for network in map(_network, named.split(",")) if network)


def _network(text: str) -> Union[ipaddress.IPv4Network, ipaddress.IPv6Network, None]:
    try:
        return ipaddress.ip_network(text.strip(), strict=False) if "/" in text else None
    except ValueError:
        return None
