# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong between a server and the cloud: one table of layer, message, cause and advice."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._common.errors import BitwardenError
from .._common.setting_names import INSTALLATION_ID, INSTALLATION_KEY

DNS, PROXY, TCP, TLS, HTTP = "dns", "proxy", "tcp", "tls", "http"
SETTINGS, INSTALLATION, LOGIN = "settings", "installation", "login"


class Outcome(NamedTuple):
    """What came of a check. ``status`` is 0 without a response; ``certain``: no wait and no other network mends it."""

    ok: bool
    layer: str
    detail: str
    advice: str = ""
    status: int = 0
    body: str = ""
    skipped: bool = False
    certain: bool = False


def skipped(reason: str, advice: str = "", status: int = 0) -> Outcome:
    """Return the outcome of what was not tried."""
    return Outcome(False, "", reason, advice, status, skipped=True)


class ConnectFailure(BitwardenError):
    """No response came; ``outcome`` says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


class Failure(NamedTuple):
    """A row of the table. Message and advice are templates of ``str.format``; without a layer it means "skipped"."""

    layer: str
    message: str
    cause: str
    advice: str
    certain: bool = False

    def outcome(self, **values: Any) -> Outcome:
        """Return the failed outcome with these values filled in."""
        detail, advice = self.message.format(**values), self.advice.format(**values)
        return Outcome(False, self.layer, detail, advice, skipped=not self.layer, certain=self.certain)

    def error(self, **values: Any) -> ConnectFailure:
        """Return the error to raise with these values filled in."""
        return ConnectFailure(self.outcome(**values))


_SITE = "https://bitwarden.com/host"
_OTHER_RESPONDS = "a firewall, a proxy or a network's login page responds"
NAME_UNKNOWN = Failure(
    DNS, "the name {name} could not be looked up{servers}: {reason}",
    "the name servers of the host or of the containers",
    "Check the name servers (resolv.conf; for containers dns in /etc/docker/daemon.json): do they know public names?")
PROXY_UNKNOWN = Failure(
    PROXY, "the name of the proxy, {name}, could not be looked up{servers}: {reason}",
    "the proxy's address is wrong", "Correct the proxy's address (HTTPS_PROXY), or the name server.")
NOT_CONNECTED = Failure(
    TCP, "no connection to {peer}: {reason}", "a firewall, or rules for forwarded traffic",
    "Open outbound HTTPS (port 443) to this address in the firewall, or set HTTPS_PROXY if there is a proxy.")
PROXY_NOT_CONNECTED = Failure(
    PROXY, "no connection to the proxy {peer}: {reason}", "a wrong address, or no route",
    "Correct the proxy's address (HTTPS_PROXY), or let this network reach it.")
PROXY_FORBIDS = Failure(
    PROXY, "the proxy {proxy} refuses this name ({status})", "the proxy's rules", "Allow this name on the proxy.")
PROXY_REQUIRES_LOGIN = Failure(
    PROXY, "the proxy {proxy} asks for user and password ({status})", "it requires a login",
    "Put them into the proxy's address (HTTPS_PROXY=http://user:password@proxy:port), among secret_settings.")
PROXY_REFUSES_LOGIN = Failure(
    PROXY, "the proxy {proxy} refuses the user and password that it was given ({status})",
    "they are wrong, or it does not take Basic",
    "Correct user and password in the proxy's address (HTTPS_PROXY, among secret_settings), or allow Basic there.")
PROXY_FAILS = Failure(
    PROXY, "the proxy {proxy} does not connect ({status})", "the proxy's rules, or its own network",
    "Check the proxy's log, or exempt the name with NO_PROXY if it is reached without a proxy.")
PROXY_STATUS = {"403": PROXY_FORBIDS, "407": PROXY_REQUIRES_LOGIN}
OTHER_PROXY = Failure(
    "", "not tried: it goes through the proxy {proxy} ({scheme}), and this only checks HTTP proxies",
    "a proxy that is spoken to by SOCKS or TLS, which the server may use",
    "Check the log of the api container instead (sync_log_info). Most proxies require http:// in their address.")
NOT_A_PROXY = Failure(
    PROXY, "{proxy} is not an HTTP proxy: it does not respond as one", "a wrong port, or no proxy",
    "Correct the proxy's address (HTTPS_PROXY). It starts with http:// even for https addresses.")
NOT_TRUSTED = Failure(
    TLS, "the certificate for {name}{issuer} is not trusted ({reason})", "TLS inspection",
    "A firewall or proxy that inspects TLS responds with its own certificate. Exempt this name from the inspection, or "
    "put that authority's certificate (PEM) as a .crt file into bwdata/ca-certificates and restart the server.")
OTHER_NAME = Failure(
    TLS, "the certificate{issuer} is not made out to {name}", "another server responds there",
    "Another server than the cloud responds there: check the URL, the name servers, firewall and proxy.")
WRONG_TIME = Failure(
    TLS, "the certificate for {name} {what}{when}", "a wrong clock, here or at a firewall or proxy",
    "Check the clock of the host first (NTP). If it is right, a firewall or proxy has an outdated certificate.")
NO_TLS = Failure(
    TLS, "no TLS connection to {name}: {reason}", "a firewall or proxy cuts TLS off",
    "A firewall or proxy cuts TLS off or responds without it: let this name through.")
NO_RESPONSE = Failure(
    HTTP, "connected to {peer}, but no HTTP response: {reason}",
    "a firewall or proxy, or a cloud that is slow", "Check the URL, firewall and proxy.")
LATE = Failure(HTTP, "no response in time ({limit:g}s)", "a firewall, proxy or slow cloud", "Check firewall and proxy.")
NOT_BITWARDEN = Failure(
    HTTP, "{peer} responded {status} {what}", _OTHER_RESPONDS,
    "Check {setting}, and let this address through without inspection: a firewall, a proxy or a login page responds.")
OUTAGE = Failure(HTTP, "{peer} responded {status}: not available", "an outage, or a proxy's", "Try again later.")
IN_IMAGE = Failure(HTTP, "wget of the image says: {said}", "without root the image's wget is used", "{advice}")
IN_IMAGE_STATUS = Failure(HTTP, "wget of the image got status {status}", _OTHER_RESPONDS, NOT_BITWARDEN.advice)
DEFECT = Failure(
    HTTP, "the check itself failed: {where}", "a defect of this collection",
    "Please report this defect of the collection. Nothing is known about the connection.")
KNOWN_ELSEWHERE = Failure(
    INSTALLATION, "this installation id is not known in {region}, but it is in {other}",
    "id and key come from the other region", "Set region to {other}, or use an id and key of {region}: " + _SITE, True)
UNKNOWN = Failure(
    INSTALLATION, "this installation id is not known in {region}, {elsewhere}",
    "the id is mistyped, or of a region that could not be asked",
    f"Correct {INSTALLATION_ID}, set region if it is of another one, or get an id and key from {_SITE}.", True)
DISABLED = Failure(
    INSTALLATION, "known in {region}, but disabled", "Bitwarden has disabled the installation",
    f"Ask Bitwarden's support to enable it, or get a new id and key from {_SITE}.", True)
KEY_REFUSED = Failure(
    LOGIN, "{peer} responded {status}: the key of the installation is not accepted",
    "id and key are not of one installation", f"Set {INSTALLATION_KEY} to the key of this installation id ({_SITE}).",
    True)
LOGIN_FAILED = Failure(
    HTTP, '{peer} responded {status} to the login: "{error}"', "a proxy stops POST, or an outage",
    "Check firewall and proxy (does one stop POST?), or try again later.")
OTHER_REGION = Failure(
    SETTINGS, "{name} leads to another region's cloud than {region}", "an address set by hand",
    "Set region to that of the installation id: with region={region} all addresses follow that settings do not name.")
MISSING = Failure(
    SETTINGS, "{name} is not set or not valid", "the installation's id or key is missing",
    f"Get id and key from {_SITE} for the desired region.", True)
WRONG_URL = Failure(
    SETTINGS, "{name} {reason}", "quotes, blanks, no scheme, or a path without a slash at its end",
    "Correct it with settings, or set region.")
