# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: shared code of this collection. It can change without notice.

"""The one error of everything that speaks with a server, and how answers become one."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, NamedTuple, Optional

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


class ApiError(Exception):
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

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".rstrip()

    def result(self) -> Dict[str, Any]:
        """The failed task's result: ``msg``, ``layer``, ``status``, ``advice``."""
        return {"msg": str(self), "layer": self.layer, "status": self.status, "advice": self.advice}


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
    seconds = int(retry_after) if retry_after is not None and retry_after.strip().isdigit() else None
    try:
        return Answer(status, True, json.loads(text), text, content_type, location, seconds)
    except ValueError:
        return Answer(status, False, None, text, content_type, location, seconds)


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
        if isinstance(model, dict) and _member(model, "Message"):
            return str(_member(model, "Message"))
        message = _member(body, "message", "error_description", "error")
        fields = _member(body, "validationErrors", "errors")
        details: List[str] = []
        if isinstance(fields, dict):
            for name, problems in fields.items():
                listed = problems if isinstance(problems, list) else [problems]
                details.extend(f"{name}: {problem}" if name else str(problem) for problem in listed)
        return " ".join([str(message or "").strip(), "; ".join(details)]).strip()
    title = _TITLE.search(answer.text) if not answer.is_json else None
    return " ".join(title.group(1).split())[:80] if title else ""


def is_page(answer: Answer) -> bool:
    """Whether a web page, or another text that is no JSON, came where the API answers JSON."""
    return not answer.is_json and bool(answer.text.strip())


def answer_error(answer: Answer, what: str, address: str) -> ApiError:
    """The error for an answer that is no success. ``what`` names the request ("read the connection")."""
    status, words = answer.status, server_words(answer)
    said = f': "{words}"' if words else ""
    page = f" with a page{said}" if is_page(answer) else said
    start = f"Could not {what}: {address} answered {status}{page}."
    common: Dict[str, Any] = {"status": status, "text": words, "retry_after": answer.retry_after}
    if 300 <= status < 400:
        return _redirect_error(answer, what, address)
    if status == 429:
        return ApiError(SERVER, start, advice="Too many requests; try again later.", transient=True, **common)
    if status in _PROXY_STATUSES:
        return ApiError(
            SERVER,
            start,
            advice="The service behind the web server is down or still starting.",
            transient=True,
            unknown_outcome=True,
            **common,
        )
    if is_page(answer):
        return ApiError(
            NETWORK,
            start,
            advice="Bitwarden's API answers in JSON. Check url, api_url and identity_url, and what stands in between "
            "(proxy, firewall, login page of a network).",
            **common,
        )
    return _api_error(answer, start, common)


def _api_error(answer: Answer, start: str, common: Dict[str, Any]) -> ApiError:
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
        advice = "The server has no such address: its version is too old, or url is not that of the server."
        return ApiError(REQUEST, start, advice=advice, **common)
    if status >= 500:
        return ApiError(SERVER, start, advice="The reason is in the log of the server's api container.", **common)
    return ApiError(REQUEST, start, **common)


def _redirect_error(answer: Answer, what: str, address: str) -> ApiError:
    """Redirects are not followed: a key or token could end up elsewhere."""
    # The query may carry anything; it is of no use here.
    target = answer.location.split("?")[0].split("#")[0] or "an address that it does not name"
    return ApiError(
        NETWORK,
        f"Could not {what}: {address} answered {answer.status} and points to {target}.",
        status=answer.status,
        advice="Redirects are not followed. Set url (api_url, identity_url) to the address of the server itself; "
        "where it points to a login page, something in between (proxy, network login) answers instead of the server.",
    )
