# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one error of everything that speaks with a server, and how answers become one."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Dict, List, NamedTuple, Optional

from .._common.errors import BitwardenError
from .._common.pages import page_title

# Which layer failed.
NETWORK = "network"  # the server was not reached, or something else than the server answered
TLS = "tls"  # reached, but not trusted
LOGIN = "login"  # the API key was refused
PERMISSION = "permission"  # logged in, but not allowed
REQUEST = "request"  # the task asks for something that cannot be, or a precondition is missing
LICENSE = "license"  # the license file, or what the cloud said about the license
SERVER = "server"  # the server failed
CLOUD = "cloud"  # the server could not do its business with Bitwarden's cloud

# Answers of the reverse proxy in front while the service behind it is down or starting.
_PROXY_STATUSES = (502, 503, 504)
_LONGEST_PAUSE = 86_400  # seconds; more means "not today"


class ServerProfile(NamedTuple):
    """Who is asked, as errors name it, and what is to be done where it fails."""

    name: str
    options: str  # what holds its address
    down: str
    failed: str
    login_failed: str
    no_address: str
    refused: str  # the connection
    untrusted: str  # the certificate
    wrong_key: str

    @property
    def misled(self) -> str:
        """Advice where something else answers."""
        return f"Check {self.options}, and the proxies, firewalls and captive portals on the way."


SELF_HOSTED = ServerProfile(
    name="server",
    options="url (or api_url and identity_url)",
    down="The service behind the web server is down or still starting.",
    failed="The reason is in the log of the server's api container.",
    login_failed="The reason is in the log of the server's identity container. When its mail (SMTP) settings are "
    "wrong, the first login of a key fails in this way and the next succeeds: run it again.",
    no_address="The server has no such address: its version is too old, or url is not that of the server.",
    refused="Check that the server runs, and the port.",
    untrusted="Set ca_path to the certificate of the authority that issued it, and url to a name in it.",
    wrong_key="Check client_id and client_secret: wrong, of another server, or rotated in the meantime.",
)


class ApiError(BitwardenError):
    """Something failed, in one of the layers above.

    ``status`` is the HTTP status (``None`` without a response), ``message`` what happened, ``advice`` what to do about
    it (may be empty). ``transient``: the same read may well succeed a little later. ``unknown_outcome``: the request
    may have been carried out all the same (connection lost after it was sent). ``retry_after``: seconds, as the
    server asked for. ``text``: only the server's own text.
    """

    def __init__(
        self,
        layer: str,
        message: str,
        status: Optional[int] = None,
        advice: str = "",
        *,
        transient: bool = False,
        unknown_outcome: bool = False,
        retry_after: Optional[int] = None,
        text: str = "",
    ) -> None:
        super().__init__(message)
        self.layer = layer
        self.message = message
        self.status = status
        self.advice = advice
        self.transient = transient
        self.unknown_outcome = unknown_outcome
        self.retry_after = retry_after
        self.text = text
        #: What the failed task returns beside: what it did before, for instance.
        self.details: Dict[str, Any] = {}

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".rstrip()

    def result(self) -> Dict[str, Any]:
        """Return the failed task's result: ``msg``, ``layer``, ``status``, ``advice``, and the details."""
        own = {"msg": str(self), "layer": self.layer, "status": self.status, "advice": self.advice}
        return {**self.details, **own}


class Response(NamedTuple):
    """One HTTP response. ``json`` is the parsed body, ``None`` when there is none or it is not JSON (``is_json``)."""

    status: int
    is_json: bool
    json: Any
    text: str
    content_type: str
    location: str
    retry_after: Optional[int]


def parse_response(
    status: int, body: bytes, content_type: str, location: str = "", retry_after: Optional[str] = None
) -> Response:
    """Read a body without trusting its content type: a proxy's page may call itself anything."""
    text = body.decode("utf-8-sig", errors="replace")
    seconds = _retry_seconds(retry_after or "")
    try:
        return Response(status, True, json.loads(text), text, content_type, location, seconds)
    except (ValueError, RecursionError):
        return Response(status, False, None, text, content_type, location, seconds)


def _retry_seconds(header: str) -> Optional[int]:
    """Return the seconds that a Retry-After asks for, by number or date (RFC 9110); ``None`` where it is neither."""
    if re.fullmatch(r"\s*[0-9]{1,9}\s*", header):
        return min(int(header), _LONGEST_PAUSE)
    try:
        moment = parsedate_to_datetime(header)
        if moment.tzinfo is None:  # as it is for the zone "-0000"
            moment = moment.replace(tzinfo=timezone.utc)
        seconds = (moment - datetime.now(timezone.utc)).total_seconds()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return max(0, min(int(seconds) + 1, _LONGEST_PAUSE))


