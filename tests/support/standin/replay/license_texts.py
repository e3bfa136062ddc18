# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Licenses and license files as the recordings describe them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Dict, Optional

from standin import clock, license_fields, license_issue, license_signing, plans

from .data import BILLING_EMAIL, ENTERPRISE_NAME, LICENSE_EXPIRES, Data

_BROKEN = "signature broken"


class NotUnderstood(Exception):
    """The recording says something that the replay does not know how to do."""


def text_of(data: Data, description: Any, now: datetime) -> bytes:
    """Return the text to upload: ``description`` as recorded in a multipart part."""
    if not isinstance(description, dict):
        return str(description).encode()
    text = _license_text(data, description["license"], now)
    then = description.get("then")
    if then == "a closing brace appended":
        return text + b"}"
    if then == "a byte-order mark in front":
        return b"\xef\xbb\xbf" + text
    if then is not None:
        raise NotUnderstood(f"license text: {then}")
    return text


def file_in_state(good: bytes, state: str) -> Optional[bytes]:
    """Return the license file in a recorded state, made from the good one; None: no file."""
    license_ = json.loads(good)
    states: Dict[str, Optional[bytes]] = {
        "missing": None,
        "empty": b"",
        "not JSON": b"<html>",
        "truncated": good[: len(good) // 2],
        "trailing junk": good + b"}",
        "member names in camelCase": json.dumps(license_fields.camel(license_)).encode(),
        "token signature broken": license_fields.write(
            {**license_, "Token": with_broken_signature(license_["Token"] or "")}
        ),
        "no token, signature as issued": license_fields.write({**license_, "Token": None}),
    }
    if state not in states:
        raise NotUnderstood(f"license file: {state}")
    return states[state]


def with_broken_signature(token: str) -> str:
    """Return the token with another first character of its signature."""
    head, _rest, signature = token.rpartition(".")
    return f"{head}.{'B' if signature[:1] == 'A' else 'A'}{signature[1:]}"


def _license_text(data: Data, description: Any, now: datetime) -> bytes:
    wanted = {} if description == "valid" else dict(description)
    wanted.pop("valid", None)
    changes = wanted.pop("change", {})
    camel = wanted.pop("camel", False)
    with_token = not wanted.pop("no_token", False)
    license_ = license_issue.members(
        _organization(data, wanted), wanted.pop("installation", data.about["installation"]), clock.utc(now)
    )
    license_["Id"] = wanted.pop("id", data.about["cloud_organization"])
    for name, member in (("self_host", "SelfHost"), ("version", "Version")):
        if name in wanted:
            license_[member] = wanted.pop(name)
    if wanted:
        raise NotUnderstood(f"license: {', '.join(wanted)}")
    license_ = license_signing.sign(license_, data.keys["license_signing_key"], now, with_token)
    for member, value in changes.items():
        license_[member] = with_broken_signature(license_["Token"]) if value == _BROKEN else value
    if camel:
        return json.dumps(license_fields.camel(license_)).encode()
    return license_fields.write(license_)


def _organization(data: Data, wanted: Dict[str, Any]) -> Dict[str, Any]:
    organization = {
        **plans.organization_of(wanted.pop("plan", "enterprise")),
        "id": data.about["cloud_organization"],
        "name": wanted.pop("name", ENTERPRISE_NAME),
        "billingEmail": BILLING_EMAIL,
        "businessName": None,
        "licenseKey": data.about_value(wanted.pop("license_key", "{{sh_ent_licensekey}}")),
        "enabled": wanted.pop("enabled", True),
        "expires": wanted.pop("expires", LICENSE_EXPIRES),
    }
    if "seats" in wanted:
        organization["seats"] = wanted.pop("seats")
    return organization
