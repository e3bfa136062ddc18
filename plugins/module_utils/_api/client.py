# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP: sends requests, and turns every way to fail into an ``ApiError``."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, Mapping, Optional, Set, Tuple
from urllib.parse import urlencode

from .._common.dates import parse_date
from .._common.masking import mask_text
from .argspec import ApiOptions
from .connect_failures import LONGEST_CONNECT, READS, no_response
from .errors import NETWORK, REQUEST, ApiError, Response, parse_response
from .response_errors import response_error
from .transport import IMPORT_ERROR, Transport

try:
    from urllib3.exceptions import HTTPError
    from urllib3.fields import RequestField
    from urllib3.filepost import encode_multipart_formdata
except ImportError:
    HTTPError = Exception  # type: ignore[assignment,misc]  # IMPORT_ERROR says so

# Required by servers since 2026.3.0, and compares it with what an account's encryption needs.
CLIENT_VERSION = "2026.8.0"
USER_AGENT = "selfhosted.bitwarden/0.2.0 (Ansible)"

_LONGEST_ANSWER = 86_400.0  # a socket raises OverflowError for much more


class Client:
    """One task's connection to one server.

    ``secrets`` collects what must not be shown (the key, tokens); every error of this class is masked by it.
    """

    def __init__(self, options: ApiOptions) -> None:
        if IMPORT_ERROR is not None:
            raise ApiError(
                REQUEST,
                "The Python library urllib3 is missing where this task runs.",
                advice="Install it for the Python that runs the task (python3-urllib3, or pip install urllib3).",
            )
        self.options = options
        self.secrets: Set[str] = {options.client_secret, *options.headers.values()}
        self._clock_offset: Optional[timedelta] = None
        self._transport = Transport(options)
        given = {name.lower() for name in options.headers}
        own = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "Connection": "keep-alive",
            "User-Agent": USER_AGENT,
            "Bitwarden-Client-Name": "cli",
            "Bitwarden-Client-Version": CLIENT_VERSION,
        }
        self._headers = {**{name: own[name] for name in own if name.lower() not in given}, **options.headers}

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def send(
        self,
        method: str,
        url: str,
        what: str,
        *,
        token: Optional[str] = None,
        json_body: Any = None,
        form: Optional[Dict[str, str]] = None,
        files: Optional[Dict[str, Tuple[str, bytes]]] = None,
        timeout: Optional[float] = None,
    ) -> Response:
        """Send one request and return its response, whatever its status, redirects included (none is followed).

        ``files``: the parts of a form with files, ``{part: (file name, content)}``. ``what`` names the request in
        errors. ``timeout`` (seconds for the response) instead of the option's.
        Raises ``ApiError`` when there is no response.
        """
        limit = min(timeout or self.options.timeout, _LONGEST_ANSWER)
        body, headers = _body(json_body, form, files)
        if body is None and method not in READS:
            body = b""
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            status, received, content = self._transport.send(
                method, url, {**self._headers, **headers}, body, (min(limit, LONGEST_CONNECT), limit)
            )
        except (HTTPError, OSError, ValueError) as error:
            asked = self.options._replace(timeout=limit)
            raise self.masked(no_response(error, what, url, method, asked)) from None
        return parse_response(
            status,
            content,
            received.get("Content-Type", ""),
            received.get("Location", ""),
            received.get("Retry-After"),
        )._replace(challenge=received.get("WWW-Authenticate", ""), authorized=token is not None)

    def error(self, response: Response, what: str, url: str, everywhere: bool = False) -> ApiError:
        """Return the error for a response other than success. ``everywhere``: each server has this address."""
        return self.masked(response_error(response, what, url, self.options, everywhere))

    def not_bitwarden(self, response: Response, url: str) -> ApiError:
        """Return the error for a success whose content is not that of Bitwarden's API."""
        message = f"{url} answers, but not as Bitwarden's API does."
        return self.masked(ApiError(NETWORK, message, response.status, self.options.profile.misled))

    def masked(self, error: ApiError) -> ApiError:
        """Hide secrets in what an error says; servers and proxies repeat what they were sent."""
        error.message = mask_text(error.message, self.secrets)
        error.text = mask_text(error.text, self.secrets)
        error.args = (error.message,)
        return error

    def probe(self) -> None:
        """Check that a Bitwarden Api answers, and note its clock.

        Comes before the login: a read may be repeated, and the key is shown only to what looks like a Bitwarden server.
        """
        url = f"{self.options.api_url}/alive"
        started = datetime.now(timezone.utc)
        response = self.send("GET", url, "reach the server's API")
        if response.status != 200:
            raise self.error(response, "reach the server's API", url, everywhere=True)
        moment = parse_date(response.json)
        if moment is None:
            raise self.not_bitwarden(response, url)
        self._clock_offset = moment - started

    def set_server_time(self, moment: datetime, here: datetime) -> None:
        """Note that the server's clock showed ``moment`` when this machine's showed ``here``, unless more is known."""
        if self._clock_offset is None:
            self._clock_offset = moment - here

    def server_time(self) -> datetime:
        """Return the time by the server's clock; asks the server where that is not known yet. Raises ``ApiError``."""
        if self._clock_offset is None:
            self.probe()
        return datetime.now(timezone.utc) + (self._clock_offset or timedelta())


def _body(
    json_body: Any, form: Optional[Mapping[str, str]], files: Optional[Mapping[str, Tuple[str, bytes]]]
) -> Tuple[Optional[bytes], Dict[str, str]]:
    """Return the content of a request, and its header. ``None``: it has no content."""
    if files:
        fields = []
        for part, (name, content) in files.items():
            fields.append(RequestField(part, content, filename=name))
            fields[-1].make_multipart()
        body, kind = encode_multipart_formdata(fields)
        return body, {"Content-Type": kind}
    if form:
        return urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    if json_body is not None:
        return json.dumps(json_body, allow_nan=False).encode(), {"Content-Type": "application/json"}
    return None, {}
