# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP: sends requests, and turns every way to fail into an ``ApiError``."""

from __future__ import annotations

import traceback
import warnings
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, Optional, Set, Tuple

from .._common.dates import parse_date
from .._common.masking import mask_text
from .argspec import ApiOptions
from .connect_failures import LONGEST_CONNECT, READS, no_response
from .errors import NETWORK, REQUEST, ApiError, Response, parse_response
from .response_errors import response_error

try:
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.exceptions import InsecureRequestWarning
    from urllib3.util.retry import Retry

    IMPORT_ERROR = None
except ImportError:
    IMPORT_ERROR = traceback.format_exc()
    HTTPAdapter = object  # type: ignore[assignment,misc]

# Required by servers since 2026.3.0, and compares it with what an account's encryption needs.
CLIENT_VERSION = "2026.8.0"
USER_AGENT = "selfhosted.bitwarden/0.2.0 (Ansible)"

# What a gateway answers in place of a server that is down. The Api's own errors are none of these (a 500 may be).
_GATEWAY_STATUSES = (408, 425, *range(501, 600))
_LONGEST_ANSWER = 86_400.0  # a socket raises OverflowError for much more


class _Adapter(HTTPAdapter):
    """Retries reads, never anything else: a lost response to a write does not say that nothing was written."""

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if request.method in READS:
            # No Retry-After: it could be an hour, and waiting is decided elsewhere.
            self.max_retries = Retry(
                total=2,
                backoff_factor=0.3,
                status_forcelist=_GATEWAY_STATUSES,
                raise_on_status=False,
                respect_retry_after_header=False,
            )
        else:
            self.max_retries = Retry(total=0, read=False)
        return super().send(request, *args, **kwargs)


class _Bearer:
    """Authorization by token. An explicit one also keeps ``requests`` from sending what a .netrc has for the host."""

    def __init__(self, token: Optional[str]) -> None:
        self.token = token

    def __call__(self, request: Any) -> Any:
        if self.token:
            request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class Client:
    """One task's connection to one server.

    ``secrets`` collects what must not be shown (the key, tokens); every error of this class is masked by it.
    """

    def __init__(self, options: ApiOptions) -> None:
        if IMPORT_ERROR is not None:
            raise ApiError(
                REQUEST,
                "The Python library requests is missing where this task runs.",
                advice="Install it for the Python that runs the task (python3-requests, or pip install requests).",
            )
        self.options = options
        self.secrets: Set[str] = {options.client_secret, *options.headers.values()}
        self._clock_offset: Optional[timedelta] = None
        self._session = requests.Session()
        self._session.headers.update(
            {
                "Accept": "application/json",
                "User-Agent": USER_AGENT,
                "Bitwarden-Client-Name": "cli",
                "Bitwarden-Client-Version": CLIENT_VERSION,
                **options.headers,
            }
        )
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, _Adapter())

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

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
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", InsecureRequestWarning)  # validate_certs=false says it already
                response = self._session.request(
                    method,
                    url,
                    json=json_body,
                    data=form,
                    files=files,
                    auth=_Bearer(token),
                    timeout=(min(limit, LONGEST_CONNECT), limit),
                    allow_redirects=False,
                    verify=self.options.verify,
                    cert=self.options.cert,
                )
                body = response.content
        except (requests.RequestException, OSError) as error:
            asked = self.options._replace(timeout=limit)
            raise self.masked(no_response(error, what, url, method, asked)) from None
        headers = response.headers
        return parse_response(
            response.status_code,
            body,
            headers.get("Content-Type", ""),
            headers.get("Location", ""),
            headers.get("Retry-After"),
        )._replace(challenge=headers.get("WWW-Authenticate", ""), authorized=token is not None)

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
