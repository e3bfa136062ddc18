# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which Docker engine the owner's docker command talks to: DOCKER_HOST, contexts, the usual socket, a rootless one."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, Dict, Mapping, NamedTuple

from .._commands.runner import Account
from .._common.errors import BitwardenError

_USUAL_SOCKET = "/var/run/docker.sock"
USUAL_HOST = f"unix://{_USUAL_SOCKET}"


class EngineError(BitwardenError):
    """The engine is missing, does not answer or refuses; the message says which and what to do."""


class EngineAddress(NamedTuple):
    """An engine's address as DOCKER_HOST would name it, and what to do where it cannot be reached."""

    host: str
    advice: str


def find_engine(account: Account, environment: Mapping[str, str]) -> EngineAddress:
    """Return the engine's address, found in the order of Docker's own command.

    Raises ``EngineError`` for a context that does not exist.
    """
    named = environment.get("DOCKER_HOST", "")
    if named:
        return EngineAddress(named, "DOCKER_HOST in the environment of the task names it: correct it, or leave it out.")
    folder = environment.get("DOCKER_CONFIG") or os.path.join(account.home, ".docker")
    with account.assumed():
        settings = _json(os.path.join(folder, "config.json"))
        context = environment.get("DOCKER_CONTEXT") or str(settings.get("currentContext") or "")
        if context and context != "default":
            advice = f"The Docker context {context} of {account.name} names it: correct it, or use another one."
            return EngineAddress(_host_of_context(folder, context), advice)
        path = _socket(account, environment)
        start = "systemctl start docker" if path == _USUAL_SOCKET else "as its user: systemctl --user start docker"
        return EngineAddress(f"unix://{path}", f"Start it ({start}).")


def _host_of_context(folder: str, context: str) -> str:
    digest = hashlib.sha256(context.encode()).hexdigest()
    path = os.path.join(folder, "contexts", "meta", digest, "meta.json")
    host = ((_json(path).get("Endpoints") or {}).get("docker") or {}).get("Host")
    if not host:
        raise EngineError(
            f"The Docker context {context} cannot be used: {path} names no engine. "
            "Set DOCKER_CONTEXT or DOCKER_HOST in the environment of the task."
        )
    return str(host)


def _socket(account: Account, environment: Mapping[str, str]) -> str:
    """Return the usual socket, or the one of the owner's rootless engine where only that exists."""
    runtime = environment.get("XDG_RUNTIME_DIR")
    rootless = [os.path.join(folder, "docker.sock") for folder in (runtime, f"/run/user/{account.uid}") if folder]
    return next((path for path in (_USUAL_SOCKET, *rootless) if os.path.exists(path)), _USUAL_SOCKET)


def _json(path: str) -> Dict[str, Any]:
    """Parse a file of Docker's settings; like Docker's command, go on without one that is missing or broken."""
    try:
        with open(path, "rb") as stream:
            found = json.loads(stream.read())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
