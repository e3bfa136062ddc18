# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The self-hosted server's calls to the cloud, with the log of every way they can fail."""

from __future__ import annotations

import functools
import http.client
import json
import os
import re
import socket
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional, Sequence
from urllib.parse import urlencode, urlsplit

from . import dotnet_exceptions
from .context import Server
from .errors import Unhandled

IDENTITY = "https://identity.bitwarden.com"
API = "https://api.bitwarden.com"
_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_UNABLE = "Unable to authenticate with identity server."
_JSON_EXCEPTION = "System.Text.Json.JsonException"
_NO_JSON = "'<' is an invalid start of a value. Path: $ | LineNumber: 0 | BytePositionInLine: 0."


class Answer(NamedTuple):
    """What came back."""

    status: int
    reason: str
    body: bytes


class CloudClient:
    """Calls the cloud with the installation's credentials; log entries carry ``category``.

    A malformed URI in the settings fails here (Unhandled), before anything else is looked at.
    """

    def __init__(self, instance: Server, category: str) -> None:
        self._instance = instance
        self._category = category
        self._identity = _absolute(instance.settings.text("globalSettings__installation__identityUri", IDENTITY))
        self._api = _absolute(instance.settings.text("globalSettings__installation__apiUri", API))
        self._client = f"installation.{instance.settings.guid('globalSettings__installation__id')}"
        self._opener = _opener()

    def request(self, method: str, scope: str, path: str, body: Dict[str, Any]) -> Optional[bytes]:
        """Return the body of a successful response; None after a failure, which is logged."""
        url = self._api + path
        token = self._token(scope)
        if token is None:
            self._fail(f"Unable to send {method} request to {url} because an access token was unable to be obtained")
            return None
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json; charset=utf-8"}
        try:
            answer = self._send(method, url, json.dumps(body).encode(), headers)
        except (OSError, http.client.HTTPException) as error:
            self._fail(f"Failed to send to {url}.", dotnet_exceptions.lines(error, url, "SendAsync"), event=12334)
            return None
        if answer.status >= http.client.BAD_REQUEST:
            self._fail(f"Request to {url} is unsuccessful with status of {_status(answer)}: {_message(answer)}\n")
            return None
        if not _is_json(answer.body):
            self._fail(f"Failed to send to {url}.", [f"{_JSON_EXCEPTION}: {_NO_JSON}"], event=12334)
            return None
        return answer.body

    def _token(self, scope: str) -> Optional[str]:
        url = self._identity + "connect/token"
        form = {
            "grant_type": "client_credentials",
            "scope": scope,
            "client_id": self._client,
            "client_secret": self._instance.settings.text("globalSettings__installation__key"),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            answer = self._send("POST", url, urlencode(form).encode(), headers)
        except (OSError, http.client.HTTPException) as error:
            self._fail(_UNABLE, dotnet_exceptions.lines(error, url, "HandleTokenStateAsync"), event=12339)
            self._fail(f"Empty token response from {self._identity} for client {self._client}")
            return None
        if answer.status >= http.client.BAD_REQUEST:
            self._fail(
                f"Unsuccessful token response from {self._identity} for client {self._client} "
                f"with status {_status(answer)}"
            )
            return None
        if not _is_json(answer.body):
            raise Unhandled(_JSON_EXCEPTION, _NO_JSON)
        token: str = json.loads(answer.body)["access_token"]
        return token

    def _send(self, method: str, url: str, body: bytes, headers: Dict[str, str]) -> Answer:
        host = urlsplit(url).hostname or ""
        if host.endswith(".invalid") and not dotnet_exceptions.proxy_for(url):
            # Reserved for names that never resolve (RFC 6761): no need to ask a name server, which may not be there.
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        request = urllib.request.Request(url, data=body, headers=headers, method=method)
        try:
            with self._opener.open(request, timeout=self._instance.cloud_timeout) as response:
                return Answer(response.status, response.reason, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.reason, error.read())
        except urllib.error.URLError as error:
            if isinstance(error.reason, OSError):
                raise error.reason from error
            raise

    def _fail(self, message: str, exception: Sequence[str] = (), event: int = 0) -> None:
        self._instance.console.entry("fail", self._category, message, exception, event)


@functools.lru_cache(maxsize=1)
def _opener() -> urllib.request.OpenerDirector:
    """Make an opener: proxies from the environment; certificates from OpenSSL's places and the system's bundle."""
    context = ssl.create_default_context()
    if _BUNDLE.exists() and not os.environ.get("SSL_CERT_FILE"):
        context.load_verify_locations(str(_BUNDLE))
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))


def _absolute(text: str) -> str:
    """Return the URI as .NET's ``Uri.ToString()`` gives it: a bare host gets its slash, a path stays as it is."""
    match = re.match(r"^\s*([A-Za-z][A-Za-z0-9+.-]*):(.*)$", text.strip())
    if not match:
        raise Unhandled("System.UriFormatException", "Invalid URI: The format of the URI could not be determined.")
    if match.group(1).lower() not in ("http", "https"):
        raise Unhandled("System.ArgumentException", "Only 'http' and 'https' schemes are allowed. (Parameter 'value')")
    parts = urlsplit(text.strip())
    try:
        port = parts.port
    except ValueError as error:
        raise Unhandled("System.UriFormatException", "Invalid URI: Invalid port specified.") from error
    if not parts.hostname:
        raise Unhandled("System.UriFormatException", "Invalid URI: The hostname could not be parsed.")
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{parts.hostname}{'' if port in (None, default) else f':{port}'}{parts.path or '/'}"


def _status(answer: Answer) -> str:
    name = http.client.responses.get(answer.status, str(answer.status)).replace(" ", "")
    return f"{name}-{answer.reason}"


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _message(answer: Answer) -> str:
    """Return the message of the Api's error shape, if it is one."""
    try:
        body = json.loads(answer.body)
        return str(body["message"])
    except (ValueError, KeyError, TypeError):
        return ""
