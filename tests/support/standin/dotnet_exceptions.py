# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Failures of an outgoing request as .NET prints them."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import urllib.request
from typing import List, Optional, Tuple
from urllib.parse import urlsplit

_HTTP = "System.Net.Http.HttpRequestException: "
_INNER_END = "   --- End of inner exception stack trace ---"
_CANCEL = "CancellationToken cancellationToken"
_REQUEST = f"HttpRequestMessage request, {_CANCEL}"
_ASYNC_REQUEST = f"HttpRequestMessage request, Boolean async, {_CANCEL}"
_LOGGED = f"HttpRequestMessage request, Boolean useAsync, {_CANCEL}"
_POOL = "   at System.Net.Http.HttpConnectionPool."
_TO_HOST = (
    f"{_POOL}ConnectToTcpHostAsync(String host, Int32 port, HttpRequestMessage initialRequest, "
    f"Boolean async, {_CANCEL})"
)
_LOGGING = "   at Microsoft.Extensions.Http.Logging."
_INNER_FRAMES = [
    f"   at System.Net.Sockets.Socket.AwaitableSocketAsyncEventArgs.ThrowException(SocketError error, {_CANCEL})",
    "   at System.Net.Sockets.Socket.AwaitableSocketAsyncEventArgs.System.Threading.Tasks.Sources.IValueTaskSource."
    "GetResult(Int16 token)",
    _TO_HOST,
]
_OUTER_FRAMES = [
    _TO_HOST,
    f"{_POOL}ConnectAsync({_ASYNC_REQUEST})",
    f"{_POOL}CreateHttp11ConnectionAsync({_ASYNC_REQUEST})",
    f"{_POOL}InjectNewHttp11ConnectionAsync(QueueItem queueItem)",
    f"   at System.Threading.Tasks.TaskCompletionSourceWithCancellation`1.WaitWithCancellationAsync({_CANCEL})",
    f"{_POOL}SendWithVersionDetectionAndRetryAsync(HttpRequestMessage request, Boolean async, Boolean doRequestAuth, "
    f"{_CANCEL})",
    f"   at System.Net.Http.DiagnosticsHandler.SendAsyncCore({_ASYNC_REQUEST})",
    f"   at System.Net.Http.RedirectHandler.SendAsync({_ASYNC_REQUEST})",
    f"   at System.Net.Http.SocketsHttpHandler.<SendAsync>g__CreateHandlerAndSendAsync|115_0({_REQUEST})",
    f"{_LOGGING}LoggingHttpMessageHandler.<SendCoreAsync>g__Core|4_0({_LOGGED})",
    f"{_LOGGING}LoggingScopeHttpMessageHandler.<SendCoreAsync>g__Core|4_0({_LOGGED})",
    "   at System.Net.Http.HttpClient.<SendAsync>g__Core|83_0(HttpRequestMessage request, HttpCompletionOption "
    "completionOption, CancellationTokenSource cts, Boolean disposeCts, CancellationTokenSource pendingRequestsCts, "
    "CancellationToken originalCancellationToken)",
]
_NOT_IN_TIME = (9, 10)
_SELF_SIGNED = (18, 19)


def lines(error: BaseException, url: str, method: str) -> List[str]:
    """Return the exception's text with its stack, for a request to ``url`` by ``method`` of the identity client."""
    outer, inner = _texts(error, url)
    last = f"   at Bit.Core.Services.BaseIdentityClientService.{method}()"
    return [outer, f" ---> {inner}", *_INNER_FRAMES, _INNER_END, *_OUTER_FRAMES, last]


def proxy_for(url: str) -> Optional[str]:
    """Return the proxy that the environment names for the address, if any."""
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def _texts(error: BaseException, url: str) -> Tuple[str, str]:
    """Return what the outer and the inner exception say."""
    if isinstance(error, ssl.SSLError):
        return f"{_HTTP}The SSL connection could not be established, see inner exception.", _tls_text(error)
    if isinstance(error, socket.timeout) and error.errno is None:
        return (
            "System.Threading.Tasks.TaskCanceledException: The request was canceled due to the configured "
            "HttpClient.Timeout of 100 seconds elapsing.",
            "System.TimeoutException: A task was canceled.",
        )
    if isinstance(error, (http.client.HTTPException, ConnectionResetError, BrokenPipeError)):
        return (
            f"{_HTTP}An error occurred while sending the request.",
            "System.Net.Http.HttpIOException: The response ended prematurely. (ResponseEnded)",
        )
    code, text = _socket_error(error)
    parts = urlsplit(proxy_for(url) or url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{_HTTP}{text} ({parts.hostname}:{port})", f"System.Net.Sockets.SocketException ({code}): {text}"


def _socket_error(error: BaseException) -> Tuple[str, str]:
    number = getattr(error, "errno", None)
    if isinstance(error, socket.gaierror):
        if number == socket.EAI_AGAIN:
            return "00000001, 11", "Resource temporarily unavailable"
        return "0xFFFDFFFF", "Name or service not known"
    return str(number), os.strerror(number) if number else str(error)


def _tls_text(error: ssl.SSLError) -> str:
    authentication = "System.Security.Authentication.AuthenticationException: The remote certificate is invalid "
    if not isinstance(error, ssl.SSLCertVerificationError):
        return "System.IO.IOException: Cannot determine the frame size or a corrupted frame was received."
    message = error.verify_message.lower()
    if "mismatch" in message or "not valid for" in message:
        return f"{authentication}according to the validation procedure: RemoteCertificateNameMismatch"
    reason = "PartialChain"
    if error.verify_code in _NOT_IN_TIME:
        reason = "NotTimeValid"
    elif error.verify_code in _SELF_SIGNED:
        reason = "UntrustedRoot"
    return f"{authentication}because of errors in the certificate chain: {reason}"
