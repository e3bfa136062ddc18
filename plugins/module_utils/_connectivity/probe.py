# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an answer of the cloud's means: Bitwarden itself, or somebody in between."""

from __future__ import annotations

import email.utils
import time
from typing import Any, Dict
from urllib.parse import urlsplit

from .._api.errors import page_title, parse_answer
from . import layers
from .endpoints import API, PUSH, Endpoint
from .layers import Blocked, Outcome
from .way import Answer, Question, View, ask

_BETWEEN = (
    "A firewall, a proxy or the login page of a network answers instead of Bitwarden: let these addresses through "
    "without inspection."
)


def probe(endpoint: Endpoint, view: View, timeout: float) -> Outcome:
    """Ask an endpoint its harmless question."""
    try:
        answer = ask(view, Question(endpoint.question), timeout)
    except Blocked as blocked:
        return Outcome.of(blocked)
    return judge(endpoint, answer)._replace(skew=_skew(answer.headers))


def judge(endpoint: Endpoint, answer: Answer) -> Outcome:
    """Whether Bitwarden answered. From push everything is fine: it answers nothing without a login."""
    content = parse_json(answer.body)
    detail = f"{answer.way} answered {answer.status}"
    if endpoint.name == PUSH or answer.status == 429 or _is_right(endpoint, answer.status, content):
        return Outcome(True, "", detail, "", answer.status, answer.body)
    failed = Outcome(False, layers.HTTP, detail, _BETWEEN, answer.status, answer.body)
    if 300 <= answer.status < 400:
        target = _host_of(answer.headers.get("location", ""))
        return failed._replace(detail=f"{detail} and points to {target or 'another address'}")
    if answer.status in (502, 503, 504):
        return failed._replace(advice="The cloud, or a proxy in front of it, has a disturbance: try again later.")
    title = page_title(answer.body)
    if title:
        return failed._replace(detail=f'{detail} with a page: "{title}"')
    if answer.status == 200 or content is None:
        return failed._replace(detail=f"{detail} with something that is not Bitwarden's")
    return failed._replace(advice=f"Check {endpoint.setting}: Bitwarden's {endpoint.name} does not answer there.")


def _is_right(endpoint: Endpoint, status: int, content: Any) -> bool:
    if not isinstance(content, dict):
        return False
    if endpoint.name == API:
        kind = content.get("object")
        return (status, kind) in ((200, "installation"), (404, "error"))
    return status == 200 and "token_endpoint" in content


def parse_json(text: str) -> Any:
    """The JSON in ``text``, ``None`` where it is none."""
    return parse_answer(200, text.encode(), "").json


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _skew(headers: Dict[str, str]) -> float:
    """Seconds between the clock of whoever answered and this host's. What a cache kept (``Age``) has an old date."""
    if "age" in headers:
        return 0.0
    try:
        return email.utils.parsedate_to_datetime(headers.get("date", "")).timestamp() - time.time()
    except (TypeError, ValueError, OverflowError):
        return 0.0
