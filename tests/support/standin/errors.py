# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of the Api and of Identity's controllers, in their one JSON shape."""

from __future__ import annotations

import sys
import traceback
from typing import Any, Dict, List, Mapping, Optional, Union

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException

from .context import server
from .json_input import ModelError
from .vault import DatabaseError

MODEL_STATE = "The model state is invalid."
UNHANDLED = "An unhandled server error has occurred."
_HANDLER = "Bit.Api.Utilities.ExceptionHandlerFilterAttribute"


class ApiError(Exception):
    """An answer with the error shape."""

    def __init__(self, status: int, message: str, validation: Optional[Mapping[str, List[str]]] = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.validation = validation


class Unhandled(Exception):
    """What ends as a 500 on the real server: an exception of .NET with its type and text."""

    def __init__(self, net_type: str, text: str) -> None:
        super().__init__(text)
        self.net_type = net_type
        self.text = text


class EmptyAnswer(Exception):
    """An answer with a status and no body."""

    def __init__(self, status: int, headers: Optional[Mapping[str, str]] = None) -> None:
        super().__init__(str(status))
        self.status = status
        self.headers = dict(headers or {})


def bad_request(message: str) -> ApiError:
    """Return a 400 with a message."""
    return ApiError(400, message)


def not_found() -> ApiError:
    """Return a 404 with the message that the real server gives for all of them."""
    return ApiError(404, "Resource not found.")


def invalid(errors: Mapping[str, List[str]]) -> ApiError:
    """Return a 400 of the model state."""
    return ApiError(400, MODEL_STATE, errors)


def null_reference() -> Unhandled:
    """Return the commonest of the real server's exceptions."""
    return Unhandled("System.NullReferenceException", "Object reference not set to an instance of an object.")


def empty(status: int = 200) -> Response:
    """Return a response without body and content type."""
    response = Response(status=status)
    response.headers.pop("Content-Type", None)
    return response


def error_body(message: str, validation: Optional[Mapping[str, List[str]]] = None) -> Dict[str, Any]:
    """Return the error shape; the public Api has one of its own."""
    if request.path.startswith("/public/"):
        return {"object": "error", "message": message, "errors": validation}
    return {
        "object": "error",
        "message": message,
        "validationErrors": validation,
        "exceptionMessage": None,
        "exceptionStackTrace": None,
        "innerExceptionMessage": None,
    }


def error_response(status: int, message: str, validation: Optional[Mapping[str, List[str]]] = None) -> Response:
    """Return the response for an error."""
    response = jsonify(error_body(message, validation))
    response.status_code = status
    return response


def install(app: Flask) -> None:
    """Turn exceptions into responses."""
    app.register_error_handler(ApiError, lambda e: error_response(e.status, e.message, e.validation))
    app.register_error_handler(ModelError, lambda e: error_response(400, MODEL_STATE, e.errors))
    app.register_error_handler(PermissionError, lambda e: error_response(401, "Unauthorized."))
    app.register_error_handler(EmptyAnswer, _empty_answer)
    app.register_error_handler(HTTPException, lambda e: empty(e.code or 500))
    app.register_error_handler(Unhandled, _unhandled)
    app.register_error_handler(DatabaseError, _unhandled)
    app.register_error_handler(Exception, _defect)


def _empty_answer(error: EmptyAnswer) -> Response:
    response = empty(error.status)
    response.headers.update(error.headers)
    return response


def _unhandled(error: Union[Unhandled, DatabaseError]) -> Response:
    action = (g.get("action") or "Bit.Api.Controllers.Controller.Action (Api)").partition(" ")[0]
    trace = [f"   at {action}()", "--- End of stack trace from previous location ---", f"   at {action}()"]
    server().console.entry("fail", _HANDLER, "Unhandled exception", [f"{error.net_type}: {error.text}", *trace])
    return error_response(500, UNHANDLED)


def _defect(error: Exception) -> Response:
    traceback.print_exception(type(error), error, error.__traceback__, file=sys.stderr)
    return error_response(500, "The stand-in itself has failed; see its stderr.")
