# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Routing as ASP.NET does it: GUID constraints, typed parameters with their errors, the names of actions."""

from __future__ import annotations

import functools
import re
from typing import Any, Callable, Dict, Mapping, TypeVar

from flask import g, request
from werkzeug.routing import BaseConverter

from .context import server
from .errors import EmptyAnswer, bad_request, invalid
from .json_input import is_guid

View = TypeVar("View", bound=Callable[..., Any])
_NUMBER = re.compile(r"^-?\d+$")


class GuidConverter(BaseConverter):
    """A segment that must be a GUID for the route to match."""

    regex = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

    def to_python(self, value: str) -> str:
        """Return the GUID in lower case, in which GUIDs are compared."""
        return value.lower()


def action(name: str) -> Callable[[View], View]:
    """Name the controller's method, which the log shows in its scope."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def named(*args: Any, **kwargs: Any) -> Any:
            g.action = f"{name} (Api)"
            return view(*args, **kwargs)

        return named  # type: ignore[return-value]

    return decorate


def only(self_hosted: bool) -> Callable[[View], View]:
    """Admit only that face: otherwise 400."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if server().self_hosted != self_hosted:
                raise bad_request(f"Only allowed when {'' if self_hosted else 'not '}self hosted.")
            return view(*args, **kwargs)

        return guarded  # type: ignore[return-value]

    return decorate


def parameters(**kinds: Any) -> Callable[[View], View]:
    """Convert route parameters: ``guid``, or a mapping of an enum's names to numbers. What does not fit is a 400.

    The keyword is the view's parameter; a tuple ``(kind, name)`` gives the name that the error shows.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def converted(*args: Any, **kwargs: Any) -> Any:
            errors: Dict[str, Any] = {}
            for parameter, (kind, name) in kinds.items():
                try:
                    kwargs[parameter] = _guid(kwargs[parameter]) if kind == "guid" else _enum(kwargs[parameter], kind)
                except ValueError as error:
                    errors[name] = [str(error)]
            if errors:
                raise invalid(errors)
            return view(*args, **kwargs)

        return converted  # type: ignore[return-value]

    return decorate


def json_body() -> bytes:
    """Return the body of an endpoint that takes JSON only; another type is a 415."""
    if not request.mimetype.endswith("json"):
        raise EmptyAnswer(415)
    return request.get_data()


def _guid(text: str) -> str:
    if not is_guid(text):
        raise ValueError(f"The value '{text}' is not valid.")
    return text.lower()


def _enum(text: str, names: Mapping[str, int]) -> int:
    if _NUMBER.match(text):
        if int(text) not in names.values():
            raise ValueError(f"The value '{text}' is invalid.")
        return int(text)
    numbers = {name.lower(): number for name, number in names.items()}
    if text.lower() not in numbers:
        raise ValueError(f"The value '{text}' is not valid.")
    return numbers[text.lower()]
