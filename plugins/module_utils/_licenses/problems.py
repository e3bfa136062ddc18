# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Problems of a license, in one table: cause, message, advice, and how a server words each."""

from __future__ import annotations

import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from .._common.errors import BitwardenError
from .._common.quotes import quoted, with_advice

# What to do after the remedy. A license is uploaded from a file, or synced from the cloud by the server itself.
UPLOAD: Dict[str, str] = {
    "again": "download the license again from the organization in the cloud",
    "retry": "upload the license again",
}
SYNC: Dict[str, str] = {"again": "sync again", "retry": "sync again"}


class Problem(NamedTuple):
    """A problem found in a license. ``cause`` is one word."""

    cause: str
    message: str
    advice: str


class LicenseError(BitwardenError):
    """A text that is not a license for a server."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(with_advice(problem.message, problem.advice))
        self.problem = problem

    def result(self) -> Dict[str, Any]:
        """Return the failed task's keys, with ``cause``."""
        return {**super().result(), "cause": self.problem.cause}


class Row(NamedTuple):
    """One row of the table.

    ``message`` (empty where only a server can tell) and ``advice`` are templates. ``server_text`` is a pattern of the
    text with which a server rejects such a license, empty where it does not. ``sync_advice`` is the advice where the
    license comes from the cloud by a sync, empty where it is the same.
    """

    cause: str
    message: str
    advice: str
    server_text: str = ""
    sync_advice: str = ""

    def found(self, **facts: object) -> Problem:
        """Return the problem as found in a license to upload, with the facts that its message names."""
        return Problem(self.cause, self.message.format(**facts), _fill(self.advice, UPLOAD))


_AGAIN = "{Again}."
_UNEDITED = "{Again}, and do not edit it."
_EXPIRED = "The license's subscription expired at {expires}."
_RENEW = "Renew the subscription in the cloud, then {again}."
_NOT_GENUINE = (
    "A server that is too old for the cloud's signature rejects it, too: update the server. Otherwise something "
    "between server and cloud has changed the license."
)
_RESTART = "Restart the server, which gives the file to its services."
_REMOVE = "Remove them on the server; or have the plan in the cloud changed, then {again}."
_SWITCH_OFF = "Switch it off on the server; or have the plan in the cloud changed, then {again}."

# The text is not a license.
TOO_LARGE = Row(
    "too_large",
    "The license has {size} bytes, which is more than a server accepts.",
    "A real license has about 5,000 bytes: check whether this is one.",
)
UTF_16 = Row("encoding", "The license is written in UTF-16, not in UTF-8.", _UNEDITED)
NOT_UTF_8 = Row("encoding", "The license is not UTF-8 text.", _UNEDITED)
EMPTY = Row("empty", "The license is empty.", _UNEDITED)
NOT_JSON = Row("not_json", "The license is not JSON, or was cut off.", _UNEDITED)
TRAILING = Row(
    "trailing",
    "There are {size} characters after the license's closing brace.",
    "A server rejects that. Remove them, or {again}.",
)
NOT_A_LICENSE = Row("not_a_license", "The text is JSON, but not a license.", _UNEDITED)
FIELDS_MISSING = Row("not_a_license", "The license lacks {names}.", _UNEDITED)
WRONG_TYPE = Row("not_a_license", "The license's {name} is not {kind}.", _UNEDITED)
TOKEN_UNREADABLE = Row("token_invalid", "The license's token cannot be read; it was changed or cut off.", _UNEDITED)

# The server would take it, but should not.
OTHER_ORGANIZATION = Row(
    "other_organization",
    "The license has {differences} than the one that {organization!r} has now; it is that of {name!r}. The server does "
    "not check that they belong together.",
    "Upload the license of the right organization; or set force if the organization was created again in the cloud.",
)
LOWER_PLAN = Row(
    "lower_plan",
    "The license's plan is {plan!r}, and the organization's is {current}. Its features would be switched off.",
    "Upload the license of the right organization; or set force if the plan was really changed.",
)
EXPIRED_BUT_ACCEPTED = Row(
    "expired",
    _EXPIRED + " The server would accept it, and disable the organization at its next check, within twelve hours.",
    _RENEW,
)

