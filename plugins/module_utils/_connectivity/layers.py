# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why something on the way to the cloud failed: the layer, what was seen, and what to do about it."""

from __future__ import annotations

import ssl
import time
from typing import Any, Dict, NamedTuple, Optional

from .certificates import Certificate

SETTINGS = "settings"
DNS = "dns"
PROXY = "proxy"
TCP = "tcp"
TLS = "tls"
HTTP = "http"
INSTALLATION = "installation"
LOGIN = "login"

_EXPIRED, _NOT_YET_VALID = 10, 9
_OTHER_NAME = (62, 64)
SKEW = 300.0

TRUST = (
    "Something in between (a firewall or proxy that inspects TLS) answers with a certificate of its own. Exempt this "
    "name from the inspection, or put the certificate of that authority (PEM) as a .crt file into "
    "bwdata/ca-certificates and restart the server."
)


SET_CLOCK = "Set the clock of the host (NTP): certificates, tokens and licenses depend on it."


class Blocked(Exception):
    """The way ends in one of the layers above; ``untried``: it cannot be tried from here, and may be fine."""

    def __init__(self, layer: str, detail: str, advice: str, untried: bool = False) -> None:
        super().__init__(detail)
        self.layer = layer
        self.detail = detail
        self.advice = advice
        self.untried = untried


class Outcome(NamedTuple):
    """How one question went. ``body`` is the answer's text (at most 64 KiB), ``status`` 0 without an answer.

    ``untried``: it was not asked, ``detail`` says why (and ``ok`` is false). ``skew`` is by how many seconds the clock
    of whoever answered is ahead of this host's.
    """

    ok: bool
    layer: str
    detail: str
    advice: str
    status: int = 0
    body: str = ""
    untried: bool = False
    skew: float = 0.0

    @classmethod
    def of(cls, blocked: Blocked) -> Outcome:
        """A way that ended."""
        return cls(False, blocked.layer, blocked.detail, blocked.advice, untried=blocked.untried)

    @classmethod
    def from_dict(cls, data: Dict[str, Any]) -> Outcome:
        """The reverse of ``_asdict``."""
        return cls(**data)


def unknown_name(name: str, reason: str, proxy: bool) -> Blocked:
    """A name that could not be looked up."""
    if proxy:
        return Blocked(
            PROXY,
            f"the name of the proxy, {name}, could not be looked up: {reason}",
            "Correct the proxy's address (HTTPS_PROXY), or the name server.",
        )
    return Blocked(
        DNS,
        f"the name {name} could not be looked up: {reason}",
        "Check the name servers (resolv.conf; for containers also dns in /etc/docker/daemon.json) and whether they "
        "may answer for names of the Internet.",
    )


def not_connected(peer: str, error: Optional[OSError], proxy: bool) -> Blocked:
    """No connection; ``error`` is ``None`` when the time was up."""
    reason = "no answer in time" if error is None else (error.strerror or str(error) or "failed").lower()
    if proxy:
        return Blocked(
            PROXY,
            f"no connection to the proxy {peer}: {reason}",
            "Correct the proxy's address (HTTPS_PROXY), or let this network reach it.",
        )
    return Blocked(
        TCP,
        f"no connection to {peer}: {reason}",
        "Open outbound HTTPS (port 443) to this address in the firewall, or set HTTPS_PROXY if there is a proxy.",
    )


def refused_by_proxy(proxy: str, status: int, reason: str) -> Blocked:
    """The proxy did not let the connection through; for one that was given user and password see below."""
    what = {
        403: "refuses this name",
        407: "asks for user and password",
        502: "could not connect",
        503: "could not connect",
        504: "got no answer in time",
    }.get(status, "does not let it through")
    advice = {
        403: "Allow this name on the proxy.",
        407: "Put user and password into the proxy's address (HTTPS_PROXY=http://user:password@proxy:port), among "
        "secret_settings.",
    }.get(status, "Look at the proxy's log, or exempt the name with NO_PROXY if it is reached without a proxy.")
    return Blocked(PROXY, f"the proxy {proxy} {what} (status {status} {reason})".replace(" )", ")"), advice)


def refused_credentials(proxy: str, schemes: str) -> Blocked:
    """The proxy got user and password and still answered 407; ``schemes`` are the kinds of login that it offers."""
    other = "" if not schemes or "basic" in schemes.lower() else f"; it asks for {schemes}, and this check sends Basic"
    return Blocked(
        PROXY,
        f"the proxy {proxy} refuses the user and password that it was given (status 407{other})",
        "Correct user and password in the proxy's address (HTTPS_PROXY, among secret_settings).",
    )


def not_trusted(
    name: str, error: ssl.SSLCertVerificationError, seen: Optional[Certificate], date: Optional[float]
) -> Blocked:
    """A certificate that is not accepted. ``date`` is the clock of whoever answered, seconds since 1970."""
    issuer = f', issued by "{seen.issuer}",' if seen else ""
    code = getattr(error, "verify_code", 0)
    if code in (_EXPIRED, _NOT_YET_VALID):
        return _wrong_time(name, code, seen, date)
    if code in _OTHER_NAME:
        return Blocked(
            TLS,
            f"the certificate{issuer} is not made out to {name}",
            "Something else than the cloud answers at this address: check the URL, the name servers, and what stands "
            "in between.",
        )
    reason = getattr(error, "verify_message", "") or "not trusted"
    return Blocked(TLS, f"the certificate for {name}{issuer} is not trusted ({reason})", TRUST)


def _wrong_time(name: str, code: int, seen: Optional[Certificate], date: Optional[float]) -> Blocked:
    now = time.time()
    what = "has expired" if code == _EXPIRED else "is not valid yet"
    when = ""
    if seen:
        limit = seen.not_after if code == _EXPIRED else seen.not_before
        when = f" ({'until' if code == _EXPIRED else 'from'} {_moment(limit)}; this host's clock says {_moment(now)}"
        when += f", the answer's {_moment(date)})" if date else ")"
    if date is not None and abs(date - now) > SKEW:
        return Blocked(
            TLS,
            f"the certificate for {name} {what}{when}: this host's clock is wrong",
            SET_CLOCK,
        )
    return Blocked(
        TLS,
        f"the certificate for {name} {what}{when}",
        "Check the clock of the host first. If it is right, whoever stands in between has an outdated certificate.",
    )


def tls_failed(name: str, error: Optional[OSError]) -> Blocked:
    """No TLS at all: not spoken, cut off, or no answer in time (``error`` is ``None``)."""
    reason = "no answer in time" if error is None else getattr(error, "reason", "") or error.strerror or "cut off"
    return Blocked(
        TLS,
        f"no TLS connection to {name}: {reason}".replace("_", " "),
        "Something in between (firewall, proxy) cuts TLS off or answers without it.",
    )


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
