# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP: sends requests, and turns every way to fail into an ``ApiError``."""

from __future__ import annotations

import socket
import ssl
import traceback
import warnings
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, Iterator, Optional, Set, Tuple, cast

from .._common.dates import parse_date
from .._common.masking import mask_text
from .argspec import ApiOptions
from .errors import NETWORK, REQUEST, TLS, ApiError, Response, ServerProfile, parse_response, response_error

try:
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.exceptions import ConnectTimeoutError, InsecureRequestWarning, NewConnectionError
    from urllib3.util.retry import Retry

    IMPORT_ERROR = None
except ImportError:
    IMPORT_ERROR = traceback.format_exc()
    HTTPAdapter = object  # type: ignore[assignment,misc]

# Required by servers since 2026.3.0, and compares it with what an account's encryption needs.
CLIENT_VERSION = "2026.8.0"
USER_AGENT = "selfhosted.bitwarden/0.1.0 (Ansible)"

_READS = ("GET", "HEAD")
_LONGEST_CONNECT = 10.0  # seconds; a server that takes longer to accept a connection is down
_LONGEST_ANSWER = 86_400.0  # a socket raises OverflowError for much more


class _Adapter(HTTPAdapter):
    """Retries reads, never anything else: a lost response to a write does not say that nothing was written."""

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if request.method in _READS:
            # No Retry-After: it could be an hour, and waiting is decided elsewhere.
            self.max_retries = Retry(
                total=2,
                backoff_factor=0.3,
                status_forcelist=(502, 503, 504),
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
        self.secrets: Set[str] = {options.client_secret}
        self._clock_offset: Optional[timedelta] = None
        self._session = requests.Session()
        self._session.headers.update(
            {
                "Accept": "application/json",
                "User-Agent": USER_AGENT,
                "Bitwarden-Client-Name": "cli",
                "Bitwarden-Client-Version": CLIENT_VERSION,
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
                    timeout=(min(limit, _LONGEST_CONNECT), limit),
                    allow_redirects=False,
                    verify=self.options.verify,
                    cert=self.options.cert,
                )
                body = response.content
        except (requests.RequestException, OSError) as error:
            raise self.masked(_no_response(error, what, url, method, self.options.profile)) from None
        headers = response.headers
        return parse_response(
            response.status_code,
            body,
            headers.get("Content-Type", ""),
            headers.get("Location", ""),
            headers.get("Retry-After"),
        )

    def error(self, response: Response, what: str, url: str) -> ApiError:
        """Return the error for a response other than success."""
        return self.masked(response_error(response, what, url, self.options.profile))

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
            raise self.error(response, "reach the server's API", url)
        moment = parse_date(response.json)
        if moment is None:
            raise ApiError(
                NETWORK,
                f"{url} answers, but not as Bitwarden's API does.",
                status=response.status,
                advice=self.options.profile.misled,
            )
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


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and those below it: causes, contexts, and what the libraries wrap as argument or reason."""
    queue, seen = [error], set()
    while queue:
        current = queue.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        nested = [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
        queue.extend(item for item in nested if isinstance(item, BaseException))


def _no_response(error: Exception, what: str, url: str, method: str, profile: ServerProfile) -> ApiError:
    """Say why no response came. Library texts are not shown: they are long, and hold the whole request line."""
    causes = list(_causes(error))

    def has(*kinds: type) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    start, sent = f"Could not {what}: {url}", False
    if isinstance(error, requests.exceptions.ProxyError):
        return ApiError(
            NETWORK,
            f"{start} was not reached, because the proxy did not let the connection through.",
            advice="Check the proxy variables of the environment (HTTPS_PROXY, NO_PROXY).",
            transient=True,
        )
    if has(ssl.SSLError) or isinstance(error, requests.exceptions.SSLError):
        return _tls_error(causes, start, profile)
    if has(socket.gaierror):
        message, advice = "was not reached: its name is not known.", "Check the name and the DNS of this machine."
    elif has(ConnectionRefusedError):
        message, advice = "was not reached: the connection was refused.", profile.refused
    elif isinstance(error, requests.exceptions.ConnectTimeout) or (
        has(ConnectTimeoutError) and not has(NewConnectionError)
    ):
        message, advice = "was not reached: no response in time.", "Check the address and the firewalls on the way."
    elif isinstance(error, requests.exceptions.Timeout):
        message, advice = "did not answer in time.", f"The {profile.name} is overloaded, or timeout is too short."
        sent = True
    elif has(NewConnectionError):
        message, advice = "was not reached.", "Check the address and the network."
    elif isinstance(error, requests.exceptions.ConnectionError) or has(ConnectionError):
        message = "closed the connection without a response."
        advice = f"The {profile.name} failed, or a proxy or firewall closed the connection."
        sent = True
    elif isinstance(error, requests.RequestException) and not isinstance(error, ValueError):
        message, advice = "sent a response that broke off or cannot be read.", ""
        sent = True
    elif isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        return ApiError(TLS, f"{start} was not asked: the certificates given could not be loaded.", advice=_LOAD)
    else:
        return ApiError(REQUEST, f"{start} is not an address to send requests to.")
    unknown = sent and method not in _READS
    return ApiError(NETWORK, f"{start} {message}", advice=advice, transient=True, unknown_outcome=unknown)


_LOAD = "Check ca_path, client_cert and client_key: files in PEM form, and the key that of the certificate."


def _tls_error(causes: Any, start: str, profile: ServerProfile) -> ApiError:
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = cast(str, getattr(cause, "verify_message", "") or "not valid").rstrip(".")
            return ApiError(
                TLS,
                f"{start}: the {profile.name}'s certificate is not trusted: {reason}.",
                advice=profile.untrusted,
            )
    errors = [cause for cause in causes if isinstance(cause, ssl.SSLError)]
    detail = next((str(cause.reason) for cause in errors if cause.reason), "")
    if not detail and any("PEM lib" in str(cause) for cause in errors):
        detail = "PEM"
    if detail in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        advice = f"Check the port and http or https in {profile.options}."
        return ApiError(TLS, f"{start} does not speak TLS on this port.", advice=advice)
    if detail.startswith(("NO_CERTIFICATE", "NO_START_LINE", "PEM", "KEY_VALUES_MISMATCH")) or "X509" in detail:
        return ApiError(TLS, f"{start} was not asked: the certificates given could not be loaded.", advice=_LOAD)
    if "CERTIFICATE_REQUIRED" in detail or "HANDSHAKE_FAILURE" in detail or "BAD_CERTIFICATE" in detail:
        return ApiError(
            TLS,
            f"{start} refused the TLS connection ({detail.lower().replace('_', ' ')}).",
            advice="Where it requires a client certificate, set client_cert and client_key.",
        )
    shown = f" ({detail.lower().replace('_', ' ')})" if detail else ""
    return ApiError(TLS, f"{start}: no secure connection was made{shown}.", transient="EOF" in detail)
