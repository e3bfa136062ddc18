# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes of failed syncs with the cloud, from the lines that the server logs: what to do, and whether waiting helps."""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Optional, Tuple

from .._common.setting_names import IDENTITY_URL, INSTALLATION_ID
from .._licenses.problems import sync_advice


class Cause(NamedTuple):
    """Why a sync failed. ``transient``: it goes away by itself, so that waiting helps."""

    code: str
    advice: str
    transient: bool = False


_TOKEN_ADVICE = (
    "The cloud does not accept the billing sync token. Take the current one from the cloud organization's billing "
    "page and set it with selfhosted.bitwarden.billing_sync."
)
_CREDENTIALS_ADVICE = (
    f"The cloud does not accept the installation: check {INSTALLATION_ID} and __key, and that the region "
    "is the one they were requested in (https://bitwarden.com/host, .eu for the EU)."
)
_IDENTITY_ADVICE = "The api container cannot reach the cloud's identity service ({detail}): {remedy}"
_API_ADVICE = "The api container cannot reach the cloud's api ({detail}): {remedy}"

# Word in the exception → detail, remedy, transient. The first that is found counts.
_NETWORK: List[Tuple[str, str, str, bool]] = [
    (
        r"Temporary failure in name resolution|Try again",
        "dns",
        "name resolution fails for the moment; check the DNS servers of the Docker engine if it stays.",
        True,
    ),
    (
        r"Name or service not known|No such host|Name does not resolve|No address associated",
        "dns",
        "the host name does not resolve inside the containers; check the URL and the DNS of the Docker engine.",
        False,
    ),
    (
        r"SSL connection|AuthenticationException|certificate|TLS",
        "tls",
        "the certificate is not trusted; an inspecting proxy's CA must be known inside the containers.",
        False,
    ),
    (r"Connection refused", "refused", "nothing listens there, or a firewall refuses.", True),
    (
        r"timed out|TaskCanceledException|OperationCanceled|HttpClient\.Timeout",
        "timeout",
        "no response; check that outgoing https from the containers is allowed.",
        True,
    ),
]
_OTHER_NETWORK = ("other", "see the message; check the way from the containers to the cloud.", True)

RATE_LIMIT = Cause("rate_limit", "The cloud limits logins per address; wait a minute, and pace the fleet.", True)
CLOUD_ERROR = Cause(
    "cloud_error",
    "The cloud had an error of its own; try again later. It also answers so when the cloud organization never had a "
    "billing sync token, and to sponsorships when one member has two of them there: that does not pass.",
    True,
)
DUPLICATES = Cause(
    "duplicate_sponsorships",
    "One member (the id in the message) has given more than one sponsorship, and so none of the organization's is "
    "synced. Remove all but one of them.",
)
CREDENTIALS = Cause("installation_credentials", _CREDENTIALS_ADVICE)
UNKNOWN = Cause("unknown", "Read the api container's log around this time: docker logs bitwarden-api.")

_TOKEN_STATUS = re.compile(r"Unsuccessful token response from .* with status (\w+)-")
_REQUEST_STATUS = re.compile(r"Request to \S+ is unsuccessful with status of (\w+)-[^:]*:?\s*(.*)")

_TOKEN_CAUSES: Dict[str, Cause] = {
    "BadRequest": CREDENTIALS,
    "Unauthorized": CREDENTIALS,
    "TooManyRequests": RATE_LIMIT,
    "NotFound": Cause(
        "identity_url",
        f"{IDENTITY_URL} leads nowhere. A URL with a path must end in a slash.",
    ),
}
_ORGANIZATION = Cause(
    "organization_unknown",
    "The cloud does not know the organization of this license; check that region and license file belong together.",
)
_REQUEST_CAUSES: Dict[str, Cause] = {
    "NotFound": _ORGANIZATION,
    "Unauthorized": CREDENTIALS,
    "TooManyRequests": RATE_LIMIT,
}
# What the cloud says in words, in a 400.
_CLOUD_WORDS: List[Tuple[str, Cause]] = [
    ("invalid billing sync key", Cause("billing_sync_token", _TOKEN_ADVICE)),
    (
        "invalid license key",
        Cause("license_key", "The license file is not the cloud organization's current one: upload the license again."),
    ),
    ("no active subscription", Cause("no_subscription", "The cloud organization has no active subscription.")),
    ("payment issue", Cause("payment", "The cloud organization has a payment issue: mend its billing there.")),
    ("invalid installation", CREDENTIALS),
    ("invalid organization", _ORGANIZATION),
]
_REJECTED = Cause(
    "license_rejected", "The server refused the license that the cloud sent; its version may be too old: update it."
)
_MALFORMED = Cause(
    "uri_malformed",
    f"{IDENTITY_URL} or __apiUri is not a URL: it must start with https:// and lack quotes.",
)
# Lines that announce a failure, but not which.
_SAYS_NOTHING = ("Sponsorship sync for organization ", "Unhandled exception")

_SERVER_ERRORS = re.compile(r"(InternalServerError|BadGateway|ServiceUnavailable|GatewayTimeout|5\d\d)\Z")


def find_cause(lines: List[str]) -> Tuple[Cause, str]:
    """Return the cause that the lines of one sync tell, and the line that tells it."""
    for number, line in enumerate(lines):
        cause = _cause_of(line, lines[number + 1 :])
        if cause is not None:
            return cause, line
    telling = [line for line in lines if not line.startswith(_SAYS_NOTHING)]
    return UNKNOWN, (telling or lines or [""])[0]


def _cause_of(line: str, following: List[str]) -> Optional[Cause]:
    token = _TOKEN_STATUS.match(line)
    if token:
        return _by_status(token.group(1), _TOKEN_CAUSES)
    request = _REQUEST_STATUS.match(line)
    if request:
        words = request.group(2).lower()
        for wording, cause in _CLOUD_WORDS:
            if wording in words:
                return cause
        return _by_status(request.group(1), _REQUEST_CAUSES)
    if line.startswith("Unable to authenticate with identity server"):
        return _unreachable("identity_unreachable", _IDENTITY_ADVICE, following)
    if line.startswith("Failed to send to "):
        return _unreachable("api_unreachable", _API_ADVICE, following)
    if "System.UriFormatException" in line:
        return _MALFORMED
    if "An item with the same key has already been added" in line:
        return DUPLICATES
    if "Invalid license" in line:
        return _REJECTED._replace(advice=sync_advice(line) or _REJECTED.advice)
    return None


def _by_status(status: str, causes: Dict[str, Cause]) -> Cause:
    if _SERVER_ERRORS.match(status):
        return CLOUD_ERROR
    return causes.get(status, UNKNOWN)


def _unreachable(code: str, advice: str, lines: List[str]) -> Cause:
    text = "\n".join(lines)
    if "System.UriFormatException" in text:
        return _MALFORMED
    for pattern, detail, remedy, transient in _NETWORK:
        if re.search(pattern, text):
            return Cause(code, advice.format(detail=detail, remedy=remedy), transient)
    detail, remedy, transient = _OTHER_NETWORK
    return Cause(code, advice.format(detail=detail, remedy=remedy), transient)
