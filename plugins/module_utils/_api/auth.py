# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Login with a user's personal API key, and requests as that user."""

from __future__ import annotations

import base64
import json
import time
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, Optional, Tuple

from .client import Client
from .errors import LOGIN, NETWORK, PERMISSION, Answer, ApiError, is_page, server_words

DEVICE_TYPE = "25"  # Linux CLI
DEVICE_NAME = "Ansible selfhosted.bitwarden"
_EARLY = 60  # seconds before its end that a token is replaced

_ADVICE = {
    "invalid_request": "The {name} did not take the form of the request; check {options}.",
    "invalid_grant": "The key is right, but its account cannot be used. Where the answer does not say what to do, turn "
    "to Bitwarden's support, or use the key of another owner.",
    "version_header_missing": "Something in between removed the header Bitwarden-Client-Version.",
    "invalid_client_version": "This account's encryption needs a newer version of this collection.",
    "device_error": "The {name} wants device data in another form; a newer version of this collection may know it.",
}


class Account:
    """A user on a server, logged in when first needed. The token lives in this object alone."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._token: Optional[str] = None
        self._expires = 0.0
        #: What the server told of the account at the last login (its key derivation, for instance).
        self.login_answer: Dict[str, Any] = {}

    def login(self) -> str:
        """Return an access token, a new one if there is none or the last one nears its end.

        Raises ``ApiError``: layer ``login`` when the key is refused.
        """
        if self._token is not None and time.monotonic() < self._expires:
            return self._token
        options = self.client.options
        url = f"{options.identity_url}/connect/token"
        started = datetime.now(timezone.utc)
        answer = self.client.send(
            "POST",
            url,
            "log in",
            form={
                "grant_type": "client_credentials",
                "client_id": options.client_id,
                "client_secret": options.client_secret,
                "scope": "api",
                "deviceType": DEVICE_TYPE,
                "deviceIdentifier": options.device_identifier,
                "deviceName": DEVICE_NAME,
            },
        )
        body = answer.json if isinstance(answer.json, dict) else {}
        token = body.get("access_token")
        if answer.status != 200 or not isinstance(token, str) or not token:
            raise self.client.masked(self._refused(answer, url))
        self.client.secrets.add(token)
        lifetime = body.get("expires_in")
        lifetime = lifetime if isinstance(lifetime, int) else 3600
        self._expires = time.monotonic() + lifetime - _EARLY
        issued = _issued(token, lifetime)
        if issued is not None:
            self.client.set_server_time(issued, started)
        self._token = token
        self.login_answer = body
        return token

    def _refused(self, answer: Answer, url: str) -> ApiError:
        words, status, peer = server_words(answer), answer.status, self.client.options.peer
        body = answer.json if isinstance(answer.json, dict) else {}
        code = body.get("error")
        if status == 200:
            return ApiError(
                NETWORK,
                f"Could not log in: {url} answers, but not as Bitwarden's Identity does.",
                status=status,
                advice=peer.misled,
            )
        if status == 400 and isinstance(code, str):
            said = words if words == code else f"{words} ({code})"
            advice = peer.wrong_key if code == "invalid_client" else _ADVICE.get(code, "")
            return ApiError(
                LOGIN,
                f"The {peer.name} refused the login: {said}.".replace("..", "."),
                status=status,
                advice=advice.format(**peer._asdict()),
                text=words,
            )
        error = self.client.error(answer, "log in", url)
        if status in (401, 403) and not is_page(answer):
            error.layer = LOGIN
            error.advice = f"Bitwarden's Identity does not refuse a login so. {peer.misled}"
        if status == 500 and not answer.text.strip():
            error.advice = peer.login_failed
        return error

    def get(self, path: str, what: str) -> Any:
        """Read JSON from the Api. Raises ``ApiError`` on any other answer than 200 with JSON."""
        answer = self.call("GET", path, what)
        if not answer.is_json:
            raise ApiError(
                NETWORK,
                f"Could not {what}: the answer of {self.url(path)} is no JSON.",
                status=answer.status,
                advice=self.client.options.peer.misled,
            )
        return answer.json

    def call(
        self,
        method: str,
        path: str,
        what: str,
        body: Any = None,
        timeout: Optional[float] = None,
        files: Optional[Dict[str, Tuple[str, bytes]]] = None,
    ) -> Answer:
        """Send a request as the user, with a JSON body or with files; only a 200 is returned.

        Raises ``ApiError``. A lost answer to a write has ``unknown_outcome``.
        """
        token = self.login()
        url = self.url(path)
        answer = self.client.send(method, url, what, token=token, json_body=body, files=files, timeout=timeout)
        if answer.status != 200:
            error = self.client.error(answer, what, self.url(path))
            if error.status == 401 and not error.text and error.layer == PERMISSION:
                self._token = None
            raise error
        return answer

    def url(self, path: str) -> str:
        """The whole address of an Api path (``/organizations``)."""
        return f"{self.client.options.api_url}{path}"


def _issued(token: str, lifetime: int) -> Optional[datetime]:
    """Return when an access token was issued, by the server's clock; ``None`` where it is not a JSON web token."""
    try:
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "==="))
        return datetime.fromtimestamp(claims["exp"], timezone.utc) - timedelta(seconds=lifetime)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
