# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The error of a response other than success: of the server itself, or of what answers in front of it."""

from __future__ import annotations

import re
from typing import Any, Dict

from .argspec import ApiOptions
from .errors import (
    NETWORK,
    PERMISSION,
    REQUEST,
    SERVER,
    TLS,
    ApiError,
    Response,
    ServerProfile,
    is_own,
    is_page,
    server_text,
)

# What the edge of Bitwarden's cloud says (with 400) to addresses that it has flagged.
UNUSUAL_TRAFFIC = "Traffic from your network looks unusual"

# Beside every 5xx: the request took too long, or came too early.
_GATEWAY = (408, 425)
# Of a proxy that has no server behind it (yet), or files in its place, which know no POST.
_NO_BACKEND = (404, 405)
_BEARER = re.compile(r"(?:\A|,)\s*Bearer\b", re.IGNORECASE)
_DESCRIPTION = re.compile(r'\berror_description="([^"]{1,200})"')
# Titles of nginx's pages for a 400.
_PLAIN_HTTP = "plain HTTP request was sent to HTTPS port"
_NO_CERTIFICATE = "No required SSL certificate"
_WRONG_CERTIFICATE = "SSL certificate error"


def response_error(
    response: Response, what: str, address: str, options: ApiOptions, everywhere: bool = False
) -> ApiError:
    """Return the error for a response other than success.

    ``what`` names the request ("read the connection"). ``everywhere``: each Bitwarden server has this address, so that
    its lack is that of a proxy without a server behind it (yet).
    """
    profile = options.profile
    status, said = response.status, server_text(response)
    quoted = f': "{said}"' if said else ""
    page = f" with a page{quoted}" if is_page(response) else quoted
    start = f"Could not {what}: {address} answered {status}{page}."
    if status < 400:
        return _no_error(response, what, address, start, profile)
    if said.startswith(UNUSUAL_TRAFFIC):
        return ApiError(NETWORK, start, status, _UNUSUAL, text=said)
    if status == 429:
        advice = "Too many requests; try again later."
        return ApiError(SERVER, start, status, advice, transient=True, retry_after=response.retry_after, text=said)
    if is_own(response):
        return _api_error(response, start, profile)
    if status >= 500 or status in _GATEWAY:
        return ApiError(
            SERVER,
            start,
            status,
            profile.down if response.text.strip() or status != 500 else profile.failed,
            transient=True,
            unknown_outcome=True,
            retry_after=response.retry_after,
        )
    if status in (401, 403, 407):
        return _denied(response, start, profile)
    if is_page(response):
        return _page_error(response, start, options)
    if status in _NO_BACKEND and everywhere:
        return ApiError(NETWORK, start, status, profile.misled, transient=True)
    return _api_error(response, start, profile)


_UNUSUAL = (
    "Bitwarden's cloud has flagged requests from this address. Try again later, or send them from another address, not "
    "over a VPN or a proxy that many share; https://bitwarden.com/help/unusual-traffic-error/ tells more."
)


def _denied(response: Response, start: str, profile: ServerProfile) -> ApiError:
    """Return the error for a 401, 403 or 407 that does not have the form of the Api's own."""
    status = response.status
    if status == 407:
        advice = "A proxy on the way requires a name and password: write them into HTTPS_PROXY or HTTP_PROXY "
        return ApiError(NETWORK, start, status, f"{advice}(http://name:password@proxy:3128).")
    scheme = "" if _BEARER.search(response.challenge) else response.challenge.partition(" ")[0].rstrip(",")
    if scheme or not response.authorized or response.text.strip():
        asks = f" It asks for {scheme} authentication." if scheme else ""
        advice = f"Something in front of the {profile.name} answered, not the {profile.name} itself.{asks}"
        return ApiError(NETWORK, start, status, f"{advice} {profile.fronted}")
    described = _DESCRIPTION.search(response.challenge)
    if described:
        start = f'{start[:-1]}: "{described.group(1)}".'
    if status == 401:
        return ApiError(PERMISSION, start, status, profile.wrong_token)
    advice = "The access token of a user's key is not refused in this way by the Api."
    return ApiError(NETWORK, start, status, f"{advice} {profile.fronted}")


def _page_error(response: Response, start: str, options: ApiOptions) -> ApiError:
    """Return the error for a page where JSON should be. A proxy that has no server behind it yet sends one with 404."""
    status, text, profile = response.status, response.text, options.profile
    if _PLAIN_HTTP in text:
        return ApiError(TLS, start, status, f"Write https instead of http in {profile.options}.")
    if _NO_CERTIFICATE in text:
        advice = "The web server requires a client certificate: set client_cert and client_key."
        if options.cert:
            advice = "No client certificate arrived, although client_cert is set: a proxy on the way ends TLS."
        return ApiError(TLS, start, status, advice)
    if _WRONG_CERTIFICATE in text:
        advice = "The web server does not accept client_cert. Use one from the authority that it trusts for clients."
        return ApiError(TLS, start, status, advice)
    advice = f"Bitwarden's API answers in JSON. {profile.misled}"
    return ApiError(NETWORK, start, status, advice, transient=status in _NO_BACKEND)


def _api_error(response: Response, start: str, profile: ServerProfile) -> ApiError:
    """Return the error for a response of the Api itself: JSON, or nothing."""
    status, text = response.status, server_text(response)
    common: Dict[str, Any] = {"text": text, "retry_after": response.retry_after}
    if status in (401, 403):
        return ApiError(PERMISSION, start, status, **common)
    if status == 400 and text.startswith(("You do not have permission", "Only the owner")):
        advice = "The API key must be that of an owner of the organization."
        return ApiError(PERMISSION, start, status, advice, **common)
    if status in (404, 405) and not text:
        return ApiError(REQUEST, start, status, profile.no_address, **common)
    if status >= 500:
        return ApiError(SERVER, start, status, profile.failed, **common)
    return ApiError(REQUEST, start, status, **common)


def _no_error(response: Response, what: str, address: str, start: str, profile: ServerProfile) -> ApiError:
    """Return the error for a status that is none: a redirect, or a success of something else than the server.

    No redirect is followed: a key or token could end up elsewhere.
    """
    if response.status < 300:  # the Api itself knows only 200, and sends no page with it
        return ApiError(NETWORK, start, response.status, profile.misled, unknown_outcome=True)
    # The query may carry anything; it is of no use here.
    target = response.location.split("?")[0].split("#")[0] or "an address that it does not name"
    return ApiError(
        NETWORK,
        f"Could not {what}: {address} answered {response.status} and points to {target}.",
        status=response.status,
        advice=f"Redirects are not followed. Set {profile.options} to the address of the {profile.name} itself. Where "
        f"this one is that of a login page, something in front of the {profile.name} answers. {profile.fronted}",
    )
