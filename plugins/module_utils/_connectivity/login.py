# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The installation's login at the cloud, tried once."""

from __future__ import annotations

import re
from typing import Any, Dict, NamedTuple, Optional
from urllib.parse import urlencode

from . import layers
from .endpoints import IDENTITY, Wanted
from .layers import Blocked
from .probe import parse_json
from .way import Answer, Question, View, ask

# What the server asks for when it syncs the license, the sponsorships, and sends to phones.
NEEDED = ("api.licensing", "api.installation")
_SCOPE = "api.licensing api.installation api.push"

# The cloud's limit within one second is over that soon; the one within a minute is not waited for.
_SHORT_WAIT = 5


class Login(NamedTuple):
    """How it went: ``accepted`` is ``None`` where nothing can be said. The token itself is thrown away.

    ``wait``: the seconds after which it can be tried once more, 0 where that would be no use.
    """

    accepted: Optional[bool]
    layer: str
    detail: str
    advice: str
    wait: int = 0

    @classmethod
    def from_dict(cls, data: Dict[str, Any]) -> Login:
        """The reverse of ``_asdict``."""
        return cls(**data)


def try_login(wanted: Wanted, view: View, timeout: float) -> Login:
    """Log in with the installation's id and key."""
    form = {
        "grant_type": "client_credentials",
        "scope": _SCOPE,
        "client_id": f"installation.{wanted.installation_id}",
        "client_secret": wanted.key,
    }
    question = Question(f"{wanted.endpoint(IDENTITY).base}connect/token", urlencode(form))
    try:
        answer = ask(view, question, timeout)
    except Blocked as blocked:
        return Login(None, blocked.layer, blocked.detail, blocked.advice)
    found = judge_login(answer)
    wait = answer.headers.get("retry-after", "")
    # One digit of ASCII: "²" is a digit to Python, too, and no number.
    if answer.status == 429 and re.fullmatch("[0-9]", wait) and int(wait) <= _SHORT_WAIT:
        return found._replace(wait=int(wait))
    return found


def judge_login(answer: Answer) -> Login:
    """What Identity's answer says of the credentials."""
    content = parse_json(answer.body)
    content = content if isinstance(content, dict) else {}
    detail = f"{answer.way} answered {answer.status}"
    if answer.status == 200 and content.get("access_token"):
        lacking = sorted(set(NEEDED) - set(str(content.get("scope", "")).split()))
        if not lacking:
            return Login(True, "", f"{detail}: accepted for {' and '.join(NEEDED)}", "")
        return Login(
            False,
            layers.LOGIN,
            f"{detail}: not accepted for {' and '.join(lacking)}",
            "Ask Bitwarden's support about this installation.",
        )
    if answer.status == 429:
        return Login(None, layers.LOGIN, f"{detail}: too many logins from this address", "Try again in a minute.")
    if content.get("error") == "invalid_client":
        return Login(
            False,
            layers.LOGIN,
            f"{detail}: the key of the installation is not accepted",
            "Set globalSettings__installation__key to the key that belongs to this installation id "
            "(https://bitwarden.com/host shows both).",
        )
    error = content.get("error")
    said = f': "{" ".join(error.split())[:80]}"' if isinstance(error, str) else ""
    return Login(
        None,
        layers.HTTP,
        detail + said,
        "Look at what stands in between (a proxy that lets no POST through?), or try again later.",
    )
