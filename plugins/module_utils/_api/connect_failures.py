# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The error of a request that got no response: the name, the connection, a proxy, TLS."""

from __future__ import annotations

import re
import socket
import ssl
from http.client import IncompleteRead
from typing import Iterator, List, Sequence

from .._common.durations import format_duration
from .argspec import ApiOptions
from .errors import NETWORK, REQUEST, ApiError
from .tls_errors import not_loaded, tls_error

try:
    from urllib3.exceptions import (
        ConnectTimeoutError,
        DecodeError,
        HTTPError,
        MaxRetryError,
        NewConnectionError,
        ProxyError,
        ReadTimeoutError,
        SSLError,
    )
except ImportError:
    ProxyError = None  # type: ignore[assignment,misc]  # the client says so

READS = ("GET", "HEAD")
LONGEST_CONNECT = 10.0  # seconds; a server that takes longer to accept a connection is down
_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")
_PROXY_LOGIN = 407


def no_response(error: Exception, what: str, url: str, method: str, options: ApiOptions) -> ApiError:
    """Say why no response came. Library texts are not shown: they are long, and hold the whole request line.

    ``options`` are those of the request: its ``timeout`` may be another one than usual.
    """
    causes = list(_causes(error))
    start, write = f"Could not {what}: {url}", method not in READS
    if isinstance(error, MaxRetryError) and error.reason is not None:
        error = error.reason
    if isinstance(error, ProxyError):
        return _proxy_error(causes, start, write)
    if _has(causes, ssl.SSLError) or isinstance(error, SSLError):
        return tls_error(causes, start, write, options)
    if isinstance(error, OSError) and not isinstance(error, HTTPError):
        return not_loaded(start)
    if isinstance(error, ValueError):
        return ApiError(REQUEST, f"{start} is not an address to send requests to.")
    return _connection_error(error, causes, start, write, options)


def _connection_error(
    error: Exception, causes: Sequence[BaseException], start: str, write: bool, options: ApiOptions
) -> ApiError:
    """Return the error of a connection that was not made, or of a response that did not come."""
    profile, limit, sent = options.profile, options.timeout, False
    if _has(causes, socket.gaierror):
        message, advice = "was not reached: its name is not known.", "Check the name and the DNS of this machine."
    elif _has(causes, ConnectionRefusedError):
        message, advice = "was not reached: the connection was refused.", profile.refused
    elif _has(causes, ConnectTimeoutError) and not _has(causes, NewConnectionError):
        message = f"was not reached: no response in time ({format_duration(min(limit, LONGEST_CONNECT))})."
        advice = "Check the address and the firewalls on the way."
    elif isinstance(error, ReadTimeoutError):
        message = f"did not answer in time ({format_duration(limit)})."
        advice = f"The {profile.name} is overloaded, or timeout is too short."
        sent = True
    elif _has(causes, NewConnectionError):
        message, advice = "was not reached.", "Check the address and the network."
    elif _has(causes, IncompleteRead) or _has(causes, DecodeError):
        message, advice = "sent a response that broke off or cannot be read.", ""
        sent = True
    else:
        message = "closed the connection without a response."
        advice = f"The {profile.name} failed, or a proxy or firewall closed the connection."
        sent = True
    return ApiError(NETWORK, f"{start} {message}", advice=advice, transient=True, unknown_outcome=sent and write)


def _proxy_error(causes: List[BaseException], start: str, write: bool) -> ApiError:
    """Return the error of a proxy. It may also have lost a connection that it had made, after the request was sent."""
    answered = next(filter(None, (_TUNNEL.search(str(cause)) for cause in causes)), None)
    status = int(answered.group(1)) if answered else None
    if status == _PROXY_LOGIN:
        advice = "Write name and password into HTTPS_PROXY (http://name:password@proxy:3128)."
        return ApiError(NETWORK, f"{start} was not reached: the proxy requires a login.", status, advice)
    if status is not None:
        message = f"{start} was not reached: the proxy did not let the connection through and answered {status}."
        advice = "Have the proxy allow the connection, or name the host in NO_PROXY where it can be reached without."
        return ApiError(NETWORK, message, status, advice, transient=status >= 500)
    made = _has(causes, ConnectionResetError) or _has(causes, BrokenPipeError)
    return ApiError(
        NETWORK,
        f"{start} was not reached, because the proxy did not let the connection through.",
        advice="Check the proxy variables of the environment (HTTPS_PROXY, NO_PROXY).",
        transient=True,
        unknown_outcome=made and write,
    )


def _has(causes: Sequence[BaseException], kind: type) -> bool:
    return any(isinstance(cause, kind) for cause in causes)


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
