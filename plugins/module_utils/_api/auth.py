# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Login with a user's personal API key, and requests as that user."""

from __future__ import annotations

import base64
import json
import re
import time
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Dict, Optional, Tuple

from .client import Client
from .connect_failures import READS
from .errors import LOGIN, NETWORK, PERMISSION, ApiError, Response, is_page, server_text

DEVICE_TYPE = "25"  # Linux CLI
DEVICE_NAME = "Ansible selfhosted.bitwarden"
_EARLY = 60  # seconds before its end that a token is replaced
_FRESH = 60  # seconds; a server that restarted since then may have reason to refuse an older token
_TOKEN = re.compile(r"[\x21-\x7e]+\Z")  # what a header can hold
_PAUSE = 1.0  # seconds before a login is repeated

_ADVICE = {
    "invalid_request": "The {name} did not take the form of the request; check {options}.",
    "invalid_grant": "The key is right, but its account cannot be used. Where the response does not say what to do, "
    "contact Bitwarden's support, or use the key of another owner.",
    "version_header_missing": "A proxy or firewall removed the header Bitwarden-Client-Version.",
    "invalid_client_version": "This account's encryption needs a newer version of this collection.",
    "device_error": "The {name} requires device data in another form; update this collection.",
}


def _nothing() -> None:
    pass


class Account:
    """A user on a server, logged in when first needed. The token is kept only in this object."""

    def __init__(self, client: Client, before_login: Callable[[], None] = _nothing) -> None:
        """``before_login`` runs once, before the key is sent; it raises ``ApiError`` where it must not be."""
        self.client = client
        self._before_login = before_login
        self._token: Optional[str] = None
        self._obtained = 0.0
        self._expires = 0.0
        #: What the server told of the account at the last login (its key derivation, for instance).
        self.login_response: Dict[str, Any] = {}

    def login(self) -> str:
        """Return an access token, a new one if there is none or the last one nears its end.

        Raises ``ApiError``: layer ``login`` when the key is refused.
        """
        if self._token is not None and time.monotonic() < self._expires:
            return self._token
        self._before_login()
        self._before_login = _nothing
        url = f"{self.client.options.identity_url}/connect/token"
        started = datetime.now(timezone.utc)
        response = self._request_token(url)
        if response.status == 500 and not response.text.strip():
            # Where no mail can be sent, the first login from a device fails in this way, but is remembered.
            time.sleep(_PAUSE)
            started = datetime.now(timezone.utc)
            response = self._request_token(url)
        body = response.json if isinstance(response.json, dict) else {}
        token = body.get("access_token")
        if response.status != 200 or not isinstance(token, str) or not _TOKEN.match(token):
            raise self.client.masked(self._refused(response, url))
        self.client.secrets.add(token)
        lifetime = body.get("expires_in")
        lifetime = lifetime if isinstance(lifetime, int) else 3600
        self._obtained = time.monotonic()
        self._expires = self._obtained + lifetime - _EARLY
        issued = _issued(token, lifetime)
        if issued is not None:
            self.client.set_server_time(issued, started)
        self._token = token
        self.login_response = body
        return token

    def _request_token(self, url: str) -> Response:
        options = self.client.options
        form = {
            "grant_type": "client_credentials",
            "client_id": options.client_id,
            "client_secret": options.client_secret,
            "scope": "api",
            "deviceType": DEVICE_TYPE,
            "deviceIdentifier": options.device_identifier,
            "deviceName": DEVICE_NAME,
        }
        try:
            return self.client.send("POST", url, "log in", form=form)
        except ApiError as error:
            error.unknown_outcome = False  # a login changes nothing that anybody asks for
            raise

    def _refused(self, response: Response, url: str) -> ApiError:
        text, status, profile = server_text(response), response.status, self.client.options.profile
        body = response.json if isinstance(response.json, dict) else {}
        code = body.get("error")
        if status == 200:
            return ApiError(
                NETWORK,
                f"Could not log in: {url} answers, but not as Bitwarden's Identity does.",
                status=status,
                advice=profile.misled,
            )
        if status == 400 and isinstance(code, str):
            said = text if text == code else f"{text} ({code})"
            advice = profile.wrong_key if code == "invalid_client" else _ADVICE.get(code, "")
            return ApiError(
                LOGIN,
                f"The {profile.name} refused the login: {said}.".replace("..", "."),
                status=status,
                advice=advice.format(**profile._asdict()),
                text=text,
            )
        error = self.client.error(response, "log in", url, everywhere=True)
        error.unknown_outcome = False
        if status == 500 and not response.text.strip():
            error.message = f"{error.message} It was tried twice."
            error.advice = profile.login_failed
        return error

    def get(self, path: str, what: str) -> Any:
        """Read JSON from the Api. Raises ``ApiError`` on any other response than 200 with JSON."""
        response = self.call("GET", path, what)
        if not response.is_json:
            raise ApiError(
                NETWORK,
                f"Could not {what}: the response of {self.url(path)} is not JSON.",
                status=response.status,
                advice=self.client.options.profile.misled,
            )
        return response.json

    def call(
        self,
        method: str,
        path: str,
        what: str,
        body: Any = None,
        timeout: Optional[float] = None,
        files: Optional[Dict[str, Tuple[str, bytes]]] = None,
    ) -> Response:
        """Send a request as the user, with a JSON body or with files; only a 200 is returned.

        Raises ``ApiError``. A lost response to a write has ``unknown_outcome``.
        """
        url = self.url(path)
        again = False
        while True:
            token = self.login()
            response = self.client.send(method, url, what, token=token, json_body=body, files=files, timeout=timeout)
            if response.status == 200 and not (is_page(response) and method not in READS):
                return response
            error = self.client.error(response, what, url)
            if error.status != 401 or error.text or error.layer != PERMISSION:
                raise error
            self._token = None
            if again or time.monotonic() - self._obtained < _FRESH:
                raise error
            again = True

    def url(self, path: str) -> str:
        """Return the whole address of an Api path (``/organizations``)."""
        return f"{self.client.options.api_url}{path}"


def _issued(token: str, lifetime: int) -> Optional[datetime]:
    """Return when an access token was issued, by the server's clock; ``None`` where it is not a JSON web token."""
    try:
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "==="))
        return datetime.fromtimestamp(claims["exp"], timezone.utc) - timedelta(seconds=lifetime)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