def _member(body: Dict[Any, Any], *names: str) -> Any:
    """Return the first of the fields that exists, whatever its case."""
    lowered = {str(key).lower(): value for key, value in body.items()}
    for name in names:
        if lowered.get(name.lower()) is not None:
            return lowered[name.lower()]
    return None


def server_text(response: Response) -> str:
    """Return what the server says went wrong, from any of its error shapes; empty when it says nothing.

    The Api's ``message`` with its ``validationErrors`` (or ``errors``), Identity's ``ErrorModel.Message``,
    ``error_description`` or ``error``, or the title of a page.
    """
    body = response.json
    if isinstance(body, dict):
        model = _member(body, "ErrorModel")
        if isinstance(model, dict) and _words(_member(model, "Message")):
            return _words(_member(model, "Message"))
        message = _words(_member(body, "message", "error_description", "error"))
        fields = _member(body, "validationErrors", "errors")
        details: List[str] = []
        if isinstance(fields, dict):
            for name, problems in fields.items():
                listed = problems if isinstance(problems, list) else [problems]
                said = [_words(problem) for problem in listed]
                details.extend(f"{name}: {problem}" if name else problem for problem in said if problem)
        return f"{message} {'; '.join(details)}".strip()
    return "" if response.is_json else page_title(response.text)


def _words(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def is_page(response: Response) -> bool:
    """Tell whether a web page, or another text that is not JSON, came where the API sends JSON."""
    return not response.is_json and bool(response.text.strip())


def response_error(response: Response, what: str, address: str, profile: ServerProfile = SELF_HOSTED) -> ApiError:
    """Return the error for a response other than success. ``what`` names the request ("read the connection")."""
    status, text = response.status, server_text(response)
    said = f': "{text}"' if text else ""
    page = f" with a page{said}" if is_page(response) else said
    start = f"Could not {what}: {address} answered {status}{page}."
    common: Dict[str, Any] = {"status": status, "text": text, "retry_after": response.retry_after}
    if 300 <= status < 400:
        return _redirect_error(response, what, address, profile)
    if status == 429:
        return ApiError(SERVER, start, advice="Too many requests; try again later.", transient=True, **common)
    if status in _PROXY_STATUSES:
        return ApiError(
            SERVER,
            start,
            advice=profile.down,
            transient=True,
            unknown_outcome=True,
            **common,
        )
    if is_page(response):
        return ApiError(
            NETWORK,
            start,
            advice=f"Bitwarden's API answers in JSON. {profile.misled}",
            **common,
        )
    return _api_error(response, start, common, profile)


def _api_error(response: Response, start: str, common: Dict[str, Any], profile: ServerProfile) -> ApiError:
    """Return the error for a response of the Api itself: JSON, or nothing."""
    status, text = response.status, server_text(response)
    if status == 401:
        advice = "The access token was not accepted: log in again by running the task again."
        return ApiError(PERMISSION, start, advice="" if text else advice, **common)
    if status == 403:
        advice = "Use the personal API key of a user (client id user.…), not another kind of key."
        return ApiError(PERMISSION, start, advice="" if text else advice, **common)
    if status == 400 and text.startswith(("You do not have permission", "Only the owner")):
        return ApiError(PERMISSION, start, advice="The API key must be that of an owner of the organization.", **common)
    if status in (404, 405) and not text:
        return ApiError(REQUEST, start, advice=profile.no_address, **common)
    if status >= 500:
        return ApiError(SERVER, start, advice=profile.failed, **common)
    return ApiError(REQUEST, start, **common)


def _redirect_error(response: Response, what: str, address: str, profile: ServerProfile) -> ApiError:
    """Return the error for a redirect. None is followed: a key or token could end up elsewhere."""
    # The query may carry anything; it is of no use here.
    target = response.location.split("?")[0].split("#")[0] or "an address that it does not name"
    return ApiError(
        NETWORK,
        f"Could not {what}: {address} answered {response.status} and points to {target}.",
        status=response.status,
        advice=f"Redirects are not followed. Set {profile.options} to the address of the {profile.name} itself. Where "
        f"this one is that of a login page, a proxy or captive portal answers instead of the {profile.name}.",
    )
