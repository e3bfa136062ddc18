# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The addresses of a server's Api and Identity, from the options."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Tuple
from urllib.parse import urlsplit

from .errors import REQUEST, SELF_HOSTED, ApiError, ServerProfile

_CLOUD_DOMAINS = ("bitwarden.com", "bitwarden.eu", "bitwarden-gov.com")
# Paths of a standard server's services: none of them is the address of a server.
_SERVICES = ("api", "identity", "admin", "sso", "icons", "notifications", "events", "attachments", "scim", "alive")


def read_addresses(params: Mapping[str, Any], profile: ServerProfile) -> Tuple[str, str]:
    """Return the URLs of Api and Identity, without a slash at the end. Raises ``ApiError``."""
    url = read_url(params, "url")
    given = {name: read_url(params, name) for name in ("api_url", "identity_url")}
    if url is None and not any(given.values()):
        advice = "Set it to the address of the server, https://vault.example.com."
        raise ApiError(REQUEST, "url is missing.", advice=advice)
    for name, service in (("api_url", "api"), ("identity_url", "identity")):
        if url is not None:
            given[name] = given[name] or f"{url}/{service}"
        elif given[name] is None:
            other = "identity_url" if name == "api_url" else "api_url"
            advice = f"{other} needs it beside, or url in place of both."
            raise ApiError(REQUEST, f"{name} is missing.", advice=advice)
    api_url, identity_url = str(given["api_url"]), str(given["identity_url"])
    if profile is SELF_HOSTED:
        for address in (api_url, identity_url):
            if is_cloud_address(address):
                raise cloud_instead(address)
    return api_url, identity_url


def is_cloud_address(url: str) -> bool:
    """Tell whether a URL is one of Bitwarden's own cloud."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    return any(host == domain or host.endswith(f".{domain}") for domain in _CLOUD_DOMAINS)


def cloud_instead(address: str) -> ApiError:
    """Return the error of an address that is the cloud's where a self-hosted server is meant."""
    return ApiError(
        REQUEST,
        f"{address} is Bitwarden's cloud, not a self-hosted server.",
        advice="Set url to the address of the self-hosted server.",
    )


def read_url(params: Mapping[str, Any], name: str) -> Optional[str]:
    """Return the URL of an option without a slash at its end, ``None`` if it is not set. Raises ``ApiError``."""
    text = str(params.get(name) or "").strip()
    if not text:
        return None
    bad: bool
    try:
        parts = urlsplit(text)
        bad = parts.scheme not in ("http", "https") or not parts.hostname or bool(parts.query or parts.fragment)
        secret = bool(parts.username or parts.password)
        bad = bad or (parts.port or 1) < 1 or " " in text or not text.isprintable()
    except ValueError:
        bad, secret = True, "@" in text
    if secret:  # not repeated in the message: it may hold a password
        raise ApiError(REQUEST, f"{name} must not hold a user name or password.")
    if bad:
        raise ApiError(
            REQUEST, f"{name} is not an address of a server: {text!r}.", advice="Write it as https://vault.example.com."
        )
    text = text.rstrip("/")
    start, _slash, last = text.rpartition("/")
    wrong = {"url": _SERVICES, "api_url": ("identity",), "identity_url": ("api",)}[name]
    if last.lower() in wrong and parts.path:
        message = f"{name} is the address of a single service of the server: {text}."
        if name != "url":
            raise ApiError(REQUEST, message, advice=f"It must be that of {name.partition('_')[0]}.")
        raise ApiError(REQUEST, message, advice=f"Set it to {start}.")
    return text
