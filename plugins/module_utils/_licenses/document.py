# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A license as a text from anywhere (download, file, server's disk), parsed."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, Dict, Mapping, NamedTuple, Optional, Union

from .._common.dates import parse_date
from . import problems
from .fields import REQUIRED_FIELDS, SECRET_FIELDS, fields_of_claims, read_fields
from .problems import LicenseError
from .token import token_claims, token_expiry

LARGEST = 50_000  # bytes; a server accepts 51,200 in one request, the form around the license included

_IDS = ("InstallationId", "Id")
_BLANKS = " \t\r\n"  # of JSON; Python knows more


class LicenseDocument(NamedTuple):
    """A parsed license.

    ``fields``: by their names in PascalCase without unknown ones, dates as ``2026-11-22T10:00:00Z``.
    ``claims``: those of the token (not verified), empty without one.
    """

    fields: Dict[str, Any]
    claims: Dict[str, Any]

    @property
    def issued(self) -> Optional[datetime]:
        """When the cloud issued it."""
        return parse_date(self.fields.get("Issued"))

    @property
    def token_expires(self) -> Optional[datetime]:
        """When the token expires, and with it the license, whatever the subscription."""
        return token_expiry(self.claims)

    @property
    def key_digest(self) -> str:
        """A digest that tells license keys apart without showing them."""
        return hashlib.sha256(str(self.fields["LicenseKey"]).encode("utf-8", "replace")).hexdigest()

    def date(self, name: str) -> Optional[datetime]:
        """Return a field that is a time."""
        return parse_date(self.fields.get(name))

    def shown(self) -> Dict[str, Any]:
        """Return the fields that are not secret."""
        return {name: value for name, value in self.fields.items() if name not in SECRET_FIELDS}

    def facts(self) -> Dict[str, Any]:
        """Return what results show: plan, seats, expiry, issue."""
        shown = {"plan": "Plan", "seats": "Seats", "expires": "Expires", "issued": "Issued"}
        facts = {key: self.fields.get(name) for key, name in shown.items()}
        return {**facts, "expires_without_grace": self.fields.get("ExpirationWithoutGracePeriod")}


def parse_license_text(content: Union[str, bytes]) -> LicenseDocument:
    """Parse a license in either casing, with or without a byte-order mark. Raises ``LicenseError``."""
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    if len(raw) > LARGEST:
        raise LicenseError(problems.TOO_LARGE.found(size=len(raw)))
    data = _json(raw)
    if not isinstance(data, dict):
        raise LicenseError(problems.NOT_A_LICENSE.found())
    fields = read_fields(data)
    if _is_personal(data):
        raise LicenseError(problems.PREMIUM.found())
    missing = [name for name in REQUIRED_FIELDS if not fields.get(name)]
    if missing:
        raise LicenseError(problems.FIELDS_MISSING.found(names=", ".join(missing)))
    token = fields.get("Token")
    claims = token_claims(token) if token else {}
    if token and not claims:
        raise LicenseError(problems.TOKEN_UNREADABLE.found())
    fields.update(fields_of_claims(claims))
    fields.update({name: str(fields[name]).lower() for name in _IDS if fields.get(name)})
    return LicenseDocument(fields, claims)


def _json(raw: bytes) -> Any:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise LicenseError(problems.UTF_16.found())
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise LicenseError(problems.NOT_UTF_8.found()) from None
    text = text.strip(_BLANKS)
    if not text:
        raise LicenseError(problems.EMPTY.found())
    try:
        data, end = json.JSONDecoder(parse_constant=_reject_constant).raw_decode(text)
    except (ValueError, RecursionError):
        raise LicenseError(problems.NOT_JSON.found()) from None
    if text[end:]:
        raise LicenseError(problems.TRAILING.found(size=len(text) - end))
    return data


def _reject_constant(name: str) -> Any:
    raise ValueError(name)  # NaN and Infinity, which are not JSON


def _is_personal(data: Mapping[str, Any]) -> bool:
    lowered = {str(key).lower(): value for key, value in data.items()}
    kind = lowered.get("licensetype")
    return (kind == 0 and not isinstance(kind, bool)) or ("premium" in lowered and "selfhost" not in lowered)
