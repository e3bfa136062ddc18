# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes of failed syncs with the cloud, in one table: log line, cause, advice, and whether waiting helps."""

from __future__ import annotations

import re
from typing import List, NamedTuple, Optional, Tuple

from .._common.setting_names import API_URL, IDENTITY_URL, INSTALLATION_ID
from .._licenses.problems import sync_advice
from .network_causes import NETWORK_TABLE


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


_TOKEN_STATUS = r"\AUnsuccessful token response from .* with status "
_REQUEST_STATUS = r"\ARequest to \S+ is unsuccessful with status of "
_ANY_STATUS = f"(?:{_TOKEN_STATUS}|{_REQUEST_STATUS})"
_RESPONSE_TEXT = rf"{_REQUEST_STATUS}\w+-[^:]*:.*"
_SERVER_ERRORS = (
    r"InternalServerError|NotImplemented|BadGateway|ServiceUnavailable|GatewayTimeout|HttpVersionNotSupported"
    r"|VariantAlsoNegotiates|InsufficientStorage|LoopDetected|NotExtended|5\d\d"
)

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
    f"{_ANY_STATUS}(?:{_SERVER_ERRORS})-",
)
RATE_LIMIT = Cause(
    "… TooManyRequests-…",
    "rate_limit",
    "more than ten logins within a minute from one address",
    "The cloud limits logins per address; wait a minute, and pace the fleet.",
    True,
    f"{_ANY_STATUS}TooManyRequests-",
)
TOO_LATE = Cause(
    "… RequestTimeout-…",
    "cloud_error",
    "an outage, or a gateway before the cloud",
    "The cloud, or a gateway before it, did not take the request in time; try again later.",
    True,
    f"{_ANY_STATUS}(?:RequestTimeout|TooEarly|408|425)-",
)
BODY_REMOVED = Cause(
    "The model state is invalid",
    "body_removed",
    "a proxy that removes the body of a GET request",
    "The cloud received the request without its content: a license is asked for by a GET request with a body, which a "
    "proxy between the api container and the cloud has removed. Exclude the cloud from it (no_proxy), or have it let "
    "bodies pass.",
    pattern=f"{_RESPONSE_TEXT}(?i:model state is invalid|non-empty request body)",
)
REGION = Cause(
    "Request to … is unsuccessful with status of Unauthorized",
    CREDENTIALS.code,
    "the two addresses are of two regions, or something before the cloud requires a login",
    f"The api does not accept the token that the identity service issued: {IDENTITY_URL} and __apiUri must be of one "
    "region. Where they are, a proxy or firewall between the api container and the cloud requires a login.",
    pattern=f"{_REQUEST_STATUS}Unauthorized-",
)
WRONG_API_URL = Cause(
    "Request to … is unsuccessful with status of NotFound",
    "api_url",
    "another address, or a path without a slash at its end",
    f"No api of Bitwarden's responds at {API_URL}: correct it. A URL with a path must end in a slash.",
    pattern=f"{_REQUEST_STATUS}NotFound-",
)
BLOCKED = Cause(
    "… Forbidden-…",
    "blocked",
    "a proxy, firewall or allow list between the api container and the cloud",
    "Something between the api container and the cloud refused the request (a proxy, a firewall, the protection in "
    "front of the cloud): allow the cloud's addresses there, or give the proxy's URL the credentials that it requires.",
    pattern=f"(?:{_TOKEN_STATUS}Unauthorized-|{_ANY_STATUS}(?:Forbidden|ProxyAuthenticationRequired"
    "|UnavailableForLegalReasons|NetworkAuthenticationRequired|511)-)",
)
NOT_THE_CLOUD = Cause(
    "… MethodNotAllowed-…",
    "not_the_cloud",
    "a status or a page that Bitwarden's cloud does not send: another address, a proxy, a captive portal",
    f"Something else than Bitwarden's cloud answered: check {IDENTITY_URL} and __apiUri, and the proxies, firewalls "
    "and captive portals between the api container and the cloud.",
    pattern=f"(?:{_REQUEST_STATUS}BadRequest-[^:]*:\\s*(?:<|\\Z)|{_ANY_STATUS}(?:MethodNotAllowed|NotAcceptable|Gone"
    "|LengthRequired|RequestEntityTooLarge|RequestUriTooLong|UnsupportedMediaType|ExpectationFailed|MisdirectedRequest"
    "|UpgradeRequired|Moved|MovedPermanently|Found|Redirect|SeeOther|RedirectMethod|TemporaryRedirect|RedirectKeepVerb"
    "|PermanentRedirect|MultipleChoices|Ambiguous|UseProxy|3\\d\\d|4\\d\\d)-)",
)
NO_JSON = NOT_THE_CLOUD._replace(seen="System.Text.Json.JsonException", pattern=r"System\.Text\.Json\.JsonException")
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
    TOO_LATE,
    RATE_LIMIT,
    CREDENTIALS._replace(
        seen="Unsuccessful token response from … with status BadRequest", pattern=f"{_TOKEN_STATUS}BadRequest-"
    ),
    REGION,
    WRONG_IDENTITY_URL,
    ORGANIZATION._replace(
        seen="Resource not found.", pattern=rf"{_REQUEST_STATUS}NotFound-[^:]*:\s*(?i:resource not found)"
    ),
    WRONG_API_URL,
    BODY_REMOVED,
    BLOCKED,
    NOT_THE_CLOUD,
    UNKNOWN,
    IDENTITY_UNREACHABLE,
    API_UNREACHABLE,
    MALFORMED,
    NO_JSON,
    DUPLICATES,
    REJECTED,
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
