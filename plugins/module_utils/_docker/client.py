# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP to the Docker engine: over its unix socket, over TCP, or through Docker's own command (ssh, TLS)."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any, NamedTuple, Optional, Tuple

from .._commands.runner import Attached, Commands
from .._common.durations import format_duration
from .host import USUAL_HOST, EngineError, find_engine

_CONNECT_TIMEOUT = 30.0

# The engine may have closed a connection that was kept since the last request.
_DROPPED = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)


class Response(NamedTuple):
    """A response of the engine; ``body`` is parsed JSON, or bytes where a stream was asked for.

    ``complete`` is false for a stream that had not ended in time.
    """

    status: int
    body: Any
    complete: bool = True

    @property
    def message(self) -> str:
        """The engine's own message about a failure."""
        return str(self.body.get("message", "")) if isinstance(self.body, dict) else ""


class Connection(http.client.HTTPConnection):
    """HTTP over a socket that is already connected; ``attached`` is the command that passes it on, if any."""

    def __init__(self, connected: socket.socket, attached: Optional[Attached] = None) -> None:
        super().__init__("docker")
        self.sock = connected
        self.attached = attached


class EngineClient:
    """Sends requests to the engine that the owner of the deployment uses, with the owner's rights."""

    def __init__(self, commands: Commands, docker: str) -> None:
        """``docker`` is the path of Docker's command. Raises ``EngineError``."""
        self.commands = commands
        self.docker = docker
        self.host, self._advice = find_engine(commands.account, commands.environment)
        if self.host.startswith("unix://") and self.host != USUAL_HOST and "DOCKER_CONTEXT" not in commands.environment:
            # Compose and bitwarden.sh are to talk to the same engine, also where Docker's command would not find it.
            commands.environment.setdefault("DOCKER_HOST", self.host)
        self._kept: Optional[Connection] = None

    def request(self, method: str, path: str, timeout: float, body: Any = None) -> Response:
        """Send one request and parse the JSON of the response. Raises ``EngineError``."""
        was_kept = self._kept is not None
        connection = self._kept or self.connect()
        self._kept = connection
        try:
            send(connection, method, path, timeout, body)
            response = connection.getresponse()
            data = response.read()
            if connection.sock is None:  # the engine has announced that it closes it
                self._kept = None
            return Response(response.status, self.parse(data))
        except (OSError, http.client.HTTPException) as error:
            self._kept = None
            if isinstance(error, _DROPPED) and was_kept:
                return self.request(method, path, timeout, body)
            raise self.broken(connection, error, timeout) from error

    def connect(self) -> Connection:
        """Connect to the engine as the owner of the deployment. Raises ``EngineError``."""
        scheme, _separator, address = self.host.partition("://")
        environment = self.commands.environment
        try:
            if scheme == "unix":
                return Connection(self._connect_unix(address))
            if scheme == "tcp" and "DOCKER_HOST" in environment and not environment.get("DOCKER_TLS_VERIFY"):
                return Connection(socket.create_connection(_host_and_port(address), _CONNECT_TIMEOUT))
        except (OSError, OverflowError) as error:
            raise self._unreachable(error) from error
        # Docker's command knows ssh, and the certificates of a context.
        ours, theirs = socket.socketpair()
        with theirs:
            return Connection(ours, self.commands.attach([self.docker, "system", "dial-stdio"], theirs))

    def _connect_unix(self, path: str) -> socket.socket:
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connected.settimeout(_CONNECT_TIMEOUT)
        try:
            # As the owner: so the kernel applies the owner's rights (access lists included), not those of root.
            with self.commands.account.assumed():
                connected.connect(path)
        except OSError:
            connected.close()
            raise
        return connected

    def _unreachable(self, error: Exception) -> EngineError:
        if isinstance(error, PermissionError):
            return self._not_permitted()
        if isinstance(error, socket.timeout):
            return self._late(_CONNECT_TIMEOUT)
        reason = getattr(error, "strerror", None) or str(error)
        return EngineError(f"The Docker engine ({self.host}) cannot be reached: {reason}. {self._advice}")

    def _not_permitted(self) -> EngineError:
        account = self.commands.account
        if not account.has_entry:
            return EngineError(
                f"The deployment belongs to uid {account.uid}, which has no account on this host and may not use the "
                f"Docker engine ({self.host}). Give bwdata to an account that may (chown -R)."
            )
        advice = "" if self.host == USUAL_HOST else f" {self._advice}"
        return EngineError(
            f"The user {account.name}, who owns the deployment, may not use the Docker engine ({self.host}). "
            f"Add the user to the group docker (usermod -aG docker {account.name}).{advice}"
        )

    def _late(self, timeout: float) -> EngineError:
        return EngineError(f"The Docker engine ({self.host}) did not answer within {format_duration(timeout)}.")

    def broken(self, connection: Connection, error: Exception, timeout: float) -> EngineError:
        """Explain a connection that broke; a command that passes it on has said why."""
        said = connection.attached.last_line() if connection.attached and not isinstance(error, socket.timeout) else ""
        if "permission denied" in said.lower() and not self.host.startswith("ssh://"):
            return self._not_permitted()
        if said:
            return EngineError(f"The Docker engine ({self.host}) cannot be reached: {said.rstrip('.')}. {self._advice}")
        if isinstance(error, socket.timeout):
            return self._late(timeout)
        return EngineError(f"The Docker engine ({self.host}) closed the connection: {error}. {self._advice}")

    def parse(self, data: bytes) -> Any:
        if not data.strip():
            return None
        try:
            return json.loads(data)
        except ValueError:
            raise EngineError(
                f"The response of the Docker engine ({self.host}) is not JSON: {data[:80]!r}. {self._advice}"
            ) from None


def send(connection: Connection, method: str, path: str, timeout: float, body: Any) -> None:
    connection.sock.settimeout(timeout)
    data = None if body is None else json.dumps(body)
    connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})


def _host_and_port(address: str) -> Tuple[str, int]:
    host, _colon, port = address.rstrip("/").rpartition(":")
    return (host.strip("[]"), int(port)) if host and port.isdecimal() else (address.rstrip("/"), 2375)
