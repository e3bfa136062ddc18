# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The service's console as .NET writes it in production, and the fuller log that control endpoints show."""

from __future__ import annotations

import secrets
import sys
import threading
from collections import deque
from typing import Deque, Dict, List, Optional, Sequence, Tuple

from flask import g, has_request_context, request

_SHOWN = ("warn", "fail")
_KEPT_LINES = 2000
_BASE32 = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
LIFETIME = "Microsoft.Hosting.Lifetime"


class Console:
    """Entries go to stdout from Warning on, with the scope of their request; all of them are kept for a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: Deque[Tuple[int, str, str]] = deque(maxlen=_KEPT_LINES)
        self._count = 0
        self._first_request_pending = True

    def started(self, address: str) -> None:
        """Print the lines of a successful start."""
        static_files = "Microsoft.AspNetCore.StaticFiles.StaticFileMiddleware[16]"
        self._print(
            [
                f"warn: {static_files}",
                "      The WebRootPath was not found: /app/wwwroot. Static files may be unavailable.",
            ]
        )
        self._print([f"info: {LIFETIME}[14]", f"      Now listening on: {address}"])
        self._print([f"info: {LIFETIME}[0]", "      Application started. Press Ctrl+C to shut down."])
        self._print([f"info: {LIFETIME}[0]", "      Hosting environment: Production"])

    def request_begins(self) -> None:
        """Print the last line of the start, which is written late, in the scope of the first request."""
        if self._first_request_pending:
            self._first_request_pending = False
            self._print([f"info: {LIFETIME}[0]", f"      {_scope(with_action=False)}", "      Content root path: /app"])

    def entry(self, level: str, category: str, message: str, exception: Sequence[str] = (), event: int = 0) -> None:
        """Write one entry: ``level`` is info, warn or fail; ``exception`` its text, line by line."""
        body = [*message.split("\n"), *exception]
        head = f"{level}: {category}[{event}]"
        source = request.path if has_request_context() else "job"
        with self._lock:
            for line in [head, *body]:
                self._count += 1
                self._lines.append((self._count, source, line))
        if level in _SHOWN:
            scope = [f"      {_scope()}"] if has_request_context() else []
            self._print([head, *scope, *(f"      {line}" for line in body)])

    def lines(self, after: int = 0) -> Tuple[int, List[Dict[str, str]]]:
        """Return the number of the last line, and the lines after line number ``after``."""
        with self._lock:
            return self._count, [
                {"request": source, "line": line} for number, source, line in self._lines if number > after
            ]

    def _print(self, lines: Sequence[str]) -> None:
        with self._lock:
            sys.stdout.write("".join(f"{line}\n" for line in lines))
            sys.stdout.flush()


def _scope(with_action: bool = True) -> str:
    if "scope" not in g:
        connection = "0HN" + "".join(secrets.choice(_BASE32) for _count in range(10))
        g.scope = (secrets.token_hex(8), secrets.token_hex(16), connection)
    span, trace, connection = g.scope
    headers = request.headers
    text = (
        f"=> SpanId:{span}, TraceId:{trace}, ParentId:0000000000000000 => ConnectionId:{connection} "
        f"=> RequestPath:{request.path} RequestId:{connection}:00000001 "
        f"=> IpAddress:{client_address()} UserAgent:{headers.get('User-Agent', '')} "
        f"DeviceType:{headers.get('Device-Type', '')} Origin:{headers.get('Origin', '')} "
        f"ClientVersion:{headers.get('Bitwarden-Client-Version', '')}"
    )
    action: Optional[str] = g.get("action")
    return f"{text} => {action}" if with_action and action else text


def client_address() -> str:
    """Return the client's address, as the proxy in front tells it."""
    told = request.headers.get("X-Connecting-IP") or request.headers.get("X-Real-IP")
    return told or request.remote_addr or ""
