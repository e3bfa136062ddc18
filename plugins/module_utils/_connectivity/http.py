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
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, List, Mapping, NamedTuple, Optional
from urllib.parse import urlsplit

from . import failures, tls
from .concurrency import start
from .failures import ConnectFailure, skipped
from .proxy import proxy_for

_LONGEST = 64 * 1024
_LATE = "no response in time"
_HEADERS = {"User-Agent": "selfhosted.bitwarden", "Accept": "application/json", "Connection": "close"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_OTHER_PROXY = (
    "Check the log of the api container instead (selfhosted.bitwarden.sync_log_info). Most proxies require an address "
    "with http://, for https addresses too."
)
_TUNNEL_STATUS = re.compile(r"Tunnel connection failed: (([0-9]+).*)")


class Network(NamedTuple):
    """From where requests are made: the proxies in ``environment`` (a secret), whom TLS trusts, the name servers.

    ``servers`` is empty where they are this host's.
    """

    environment: Mapping[str, str]
    context: ssl.SSLContext
    servers: str = ""


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
        self.network, self.deadline, self.tls = network, deadline, context
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
        """Connect up to where HTTP can be spoken.

        Raises ``ConnectFailure`` for name, connection and proxy; for TLS what the standard library does.
        """
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
        failure = failures.PROXY_NOT_CONNECTED if proxy else failures.NOT_CONNECTED
        raise failure.error(peer=f"{self.host} port {self.port}", reason=_reason(problem).lower()) from problem

    def _addresses(self) -> List[str]:
        """Look the name up as every program does, which knows no time limit."""
        if self.proxy and self.proxy.scheme != "http":
            other = f"{self.proxy} ({self.proxy.scheme}), and this only checks HTTP proxies"
            raise ConnectFailure(skipped(f"not tried: it goes through the proxy {other}", _OTHER_PROXY))
        with contextlib.suppress(ValueError):
            return [str(ipaddress.ip_address(self.host))]
        try:
            looking = start(lambda: socket.getaddrinfo(self.host, None, type=socket.SOCK_STREAM))
            return list(dict.fromkeys(str(entry[4][0]) for entry in looking.result(self.wait_until_deadline())))
        except FutureTimeoutError:
            reason = "no name server responded in time"
        except (OSError, UnicodeError) as error:
            reason = _reason(error) if isinstance(error, OSError) else "it is not a host name"
        failure = failures.PROXY_UNKNOWN if self.proxy else failures.NAME_UNKNOWN
        servers = f" by {self.network.servers}" if self.network.servers else ""
        raise failure.error(name=self.host, servers=servers, reason=reason)

    def _open_tunnel(self) -> None:
        try:
            self._tunnel()  # type: ignore[attr-defined]
        except socket.timeout:
            raise failures.PROXY_FAILS.error(proxy=self.proxy, status=_LATE) from None
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
        raise failures.NO_TLS.error(name=connection.name, reason=_reason(error).replace("_", " ")) from None
    with contextlib.closing(connection):
        try:
            method, headers = ("GET", _HEADERS) if form is None else ("POST", {**_HEADERS, **_FORM})
            connection.request(method, urlsplit(url).path, form, headers)
            response = connection.getresponse()
            body = response.read(_LONGEST).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise failures.NO_RESPONSE.error(peer=connection.peer, reason=_reason(error)) from None
    return Response(response.status, body, connection.peer, response.getheader("Location") or "")


def _certificate(failed: _Connection, url: str) -> Mapping[str, Any]:
    """Return the untrusted certificate as ``getpeercert`` does, empty if it cannot be had; nothing else is sent."""
    with contextlib.suppress(ConnectFailure, OSError, ValueError):
        with _connected(failed, url, tls.blind_context()) as blind:
            certificate = blind.sock.getpeercert(binary_form=True)
        with _connected(failed, url, tls.pinned_context(certificate)) as pinned:
            return dict(pinned.sock.getpeercert())
    return {}


def _connected(failed: _Connection, url: str, context: ssl.SSLContext) -> contextlib.closing[_Connection]:
    connection = _Connection(failed.network, url, failed.deadline, context)
    connection.connect()
    return contextlib.closing(connection)


def _reason(error: Optional[Exception]) -> str:
    if isinstance(error, socket.timeout):
        return _LATE
    # TLS errors have a "reason", those of the system a "strerror".
    return str(getattr(error, "reason", "") or getattr(error, "strerror", "") or error or type(error).__name__)
