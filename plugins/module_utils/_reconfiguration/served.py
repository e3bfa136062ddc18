# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificate that nginx really serves, and nginx told to test its configuration and to read it again."""

from __future__ import annotations

import socket
import ssl
import time
from typing import Callable, Mapping, NamedTuple, Optional

from .._certificates.pem import fingerprint_of
from .._common.errors import BitwardenError
from .._config_yml.keys import Value, host_name_of
from .._deployment.deployment import Deployment
from .._docker.containers import Container
from .generated import ports_of

_TIMEOUT = 10.0
_PAUSE = 0.2
_COMMAND_TIMEOUT = 60.0


class ServedError(BitwardenError):
    """nginx does not serve, or cannot read, the certificate. The message says what was seen."""


class SilentError(ServedError):
    """Nobody answers with TLS where nginx is expected."""


class Published(NamedTuple):
    """Where nginx can be reached over TLS from here, and the host name to ask for."""

    address: str
    port: int
    host: str

    def fingerprint(self, timeout: float = _TIMEOUT) -> str:
        """Return the fingerprint of the certificate that is served there. Raises ``OSError``."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Whether it is trusted is for the clients to say; here it is only compared.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        plain = socket.create_connection((self.address, self.port), timeout)
        with plain, context.wrap_socket(plain, server_hostname=self.host or None) as secure:
            return fingerprint_of(secure.getpeercert(binary_form=True) or b"")


def published(deployment: Deployment, values: Mapping[str, Value]) -> Optional[Published]:
    """Return where nginx serves TLS on this host; None where it publishes no such port, or runs on another host."""
    port = ports_of(values).get("https_port")
    if port is None or not values["ssl"] or not deployment.engine.client.host.startswith("unix://"):
        return None
    address = "127.0.0.1" if port.address in ("", "0.0.0.0") else "::1" if port.address == "::" else port.address
    return Published(address, port.number, host_name_of(str(values["url"])))


def served_now(where: Optional[Published]) -> Optional[str]:
    """Return the fingerprint that is served now, None where nobody answers there with TLS."""
    if where is None:
        return None
    try:
        return where.fingerprint()
    except (OSError, ValueError):
        return None


def reload(deployment: Deployment, nginx: Container) -> None:
    """Have nginx test its configuration, and read it and the certificate again. Raises ``ServedError``."""
    for command, doing in ((["nginx", "-t"], "test its configuration"), (["nginx", "-s", "reload"], "reload")):
        done = deployment.engine.execute(nginx.id, command, _COMMAND_TIMEOUT)
        if done.rc != 0:
            lines = [line.strip() for line in done.output.splitlines() if line.strip()]
            said = " | ".join(lines[-3:]) or "it printed nothing"
            ended = "did not end in time" if done.rc is None else f"ended with status {done.rc}"
            raise ServedError(f"nginx could not {doing} ({' '.join(command)} {ended}): {said.rstrip('.')}.")


def prove(
    where: Published,
    fingerprint: str,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until the certificate of this fingerprint is served. Raises ``ServedError``."""
    end = now() + _TIMEOUT
    at = f"At {where.address}, port {where.port},"
    reason = ""
    while True:
        found = None
        try:
            found = where.fingerprint()
        except OSError as error:
            reason = error.strerror or type(error).__name__
        if found == fingerprint:
            return
        if now() >= end:
            break
        sleep(_PAUSE)
    if found is None:
        raise SilentError(f"{at} there is no TLS connection ({reason}).")
    raise ServedError(
        f"{at} the certificate with the fingerprint {found} is served, and not that of the files, {fingerprint}. If "
        "nginx/default.conf names other files, rebuild it (config={})."
    )
