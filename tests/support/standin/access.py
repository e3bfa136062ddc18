# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access tokens: making, reading, and who may do what with them."""

from __future__ import annotations

import functools
import uuid
from datetime import datetime, timezone
from typing import Any, Callable, Dict, List, Optional, TypeVar

import jwt
from flask import g, request

from . import keys
from .context import Server, server
from .errors import EmptyAnswer

View = TypeVar("View", bound=Callable[..., Any])
Claims = Dict[str, Any]

APPLICATION = "api"
LICENSING = "api.licensing"
INSTALLATION = "api.installation"
ORGANIZATION = "api.organization"
OWNER, ADMIN, USER, CUSTOM = 0, 1, 2, 4
CONFIRMED = 2
_SKEW_SECONDS = 300
_ROLE_CLAIMS = {OWNER: "orgowner", ADMIN: "orgadmin", USER: "orguser", CUSTOM: "orgcustom"}


def issue(instance: Server, claims: Claims, scopes: List[str], lifetime: int) -> str:
    """Return a new access token."""
    now = int(instance.clock.timestamp())
    payload = {
        "iss": "http://localhost",
        "nbf": now,
        "iat": now,
        "exp": now + lifetime,
        "scope": scopes,
        "jti": uuid.uuid4().hex.upper(),
        **claims,
    }
    return jwt.encode(
        payload, keys.private(instance.meta("server")["token_key"]), algorithm="RS256", headers={"typ": "at+jwt"}
    )


def role_claims(instance: Server, user: str) -> Claims:
    """Return memberships as claims, made with the token: what changes later is not seen until the next one."""
    claims: Claims = {name: [] for name in _ROLE_CLAIMS.values()}
    for organization in instance.state.all("organization"):
        for member in organization["members"]:
            if member["user"] == user and member["status"] == CONFIRMED:
                claims[_ROLE_CLAIMS[member["type"]]].append(organization["id"])
    return claims


def policy(scope: str) -> Callable[[View], View]:
    """Admit only a token of that scope: otherwise 401 or 403 without body."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            claims = bearer()
            if claims is None:
                raise EmptyAnswer(401, {"WWW-Authenticate": _challenge()})
            if scope not in claims["scope"]:
                raise EmptyAnswer(403)
            return view(*args, **kwargs)

        return guarded  # type: ignore[return-value]

    return decorate


def bearer() -> Optional[Claims]:
    """Return the claims of the request's token, None where it has no good one."""
    if "claims" not in g:
        g.claims, g.token_error = _read_token()
    return g.claims  # type: ignore[no-any-return]


def user_id() -> str:
    """Return the user of the request's token."""
    return str((bearer() or {})["sub"])


def is_owner(organization: str) -> bool:
    """Tell whether the token says that its user owns the organization."""
    return organization in (bearer() or {}).get("orgowner", [])


def is_admin(organization: str) -> bool:
    """Tell whether the token says that its user is owner or admin."""
    return is_owner(organization) or organization in (bearer() or {}).get("orgadmin", [])


def is_member(organization: str) -> bool:
    """Tell whether the token says that its user belongs to the organization."""
    claims = bearer() or {}
    return any(organization in claims.get(name, []) for name in _ROLE_CLAIMS.values())


def _challenge() -> str:
    return "Bearer" + (f" {g.token_error}" if g.token_error else "")


def _read_token() -> tuple[Optional[Claims], str]:
    scheme, _rest, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        token = request.args.get("access_token", "")
    if not token:
        return None, ""
    instance = server()
    key = keys.public(instance.meta("server")["token_key"])
    # Its own clock decides about times, below.
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
    try:
        claims = jwt.decode(token, key, algorithms=["RS256"], options=options)
    except jwt.InvalidSignatureError:
        return None, 'error="invalid_token", error_description="The signature is invalid"'
    except jwt.InvalidTokenError:
        return None, 'error="invalid_token"'
    if claims["exp"] + _SKEW_SECONDS < instance.clock.timestamp():
        moment = datetime.fromtimestamp(claims["exp"], timezone.utc).strftime("%m/%d/%Y %H:%M:%S")
        return None, f'error="invalid_token", error_description="The token expired at \'{moment}\'"'
    return claims, ""
