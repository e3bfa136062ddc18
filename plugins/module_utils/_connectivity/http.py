# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One HTTPS request, step by step: name, connection, proxy, TLS, response. Each step has its own failures."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import re
import socket
import ssl
import time
from concurrent import futures
from typing import Any, Callable, List, Mapping, NamedTuple, Optional, TypeVar
from urllib.parse import urlsplit

from .._common.threads import start
from . import failures, tls
from .failures import ConnectFailure
from .proxy import proxy_for

T = TypeVar("T")

_HEADERS = {"User-Agent": "selfhosted.bitwarden", "Accept": "application/json", "Connection": "close"}
_FORM = {**_HEADERS, "Content-Type": "application/x-www-form-urlencoded"}
_TUNNEL_STATUS = re.compile(r"Tunnel connection failed: (([0-9]+).*)")


class Network(NamedTuple):
    """From where requests are made. ``environment`` (a secret) names the proxies, ``servers`` a container's servers."""

    environment: Mapping[str, str]
    context: ssl.SSLContext
    servers: str = ""

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function with this network first."""
        return function(self, *arguments)


class Response(NamedTuple):
    """What came back. ``body`` is at most 64 KiB, ``location`` where it redirects to; ``peer`` names the responder."""

    status: int
    body: str
    peer: str
    location: str = ""


class _Connection(http.client.HTTPSConnection):
    """A connection for one URL, directly or through a proxy; ``deadline`` is monotonic."""

    sock: Any

    def __init__(self, network: Network, url: str, deadline: float, context: ssl.SSLContext) -> None:
        parts = urlsplit(url)
        limit = round(deadline - time.monotonic(), 1)
        self.network, self.deadline, self.limit, self.tls = network, deadline, limit, context
        self.name, port = parts.hostname or "", parts.port or 443
        self.proxy = proxy = proxy_for(url, network.environment)
        self.peer = f"{self.name} through the proxy {proxy}"
        super().__init__(proxy.host if proxy else self.name, proxy.port if proxy else port)
        if proxy:
            login = {"Proxy-Authorization": proxy.authorization} if proxy.authorization else {}
            self.set_tunnel(self.name, port, {"Host": f"{self.name}:{port}", **login})

    def wait_until_deadline(self) -> float:
        """Let the socket wait as long, and return the seconds: never zero, which would mean "for ever"."""
        left = max(0.001, self.deadline - time.monotonic())
        if self.sock:
            self.sock.settimeout(left)
        return left

    def connect(self) -> None:
        """Connect up to where HTTP can be spoken. Raises ``ConnectFailure``, for TLS what the standard library does."""
        self._open()
        try:
            self.wait_until_deadline()
            if self.proxy:
                self._open_tunnel()
            self.wait_until_deadline()
            self.sock = self.tls.wrap_socket(self.sock, server_hostname=self.name)
            self.wait_until_deadline()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        proxy, problem, addresses = self.proxy, None, self._addresses()
        for number, address in enumerate(addresses):
            if not proxy:
                self.peer = f"{self.name} ({address}) port {self.port}"
            try:
                seconds = self.wait_until_deadline() / (len(addresses) - number)
                self.sock = socket.create_connection((address, self.port), seconds)
                return
            except OSError as error:
                # The first address says most: others are often of a kind that this network does not have.
                problem = problem or error
        failure, why = failures.PROXY_NOT_CONNECTED if proxy else failures.NOT_CONNECTED, _reason(problem, self.limit)
        raise failure.error(peer=f"{self.host} port {self.port}", reason=why.lower()) from problem

    def _addresses(self) -> List[str]:
        """Look the name up as every program does, which knows no time limit."""
        if self.proxy and self.proxy.scheme != "http":
            raise failures.OTHER_PROXY.error(proxy=self.proxy, scheme=self.proxy.scheme)
        with contextlib.suppress(ValueError):
            return [str(ipaddress.ip_address(self.host))]
        try:
            looking = start(lambda: socket.getaddrinfo(self.host, None, type=socket.SOCK_STREAM))
            return list(dict.fromkeys(str(entry[4][0]) for entry in looking.result(self.wait_until_deadline())))
        except futures.TimeoutError:
            reason = f"no name server responded in time ({self.limit:g}s)"
        except OSError as error:
            reason = _reason(error, self.limit)
        except UnicodeError:
            reason = "it is not a host name"
        failure = failures.PROXY_UNKNOWN if self.proxy else failures.NAME_UNKNOWN
        servers = self.network.servers and f" by {self.network.servers}"
        raise failure.error(name=self.host, servers=servers, reason=reason)

    def _open_tunnel(self) -> None:
        try:
            self._tunnel()  # type: ignore[attr-defined]
        except socket.timeout as error:
            raise failures.PROXY_FAILS.error(proxy=self.proxy, status=_reason(error, self.limit)) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            found = _TUNNEL_STATUS.match(str(error))
            if not found:
                raise failures.NOT_A_PROXY.error(proxy=self.proxy) from None
            failure = failures.PROXY_STATUS.get(found.group(2), failures.PROXY_FAILS)
            if failure is failures.PROXY_REQUIRES_LOGIN and self.proxy and self.proxy.authorization:
                failure = failures.PROXY_REFUSES_LOGIN
            raise failure.error(proxy=self.proxy, status=f"status {found.group(1).strip()[:80]}") from None


def send(network: Network, url: str, timeout: float, form: Optional[str] = None) -> Response:
    """GET ``url``, or POST ``form`` (URL-encoded) to it; ``timeout`` in seconds for all. Raises ``ConnectFailure``."""
    connection = _Connection(network, url, time.monotonic() + timeout, network.context)
    try:
        connection.connect()
    except ssl.SSLCertVerificationError as error:
        raise ConnectFailure(tls.explain(connection.name, error, _certificate(connection, url))) from None
    except (OSError, ValueError) as error:
        raise failures.NO_TLS.error(name=connection.name, reason=_reason(error, timeout).replace("_", " ")) from None
    with contextlib.closing(connection):
        try:
            method, headers = ("POST", _FORM) if form else ("GET", _HEADERS)
            connection.request(method, urlsplit(url).path, form, headers)
            response = connection.getresponse()
            body = response.read(64 * 1024).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise failures.NO_RESPONSE.error(peer=connection.peer, reason=_reason(error, timeout)) from None
    return Response(response.status, body, connection.peer, response.getheader("Location") or "")


def _certificate(failed: _Connection, url: str) -> Mapping[str, Any]:
    """Return the untrusted certificate as ``getpeercert`` does, empty if it cannot be had; nothing else is sent."""
    with contextlib.suppress(ConnectFailure, OSError, ValueError):
        certificate: Any = None
        # Only of a certificate that it trusts does the standard library show more than the bytes.
        for _round in range(2):
            context = tls.lenient_context(certificate)
            with contextlib.closing(_Connection(failed.network, url, failed.deadline, context)) as again:
                again.connect()
                certificate = again.sock.getpeercert(binary_form=certificate is None)
        return dict(certificate)
    return {}


def _reason(error: Optional[Exception], limit: float) -> str:
    if isinstance(error, socket.timeout):
        return failures.LATE.message.format(limit=limit)
    # TLS errors have a "reason", those of the system a "strerror".
    return str(getattr(error, "reason", "") or getattr(error, "strerror", "") or error or type(error).__name__)
