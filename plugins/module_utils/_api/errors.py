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
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_LONGEST_PAUSE = 86_400  # seconds; whoever asks for more means "not today"


class Peer(NamedTuple):
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
        """What to do where something else answers."""
        return f"Check {self.options}, and what stands in between (proxy, firewall, login page of a network)."


SELF_HOSTED = Peer(
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

    ``status`` is the HTTP status (``None`` without an answer), ``message`` what happened, ``advice`` what to do about
    it (may be empty). ``transient``: the same read may well succeed a little later. ``unknown_outcome``: the request
    may have been carried out all the same (connection lost after it was sent). ``retry_after``: seconds, as the
    server asked for. ``text``: the server's own words alone.
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


class Answer(NamedTuple):
    """One HTTP answer. ``json`` is the parsed body, ``None`` when there is none or it is no JSON (``is_json``)."""

    status: int
    is_json: bool
    json: Any
    text: str
    content_type: str
    location: str
    retry_after: Optional[int]


def parse_answer(
    status: int, body: bytes, content_type: str, location: str = "", retry_after: Optional[str] = None
) -> Answer:
    """Read a body without trusting its content type: a proxy's page may call itself anything."""
    text = body.decode("utf-8-sig", errors="replace")
    seconds = _retry_seconds(retry_after or "")
    try:
        return Answer(status, True, json.loads(text), text, content_type, location, seconds)
    except (ValueError, RecursionError):
        return Answer(status, False, None, text, content_type, location, seconds)


def _retry_seconds(header: str) -> Optional[int]:
    """What a Retry-After asks for: a number of seconds, or a date (RFC 9110). ``None`` where it is neither."""
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
    """The first of the members that exists, whatever its case."""
    lowered = {str(key).lower(): value for key, value in body.items()}
    for name in names:
        if lowered.get(name.lower()) is not None:
            return lowered[name.lower()]
    return None


def server_words(answer: Answer) -> str:
    """What the server says went wrong, from any of its error shapes; empty when it says nothing.

    The Api's ``message`` with its ``validationErrors`` (or ``errors``), Identity's ``ErrorModel.Message``,
    ``error_description`` or ``error``, or the title of a page.
    """
    body = answer.json
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
    return "" if answer.is_json else page_title(answer.text)


def page_title(text: str) -> str:
    """The title of a web page, shortened; empty where there is none."""
    title = _TITLE.search(text)
    return " ".join(title.group(1).split())[:80] if title else ""


def _words(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def is_page(answer: Answer) -> bool:
    """Whether a web page, or another text that is no JSON, came where the API answers JSON."""
    return not answer.is_json and bool(answer.text.strip())


def answer_error(answer: Answer, what: str, address: str, peer: Peer = SELF_HOSTED) -> ApiError:
    """The error for an answer that is no success. ``what`` names the request ("read the connection")."""
    status, words = answer.status, server_words(answer)
    said = f': "{words}"' if words else ""
    page = f" with a page{said}" if is_page(answer) else said
    start = f"Could not {what}: {address} answered {status}{page}."
    common: Dict[str, Any] = {"status": status, "text": words, "retry_after": answer.retry_after}
    if 300 <= status < 400:
        return _redirect_error(answer, what, address, peer)
    if status == 429:
        return ApiError(SERVER, start, advice="Too many requests; try again later.", transient=True, **common)
    if status in _PROXY_STATUSES:
        return ApiError(
            SERVER,
            start,
            advice=peer.down,
            transient=True,
            unknown_outcome=True,
            **common,
        )
    if is_page(answer):
        return ApiError(
            NETWORK,
            start,
            advice=f"Bitwarden's API answers in JSON. {peer.misled}",
            **common,
        )
    return _api_error(answer, start, common, peer)


def _api_error(answer: Answer, start: str, common: Dict[str, Any], peer: Peer) -> ApiError:
    """The error for an answer of the Api itself: JSON, or nothing."""
    status, words = answer.status, server_words(answer)
    if status == 401:
        advice = "The access token was not accepted: log in again by running the task again."
        return ApiError(PERMISSION, start, advice="" if words else advice, **common)
    if status == 403:
        advice = "Use the personal API key of a user (client id user.…), not another kind of key."
        return ApiError(PERMISSION, start, advice="" if words else advice, **common)
    if status == 400 and words.startswith(("You do not have permission", "Only the owner")):
        return ApiError(PERMISSION, start, advice="The API key must be that of an owner of the organization.", **common)
    if status in (404, 405) and not words:
        return ApiError(REQUEST, start, advice=peer.no_address, **common)
    if status >= 500:
        return ApiError(SERVER, start, advice=peer.failed, **common)
    return ApiError(REQUEST, start, **common)


def _redirect_error(answer: Answer, what: str, address: str, peer: Peer) -> ApiError:
    """Redirects are not followed: a key or token could end up elsewhere."""
    # The query may carry anything; it is of no use here.
    target = answer.location.split("?")[0].split("#")[0] or "an address that it does not name"
    return ApiError(
        NETWORK,
        f"Could not {what}: {address} answered {answer.status} and points to {target}.",
        status=answer.status,
        advice=f"Redirects are not followed. Set {peer.options} to the address of the {peer.name} itself; where it "
        f"points to a login page, something in between (proxy, network login) answers instead of the {peer.name}.",
    )
