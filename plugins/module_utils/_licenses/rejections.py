# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a server did not take a license, from its own words."""

from __future__ import annotations

import re
from typing import Optional

from .._api.errors import REQUEST, ApiError
from .objections import Objection

_REMOVE = "Remove them on the server first; or have the plan in the cloud changed, and download the license again."
_SWITCH_OFF = (
    "Switch it off on the server first; or have the plan in the cloud changed, and download the license again."
)
_AGAIN = "Download the license again from the organization in the cloud."

# In the order of their use: pattern of the server's text, cause, advice.
_REJECTIONS = (
    (
        r"already in use by another organization",
        "in_use",
        "Another organization on this server has this license. Upload it there, or download the right one.",
    ),
    (r"IDX10223", "token_expired", "The license was good for a year from its issue. " + _AGAIN),
    (r"IDX10222", "token_not_yet", "Set the clock of the server's host right."),
    (r"IDX\d+", "token_invalid", "The license was changed, or is of another issuer. " + _AGAIN),
    (
        r"organization is currently disabled",
        "disabled",
        "See to the organization's subscription in the cloud, then download the license again.",
    ),
    (
        r"installation ID does not match",
        "installation",
        "Download the license with the installation id of this server (module server_info returns it).",
    ),
    (
        r"not allow for on-premise hosting",
        "not_self_hosted",
        "The organization's plan in the cloud must include self-hosting.",
    ),
    (r"Premium licenses cannot be applied", "premium", "Download the license of the organization in the cloud."),
    (
        r"hasn't been issued yet",
        "not_issued",
        "Set the clock of the server's host right, or download the license again.",
    ),
    (r"license has expired", "expired", "Renew the subscription in the cloud, and download the license again."),
    (
        r"Version \d+ is not supported",
        "version",
        "The license is newer than the server. Back up bwdata, update the server, and upload the license again.",
    ),
    (r"license verification failed", "signature", "The license was changed after its issue. " + _AGAIN),
    (r"seats filled", "seats", "Remove users on the server first; or add seats in the cloud, and download it again."),
    (r"(collections|shared folders)\. Your new license", "collections", _REMOVE),
    (r"groups\. Your new license", "groups", _REMOVE),
    (r"policies\. Your new license", "policies", _REMOVE),
    (r"SSO configuration", "sso", _SWITCH_OFF),
    (r"Key Connector", "key_connector", _SWITCH_OFF),
    (r"SCIM", "scim", _SWITCH_OFF),
    (r"Custom Permissions", "custom_permissions", _SWITCH_OFF),
    (r"Password Reset", "password_reset", _SWITCH_OFF),
    (r"Invalid license", "invalid", _AGAIN),
)


def rejection(error: ApiError) -> Optional[Objection]:
    """What a refused upload means, with the server's text in it; ``None`` where that is something else."""
    if error.status == 401 and error.text:
        return Objection(
            "unreadable",
            "The server may not write its license file.",
            "A restart of the server gives the file to its services.",
        )
    if error.status == 404 and error.layer == REQUEST:
        return Objection(
            "not_owner",
            "The server found no such organization for this account.",
            "The API key must be that of an owner of the organization.",
        )
    if error.status != 400:
        return None
    for pattern, cause, advice in _REJECTIONS:
        if re.search(pattern, error.text):
            # The JWT library's account of its keys is of no use to anybody.
            said = re.split(r" (?=Exceptions caught|Keys tried|Number of keys|token:)", error.text)[0]
            return Objection(cause, f'The server did not take the license: "{said}"', advice)
    return None
