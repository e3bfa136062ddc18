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
from .._common.quotes import with_advice

# Which layer failed.
NETWORK = "network"  # the server was not reached, or something else than the server answered
TLS = "tls"  # reached, but not trusted
LOGIN = "login"  # the API key was refused
PERMISSION = "permission"  # logged in, but not allowed
REQUEST = "request"  # the task asks for something that cannot be, or a precondition is missing
LICENSE = "license"  # the license file, or what the cloud said about the license
SERVER = "server"  # the server failed
CLOUD = "cloud"  # the server could not do its business with Bitwarden's cloud

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
    wrong_token: str  # a token that was issued a moment ago
    fronted: str  # denied by something in front

    @property
    def misled(self) -> str:
        """Advice where something else answers."""
        return f"Check {self.options}, and the proxies, firewalls and captive portals on the way."


SELF_HOSTED = ServerProfile(
    name="server",
    options="url (or api_url and identity_url)",
    down="A web server or gateway answered in place of the server, whose services are down or still starting, or took "
    "too long.",
    failed="The reason is in the log of the server's api container.",
    login_failed="The reason is in the log of the server's identity container. Possible causes: the database is not "
    "reachable or not migrated, the mail (SMTP) settings are wrong, or the configuration of the service is.",
    no_address="The server has no such address: its version is too old, or url is not that of the server.",
    refused="Check that the server runs, and the port.",
    untrusted="Set ca_path to the certificate of the authority that issued it, and url to a name in it.",
    wrong_key="Check client_id and client_secret: wrong, of another server, or rotated in the meantime.",
    wrong_token="Identity issued this token a moment ago, so another run does not help. Check that url (or api_url and "
    "identity_url) leads to the Api and the Identity of one server; the log of its api container says why it refuses.",
    fronted="Find it (a login in front of the server, an allow list, a firewall) and let requests from here pass, or "
    "send what it requires with option headers.",
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

    @property
    def not_found(self) -> bool:
        """Whether the server looked and found nothing. A 404 without a text means that there is no such address."""
        return self.status == 404 and bool(self.text)

    @property
    def denied_by_system(self) -> bool:
        """Whether the operating system keeps the server from one of its files: it passes on that word."""
        return self.status == 401 and self.text == "Unauthorized."

    def __str__(self) -> str:
        return with_advice(self.message, self.advice)

    def result(self) -> Dict[str, Any]:
        """Return the failed task's result: ``msg``, ``layer``, ``status``, ``advice``, and the details."""
        own = {"msg": str(self), "layer": self.layer, "status": self.status, "advice": self.advice}
        return {**self.details, **own}


class Response(NamedTuple):
    """One HTTP response. ``json`` is the parsed body, ``None`` when there is none or it is not JSON (``is_json``).

    ``challenge``: the header WWW-Authenticate. ``authorized``: whether the request carried an access token.
    """

    status: int
    is_json: bool
    json: Any
    text: str
    content_type: str
    location: str
    retry_after: Optional[int]
    challenge: str = ""
    authorized: bool = False


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


def is_own(response: Response) -> bool:
    """Tell whether an error has the form of those of Bitwarden's services; a gateway's JSON has not."""
    body = response.json
    return isinstance(body, dict) and (_member(body, "object") == "error" or "validationErrors" in body)
