# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One task's connections: kept open, through proxies, with the certificates of the options."""

from __future__ import annotations

import os
import traceback
import warnings
from typing import Any, Dict, Mapping, Optional, Tuple
from urllib.parse import urlsplit

from .argspec import ApiOptions
from .connect_failures import READS
from .proxies import login_of, proxy_of

try:
    from urllib3 import PoolManager, ProxyManager, Timeout
    from urllib3.exceptions import InsecureRequestWarning, LocationValueError
    from urllib3.util import make_headers
    from urllib3.util.retry import Retry

    IMPORT_ERROR = None
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

try:
    import certifi
except ImportError:
    certifi = None  # type: ignore[assignment]

# What a gateway answers in place of a server that is down. The Api's own errors are none of these (a 500 may be).
_GATEWAY_STATUSES = (408, 425, *range(501, 600))


class Transport:
    """Sends requests of one task to one server. No redirect is followed."""

    def __init__(self, options: ApiOptions) -> None:
        self._options = options
        self._managers: Dict[Optional[str], Any] = {}
        self._cookies: Any = None

    def close(self) -> None:
        """Close the connections."""
        for manager in self._managers.values():
            manager.clear()

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: Optional[bytes], timeout: Tuple[float, float]
    ) -> Tuple[int, Mapping[str, str], bytes]:
        """Send one request and return status, headers and content of its response.

        ``timeout`` is seconds, to connect and for each read. Raises what ``urllib3`` raises, and ``OSError`` for a
        certificate of the options that is not there.
        """
        url = _with_ascii_host(url)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureRequestWarning)  # validate_certs=false says it already
            response = self._manager(proxy_of(url)).request(
                method,
                url,
                redirect=False,
                body=body,
                headers=self._with_cookie(url, headers),
                timeout=Timeout(*timeout),
                retries=_retries(method),
                preload_content=False,
            )
            content: bytes = response.read(decode_content=True)
        if "Set-Cookie" in response.headers:
            self._keep_cookies(url, response)
        return response.status, response.headers, content

    def _keep_cookies(self, url: str, response: Any) -> None:
        """Keep what a response sets: by a cookie a load balancer may know which server is to get the next request."""
        # Few servers set any, and these libraries would be in every process of a run.
        from http.cookiejar import CookieJar  # noqa: PLC0415
        from urllib.request import Request  # noqa: PLC0415

        if self._cookies is None:
            self._cookies = CookieJar()
        self._cookies.extract_cookies(response, Request(url))

    def _with_cookie(self, url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        if self._cookies is None or any(name.lower() == "cookie" for name in headers):
            return headers
        from urllib.request import Request  # noqa: PLC0415

        request = Request(url)
        self._cookies.add_cookie_header(request)
        cookie = request.get_header("Cookie")
        return {**headers, "Cookie": cookie} if cookie else headers

    def _manager(self, proxy: Optional[str]) -> Any:
        """Return what keeps the connections to a proxy, or to servers without one."""
        if proxy not in self._managers:
            self._managers[proxy] = _make_manager(proxy, _certificates(self._options))
        return self._managers[proxy]


def _retries(method: str) -> Any:
    """Return what repeats reads, never anything else: a lost response to a write does not say that nothing was written.

    Not by Retry-After: it could be an hour, and waiting is decided elsewhere.
    """
    if method not in READS:
        return Retry(total=0, read=False)
    return Retry(
        total=2,
        backoff_factor=0.3,
        status_forcelist=_GATEWAY_STATUSES,
        raise_on_status=False,
        respect_retry_after_header=False,
    )


def _make_manager(proxy: Optional[str], certificates: Mapping[str, Any]) -> Any:
    if proxy is None:
        return PoolManager(**certificates)
    user, password = login_of(proxy)
    if proxy.lower().startswith("socks"):
        try:
            from urllib3.contrib.socks import SOCKSProxyManager  # noqa: PLC0415 (few have a proxy of this kind)
        except ImportError as error:
            raise LocationValueError("A library for SOCKS is missing.") from error
        return SOCKSProxyManager(proxy, username=user or None, password=password or None, **certificates)
    login = make_headers(proxy_basic_auth=f"{user}:{password}") if user else None
    return ProxyManager(proxy, proxy_headers=login, **certificates)


def _certificates(options: ApiOptions) -> Dict[str, Any]:
    """Return the certificates to trust and to show, as ``urllib3`` takes them. Raises ``OSError``."""
    found: Dict[str, Any] = {"cert_reqs": "CERT_NONE"}
    if options.verify:
        found["cert_reqs"] = "CERT_REQUIRED"
        trusted = options.verify if isinstance(options.verify, str) else _trusted_by_default()
        if trusted:
            found["ca_cert_dir" if os.path.isdir(trusted) else "ca_certs"] = trusted
    if options.cert:
        pair = (options.cert,) if isinstance(options.cert, str) else options.cert
        found.update(zip(("cert_file", "key_file"), pair))
    for path in (path for name, path in found.items() if name != "cert_reqs"):
        os.stat(path)
    return found


def _trusted_by_default() -> Optional[str]:
    """Return the file or folder that the environment names, or certifi's; ``None`` is what OpenSSL trusts."""
    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if named:
        return named
    return certifi.where() if certifi else None


def _with_ascii_host(url: str) -> str:
    """Return the URL with the name of its host as DNS knows it. Raises ``ValueError`` where it cannot be one."""
    host = urlsplit(url).hostname or ""
    if host.isascii():
        return url
    try:
        import idna  # noqa: PLC0415 (large, and few names need it)

        name = idna.encode(host, uts46=True).decode()
    except ImportError:
        name = host.encode("idna").decode()
    parts = urlsplit(url)
    return parts._replace(netloc=f"{name}:{parts.port}" if parts.port else name).geturl()