# The server would reject it, or does.
IN_USE = Row(
    "in_use",
    "",
    "Another organization on this server has this license. Use the license of this organization.",
    r"already in use by another organization",
    "Another organization on this server has this license. Upload the right license there, then {again}.",
)
TOKEN_EXPIRED = Row(
    "token_expired",
    "The license was valid for a year from its issue, until {expires}.",
    _AGAIN,
    r"IDX10223",
    "Correct the clock of the server's host, then {again}.",
)
TOKEN_NOT_YET = Row(
    "token_not_yet",
    "The license is not valid before {begins}, and the server's clock shows {now}.",
    "Correct the clock of the server's host.",
    r"IDX10222",
)
TOKEN_INVALID = Row(
    "token_invalid",
    "The license's token belongs to another license.",
    "The license was changed, or is of another issuer. {Again}.",
    r"IDX\d+",
    _NOT_GENUINE,
)
DISABLED = Row(
    "disabled",
    "The organization was disabled in the cloud when this license was issued.",
    "Restore its subscription in the cloud, then {again}.",
    r"organization is currently disabled",
)
INSTALLATION = Row(
    "installation",
    "The license is for the installation {given}, and the server's is {installation}.",
    "Download the license with the installation id of this server, which module server_info returns (module "
    "cloud_license, or the cloud's web vault).",
    r"installation ID does not match",
    "Set id and key of the installation to those of one installation, restart the server, then {again}.",
)
NOT_SELF_HOSTED = Row(
    "not_self_hosted",
    "The license does not allow the organization on a self-hosted server.",
    "The plan in the cloud must include self-hosting.",
    r"(?:not allow|allows) for on-premise hosting",
)
PREMIUM = Row(
    "premium",
    "This is the license of a person's Premium subscription, not of an organization.",
    "Download the license of the organization in the cloud. A person uploads theirs in the web vault: Account "
    "settings, Subscription.",
    r"Premium licenses cannot be applied",
    "Something between server and cloud has changed the license.",
)
NOT_ISSUED = Row(
    "not_issued",
    "The license's date of issue is in the future, {issued}.",
    "Correct the clock of the server's host, or {again}.",
    r"hasn't been issued yet",
)
EXPIRED = Row("expired", _EXPIRED, _RENEW, r"license has expired")
VERSION = Row(
    "version",
    "Version {version} of licenses is unknown to the server, which is {server}.",
    "The license is newer than the server. Update the server, with a backup before (module update), and {retry}.",
    r"Version \d+ is not supported",
)
SIGNATURE = Row(
    "signature",
    "The license has neither token nor signature.",
    "The license was changed after its issue. {Again}.",
    r"license verification failed",
    _NOT_GENUINE,
)
SEATS = Row("seats", "", "Remove users on the server; or add seats in the cloud, then {again}.", r"seats filled")
COLLECTIONS = Row("collections", "", _REMOVE, r"(?:collections|shared folders)\. Your new license")
GROUPS = Row("groups", "", _REMOVE, r"groups\. Your new license")
POLICIES = Row("policies", "", _REMOVE, r"policies\. Your new license")
SSO = Row("sso", "", _SWITCH_OFF, r"SSO configuration")
KEY_CONNECTOR = Row("key_connector", "", _SWITCH_OFF, r"Key Connector")
SCIM = Row("scim", "", _SWITCH_OFF, r"SCIM")
CUSTOM_PERMISSIONS = Row("custom_permissions", "", _SWITCH_OFF, r"Custom Permissions")
PASSWORD_RESET = Row("password_reset", "", _SWITCH_OFF, r"Password Reset")
INVALID = Row("invalid", "", _AGAIN, r"Invalid license")

# The server could not store or read it.
NOT_READABLE = Row("unreadable", "The server may not read its license file: {path}.", _RESTART)
NOT_WRITABLE = Row("unreadable", "The server may not write its license file.", _RESTART)
NOT_OWNER = Row(
    "not_owner",
    "The server found no such organization for this account.",
    "Use the API key of an owner of the organization.",
)

# In the order in which a server's text is compared with them.
REJECTIONS: Tuple[Row, ...] = (
    IN_USE, TOKEN_EXPIRED, TOKEN_NOT_YET, TOKEN_INVALID, DISABLED, INSTALLATION, NOT_SELF_HOSTED, PREMIUM, NOT_ISSUED,
    EXPIRED, VERSION, SIGNATURE, SEATS, COLLECTIONS, GROUPS, POLICIES, SSO, KEY_CONNECTOR, SCIM, CUSTOM_PERMISSIONS,
    PASSWORD_RESET, INVALID,
)  # fmt: skip
TABLE: Tuple[Row, ...] = (
    TOO_LARGE, UTF_16, NOT_UTF_8, EMPTY, NOT_JSON, TRAILING, NOT_A_LICENSE, FIELDS_MISSING, WRONG_TYPE,
    TOKEN_UNREADABLE, OTHER_ORGANIZATION, LOWER_PLAN, EXPIRED_BUT_ACCEPTED, *REJECTIONS, NOT_READABLE, NOT_WRITABLE,
    NOT_OWNER,
)  # fmt: skip


def rejection_row(text: str) -> Optional[Row]:
    """Return the row of the text with which a server rejects a license, ``None`` for another text."""
    return next((row for row in REJECTIONS if re.search(row.server_text, text)), None)


def _rejection_rows(text: str) -> List[Row]:
    """Return the rows of a rejection: a server gives several reasons in one text, each on its line."""
    lines = [text] if "IDX" in text else text.splitlines()  # the JWT library's text is one reason on many lines
    found = [rejection_row(line) for line in lines]
    rows = [row for row in REJECTIONS if row in found]
    return [row for row in rows if row is not INVALID] or rows


def sync_advice(text: str) -> str:
    """Return what to do about the text with which a server rejects a synced license, empty for an unknown text."""
    rows = [row for row in _rejection_rows(text) if row is not INVALID]
    return " ".join(_fill(row.sync_advice or row.advice, SYNC) for row in rows)


def upload_rejection(text: str) -> Optional[Problem]:
    """Return the problem of an uploaded license that a server rejects with ``text``, ``None`` for another text."""
    rows = _rejection_rows(text)
    if not rows:
        return None
    advice = " ".join(_fill(row.advice, UPLOAD) for row in rows)
    return Problem(rows[0].cause, f'The server rejected the license: "{quoted(text)}"', advice)


def _fill(advice: str, use: Dict[str, str]) -> str:
    return advice.format(Again=use["again"][0].upper() + use["again"][1:], **use)
