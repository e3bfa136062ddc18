# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes of failed syncs with the cloud, in one table: log line, cause, advice, and whether waiting helps."""

from __future__ import annotations

import re
from typing import List, NamedTuple, Optional, Tuple

from .._common.setting_names import IDENTITY_URL, INSTALLATION_ID
from .._licenses.problems import sync_advice


class Cause(NamedTuple):
    """Why a sync failed.

    ``seen`` is the log line as the documentation shows it, ``pattern`` the regular expression that recognizes it,
    ``because`` what leads to it. ``transient``: it goes away by itself, so that waiting helps.
    """

    seen: str
    code: str
    because: str
    advice: str
    transient: bool = False
    pattern: str = ""


class NetworkCause(NamedTuple):
    """Why the cloud was not reached, from the exception below the log line. ``detail`` is one word."""

    seen: str
    detail: str
    advice: str
    transient: bool
    pattern: str


_TOKEN_STATUS = r"\AUnsuccessful token response from .* with status "
_REQUEST_STATUS = r"\ARequest to \S+ is unsuccessful with status of "
_ANY_STATUS = f"(?:{_TOKEN_STATUS}|{_REQUEST_STATUS})"
_RESPONSE_TEXT = rf"{_REQUEST_STATUS}\w+-[^:]*:.*"

TOKEN = Cause(
    "Invalid Billing Sync Key",
    "billing_sync_token",
    "the token was rotated in the cloud, or is another organization's",
    "The cloud does not accept the billing sync token. Take the current one from the cloud organization's billing "
    "page and set it with selfhosted.bitwarden.billing_sync.",
    pattern=f"{_RESPONSE_TEXT}(?i:invalid billing sync key)",
)
LICENSE_KEY = Cause(
    "Invalid license key",
    "license_key",
    "the server's license was replaced in the cloud",
    "The license file is not the cloud organization's current one: upload the license again.",
    pattern=f"{_RESPONSE_TEXT}(?i:invalid license key)",
)
NO_SUBSCRIPTION = Cause(
    "No active subscription",
    "no_subscription",
    "the subscription has ended",
    "The cloud organization has no active subscription: renew it in the cloud.",
    pattern=f"{_RESPONSE_TEXT}(?i:no active subscription)",
)
PAYMENT = Cause(
    "payment issue",
    "payment",
    "a payment failed",
    "The cloud organization has a payment issue: update its payment method in the cloud.",
    pattern=f"{_RESPONSE_TEXT}(?i:payment issue)",
)
CREDENTIALS = Cause(
    "Invalid installation",
    "installation_credentials",
    "id or key is wrong, or of the other region",
    f"The cloud does not accept the installation: check {INSTALLATION_ID} and __key, and that the region "
    "is the one they were requested in (https://bitwarden.com/host, .eu for the EU).",
    pattern=f"{_RESPONSE_TEXT}(?i:invalid installation)",
)
ORGANIZATION = Cause(
    "Invalid organization",
    "organization_unknown",
    "license and region do not belong together",
    "The cloud does not know the organization of this license; check that region and license file belong together.",
    pattern=f"{_RESPONSE_TEXT}(?i:invalid organization)",
)
CLOUD_ERROR = Cause(
    "… InternalServerError-…",
    "cloud_error",
    "an outage (any status of 500 or more); or a state that the advice names",
    "The cloud responded with an internal error; try again later. It responds the same when the cloud organization "
    "never had a billing sync token, and to sponsorships when one member has two of them there: that does not pass.",
    True,
    _ANY_STATUS + r"(?:InternalServerError|BadGateway|ServiceUnavailable|GatewayTimeout|5\d\d)-",
)
RATE_LIMIT = Cause(
    "… TooManyRequests-…",
    "rate_limit",
    "more than ten logins within a minute from one address",
    "The cloud limits logins per address; wait a minute, and pace the fleet.",
    True,
    f"{_ANY_STATUS}TooManyRequests-",
)
WRONG_IDENTITY_URL = Cause(
    "Unsuccessful token response from … with status NotFound",
    "identity_url",
    "another address, or a path without a slash at its end",
    f"No identity service responds at {IDENTITY_URL}: correct it. A URL with a path must end in a slash.",
    pattern=f"{_TOKEN_STATUS}NotFound-",
)
UNKNOWN = Cause(
    "… with status …",
    "unknown",
    "a status or log line that this collection does not know",
    "Read the api container's log around this time: docker logs bitwarden-api.",
    pattern=rf"{_ANY_STATUS}\w+-",
)
_UNREACHABLE = "name, firewall, proxy or certificate: the exception below the line tells"
IDENTITY_UNREACHABLE = Cause(
    "Unable to authenticate with identity server",
    "identity_unreachable",
    _UNREACHABLE,
    "The api container cannot reach the cloud's identity service ({detail}): {remedy}",
    pattern=r"\AUnable to authenticate with identity server",
)
API_UNREACHABLE = Cause(
    "Failed to send to …",
    "api_unreachable",
    _UNREACHABLE,
    "The api container cannot reach the cloud's api ({detail}): {remedy}",
    pattern=r"\AFailed to send to ",
)
MALFORMED = Cause(
    "System.UriFormatException",
    "uri_malformed",
    "an address set by hand",
    f"{IDENTITY_URL} or __apiUri is not a URL: it must start with https:// and have no quotes.",
    pattern=r"System\.UriFormatException",
)
DUPLICATES = Cause(
    "An item with the same key has already been added",
    "duplicate_sponsorships",
    "one member has given more than one sponsorship, here or in the cloud",
    "One member (the id in the message) has given more than one sponsorship, and so none of the organization's is "
    "synced. Remove all but one of them.",
    pattern="An item with the same key has already been added",
)
REJECTED = Cause(
    "Invalid license",
    "license_rejected",
    "the server is too old for it, or has more users, groups, … than it allows",
    "The server rejected the license that the cloud sent; its version may be too old: update it.",
    pattern="Invalid license",
)

