# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One HTTP question to the cloud, step by step: name, connection, proxy, TLS, answer. Each step fails as its layer."""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import socket
import ssl
import time
from typing import Dict, Mapping, NamedTuple, Optional, Tuple
from urllib.parse import quote, urlsplit

from . import layers
from .certificates import Certificate, read_certificate
from .layers import Blocked
from .names import Lookup, UnknownName, is_address
from .proxies import Proxy, proxy_for
from .tunnel import not_tried, open_tunnel

_LONGEST = 64 * 1024
_AGENT = "selfhosted.bitwarden"
# What stays as it is in a path or query; the rest is written with % as UTF-8, as .NET does it.
_SAFE = "/%:@!$&'()*+,;=~?[]"


class View(NamedTuple):
    """From where is asked: the proxies in ``environment``, how names are looked up, whom TLS trusts."""

    environment: Mapping[str, str]
    look_up: Lookup
    context: ssl.SSLContext


class Answer(NamedTuple):
    """What came back, from whom. ``headers`` by lower-case name."""

    status: int
    headers: Dict[str, str]
    body: str
    way: str


class Question(NamedTuple):
    """A GET, or with ``form`` a POST of it (URL-encoded)."""

    url: str
    form: Optional[str] = None


class _Way:
    """A connection that is being made, within one time limit (``deadline`` in time.monotonic())."""

    def __init__(self, view: View, url: str, deadline: float) -> None:
        parts = urlsplit(url)
        self.view = view
        self.deadline = deadline
        self.tls = parts.scheme.lower() == "https"
        self.host = _ascii(parts.hostname or "")
        self.port = parts.port or (443 if self.tls else 80)
        self.proxy = proxy_for(url, view.environment)
        self.peer = ""

    @property
    def left(self) -> float:
        """Seconds until the deadline, never quite zero (which would mean "for ever" to a socket)."""
        return max(0.001, self.deadline - time.monotonic())

    @property
    def authority(self) -> str:
        """Host and port as in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def open(self, context: ssl.SSLContext) -> socket.socket:
        """Up to where HTTP can be spoken."""
        connected = self._connect()
        try:
            if self.proxy and self.proxy.scheme == "https":
                connected = self._greet(connected, self.proxy)
            if self.proxy and self.tls:
                connected.settimeout(self.left)
                open_tunnel(connected, self.proxy, self.authority, _AGENT)
            if self.tls:
                connected = self._secure(connected, context, self.host)
        except BaseException:
            connected.close()
            raise
        return connected

    def _connect(self) -> socket.socket:
        proxy = self.proxy
        if proxy and proxy.scheme not in ("http", "https"):
            raise not_tried(proxy)
        host, port = (_ascii(proxy.host), proxy.port) if proxy else (self.host, self.port)
        addresses = [host]
        if not is_address(host):
            try:
                addresses = self.view.look_up(host, self.deadline)
            except UnknownName as error:
                raise layers.unknown_name(host, str(error), bool(proxy)) from None
        problem: Optional[OSError] = None
        for number, address in enumerate(addresses):
            self.peer = f"{host} ({address}) port {port}" if address != host else f"{address} port {port}"
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            try:
                attempt = socket.socket(family, socket.SOCK_STREAM)
            except OSError as error:
                problem = error
                continue
            attempt.settimeout(self.left / (len(addresses) - number))
            try:
                attempt.connect((address, port))
            except OSError as error:
                attempt.close()
                # The one of the first address says most: others are often of a kind that this network has not.
                problem = problem or error
            else:
                return attempt
        timed_out = problem is None or isinstance(problem, socket.timeout)
        raise layers.not_connected(f"{host} port {port}", None if timed_out else problem, bool(proxy))

    def _greet(self, connected: socket.socket, proxy: Proxy) -> socket.socket:
        """TLS with the proxy itself. Another TLS connection within it is more than this check can do."""
        try:
            self._secure(connected, self.view.context, _ascii(proxy.host)).close()
        except Blocked as blocked:
            raise Blocked(
                layers.PROXY,
                f"the proxy {proxy}: {blocked.detail}",
                "Write the proxy's address with http://: most proxies speak no TLS, not for https addresses either.",
            ) from None
        raise not_tried(proxy)

    def _secure(self, connected: socket.socket, context: ssl.SSLContext, name: str) -> socket.socket:
        connected.settimeout(self.left)
        try:
            return context.wrap_socket(connected, server_hostname=name)
        except ssl.SSLCertVerificationError as error:
            connected.close()
            at_proxy = self.proxy is not None and self.proxy.scheme == "https"
            seen, date = self._look_closer() if context.check_hostname and not at_proxy else (None, None)
            raise layers.not_trusted(name, error, seen, date) from None
        except socket.timeout:
            raise layers.tls_failed(name, None) from None
        except (OSError, ValueError) as error:
            raise layers.tls_failed(name, error if isinstance(error, OSError) else OSError(str(error))) from None

    def _look_closer(self) -> Tuple[Optional[Certificate], Optional[float]]:
        """Whose certificate it is and what the clock of whoever answered says; nothing of worth is sent."""
        blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        blind.check_hostname = False
        blind.verify_mode = ssl.CERT_NONE
        seen: Optional[Certificate] = None
        expected = (Blocked, OSError, http.client.HTTPException, TypeError, ValueError)
        with contextlib.suppress(*expected), self.open(blind) as connected:
            if isinstance(connected, ssl.SSLSocket):
                seen = read_certificate(connected.getpeercert(binary_form=True) or b"")
            connected.settimeout(self.left)
            connected.sendall(f"HEAD / HTTP/1.1\r\nHost: {self.host}\r\nConnection: close\r\n\r\n".encode("ascii"))
            response = http.client.HTTPResponse(connected, method="HEAD")
            response.begin()
            moment = email.utils.parsedate_to_datetime(response.getheader("Date") or "")
            return seen, moment.timestamp()
        return seen, None


def ask(view: View, question: Question, timeout: float) -> Answer:
    """Ask; ``timeout`` (seconds) is for everything together. Raises ``Blocked``."""
    way = _Way(view, question.url, time.monotonic() + timeout)
    with way.open(view.context) as connected:
        connected.settimeout(way.left)
        try:
            return _exchange(way, connected, question)
        except socket.timeout:
            reason = "no answer in time"
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = str(error) or type(error).__name__
    raise Blocked(
        layers.HTTP,
        f"connected with {way.peer}, but no HTTP answer: {reason}",
        "Check the URL, and what stands in between (firewall, proxy).",
    )


def _exchange(way: _Way, connected: socket.socket, question: Question) -> Answer:
    parts = urlsplit(question.url)
    path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), _SAFE)
    headers = {"User-Agent": _AGENT, "Accept": "application/json", "Connection": "close"}
    if way.proxy and not way.tls:
        path = f"http://{way.authority}{path}"
        if way.proxy.authorization:
            headers["Proxy-Authorization"] = way.proxy.authorization
    if question.form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    asking = http.client.HTTPConnection(way.host, way.port)
    # With this port http.client would name it in the Host header, although it is the default one.
    asking.default_port = 443 if way.tls else 80
    asking.sock = connected
    asking.request("GET" if question.form is None else "POST", path, question.form, headers)
    response = asking.getresponse()
    body = response.read(_LONGEST).decode("utf-8", "replace")
    through = f" through the proxy {way.proxy}" if way.proxy else ""
    return Answer(
        response.status,
        {name.lower(): value for name, value in response.getheaders()},
        body,
        f"{way.peer}{through}" if not way.proxy else f"{way.host}{through}",
    )


def _ascii(host: str) -> str:
    """A host's name as it is sent: in ASCII."""
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise layers.unknown_name(host, "it is no name of a host", False) from None
