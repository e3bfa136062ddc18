# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults that a test has asked for: for the next calls of a path, another answer, a delay, a closed connection.

``unless`` has headers with which a request is let through, as a portal in front of the server does. With ``after`` the
request is carried out first, and only its answer is lost, as where a gateway does not wait for it.
"""

from __future__ import annotations

import re
import socket
import time
import uuid
from typing import Any, Optional

from flask import Response, g, request

from .context import Server
from .state import Document

_DEFAULTS = {
    "service": "any", "method": "ANY", "path": ".*", "times": 1, "status": None, "headers": {}, "body": "", "delay": 0,
    "close": False, "after": False, "unless": {},
}  # fmt: skip


def add(instance: Server, fault: Document) -> Document:
    """Remember a fault; return it with its id. Raises ValueError for an unknown field or a bad pattern."""
    unknown = set(fault) - set(_DEFAULTS)
    if unknown:
        raise ValueError(f"unknown members: {', '.join(sorted(unknown))}")
    document = {**_DEFAULTS, **fault, "id": str(uuid.uuid4())}
    try:
        re.compile(document["path"])
    except re.error as error:
        raise ValueError(f"path: {error}") from error
    instance.state.put("fault", document["id"], document)
    return document


def strike(instance: Server) -> Optional[Response]:
    """Apply the first fault that fits the present request; None where the true answer shall follow."""
    fault = _take(instance) if instance.state.all("fault") else None
    if fault is not None and fault["after"]:
        g.fault = fault
        return None
    return _apply(fault) if fault is not None else None


def lose(response: Response) -> Response:
    """Apply the fault that waited for the request to be carried out."""
    fault = g.pop("fault", None)
    return (_apply(fault) if fault is not None else None) or response


def _apply(fault: Document) -> Optional[Response]:
    time.sleep(fault["delay"])
    if fault["close"]:
        _close_connection(request.environ)
    if fault["status"] is None and not fault["close"]:
        return None
    response = Response(fault["body"], status=fault["status"] or 500)
    response.headers.update(fault["headers"])
    return response


def _take(instance: Server) -> Optional[Document]:
    with instance.state.transaction("fault"):
        for fault in instance.state.all("fault"):
            if (
                fault["service"] in ("any", instance.service)
                and fault["method"] in ("ANY", request.method)
                and re.fullmatch(fault["path"], request.path)
                and fault["times"] != 0
                and not (fault["unless"] and fault["unless"].items() <= dict(request.headers).items())
            ):
                remaining = fault["times"] - 1 if fault["times"] > 0 else fault["times"]
                if remaining == 0:
                    instance.state.delete("fault", fault["id"])
                else:
                    instance.state.put("fault", fault["id"], {**fault, "times": remaining})
                return fault
    return None


def _close_connection(environ: Any) -> None:
    """Cut the line without an answer. Waitress shows the connection only through the method it hands over."""
    channel = getattr(environ.get("waitress.client_disconnected"), "__self__", None)
    if channel is not None:
        channel.socket.shutdown(socket.SHUT_RDWR)