# In the order in which a line is compared with them: a response's text tells more than its status.
TABLE: Tuple[Cause, ...] = (
    TOKEN,
    LICENSE_KEY,
    NO_SUBSCRIPTION,
    PAYMENT,
    CREDENTIALS,
    ORGANIZATION,
    CLOUD_ERROR,
    RATE_LIMIT,
    CREDENTIALS._replace(
        seen="Unsuccessful token response from … with status BadRequest",
        pattern=f"{_TOKEN_STATUS}(?:BadRequest|Unauthorized)-",
    ),
    CREDENTIALS._replace(
        seen="Request to … is unsuccessful with status of Unauthorized", pattern=f"{_REQUEST_STATUS}Unauthorized-"
    ),
    WRONG_IDENTITY_URL,
    ORGANIZATION._replace(
        seen="Request to … is unsuccessful with status of NotFound", pattern=f"{_REQUEST_STATUS}NotFound-"
    ),
    UNKNOWN,
    IDENTITY_UNREACHABLE,
    API_UNREACHABLE,
    MALFORMED,
    DUPLICATES,
    REJECTED,
)

# In the order in which an exception's text is compared with them; the last fits every text.
NETWORK_TABLE: Tuple[NetworkCause, ...] = (
    NetworkCause(
        "Temporary failure in name resolution",
        "dns",
        "name resolution fails for the moment; check the DNS servers of the Docker engine if it stays.",
        True,
        "Temporary failure in name resolution|Try again",
    ),
    NetworkCause(
        "Name or service not known",
        "dns",
        "the host name does not resolve inside the containers; check the URL and the DNS of the Docker engine.",
        False,
        "Name or service not known|No such host|Name does not resolve|No address associated",
    ),
    NetworkCause(
        "The SSL connection could not be established",
        "tls",
        "the certificate is not trusted; the containers must trust the CA of a proxy that inspects TLS.",
        False,
        "SSL connection|AuthenticationException|certificate|TLS",
    ),
    NetworkCause(
        "Connection refused",
        "refused",
        "nothing listens there, or a firewall refuses the connection.",
        True,
        "Connection refused",
    ),
    NetworkCause(
        "timed out",
        "timeout",
        "no response; check that outbound HTTPS from the containers is allowed.",
        True,
        r"timed out|TaskCanceledException|OperationCanceled|HttpClient\.Timeout",
    ),
    NetworkCause("…", "other", "see the message; check the connection from the containers to the cloud.", True, ""),
)

# Lines that announce a failure, but not which.
_SAYS_NOTHING = ("Sponsorship sync for organization ", "Unhandled exception")


def find_cause(lines: List[str]) -> Tuple[Cause, str]:
    """Return the cause that the lines of one sync tell, and the line that tells it."""
    for number, line in enumerate(lines):
        cause = _cause_of(line, lines[number + 1 :])
        if cause is not None:
            return cause, line
    telling = [line for line in lines if not line.startswith(_SAYS_NOTHING)]
    return UNKNOWN, (telling or lines or [""])[0]


def _cause_of(line: str, following: List[str]) -> Optional[Cause]:
    cause = next((row for row in TABLE if re.search(row.pattern, line)), None)
    if cause is REJECTED:
        return REJECTED._replace(advice=sync_advice(line) or REJECTED.advice)
    if cause is IDENTITY_UNREACHABLE or cause is API_UNREACHABLE:
        return _unreachable(cause, "\n".join(following))
    return cause


def _unreachable(cause: Cause, exception: str) -> Cause:
    if re.search(MALFORMED.pattern, exception):
        return MALFORMED
    found = next(row for row in NETWORK_TABLE if re.search(row.pattern, exception))
    return cause._replace(
        advice=cause.advice.format(detail=found.detail, remedy=found.advice), transient=found.transient
    )
