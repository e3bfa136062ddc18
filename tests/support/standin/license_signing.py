# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making and checking the two signatures of a license: the token (RS256) and the older one over its members."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, Mapping, Optional, Tuple

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from . import clock, keys
from .context import VERSION
from .license_fields import FIELDS, NOT_SIGNED, License, claims

ISSUER = "bitwarden"
_LIFE = timedelta(days=365)
_SEGMENTS = 3
# Release of the server -> the newest version of licenses that it knows; tokens are read since 2025.1.0. By its source.
_NEWEST = (("0", 8), ("2022.8.0", 10), ("2022.12.0", 11), ("2023.5.0", 12), ("2023.10.0", 13), ("2024.1.0", 15),
           ("2025.5.2", 16))  # fmt: skip
_TOKENS = "2025.1.0"
_PII = "[PII of type '{}' is hidden. For more details, see https://aka.ms/IdentityModel/PII.]"


class UnsupportedVersion(Exception):
    """A license without token of a version that the server does not know."""


class InvalidToken(Exception):
    """The license's token does not hold; the text is the JWT library's."""


def sign(license_: License, private_key: str, now: datetime, with_token: bool = True) -> License:
    """Return the license with a new hash, signature and token."""
    data = _data(license_)
    signature = keys.private(private_key).sign(data, padding.PKCS1v15(), hashes.SHA256())
    result = {
        **license_,
        "Hash": base64.b64encode(hashlib.sha256(data).digest()).decode(),
        "Signature": base64.b64encode(signature).decode(),
        "Token": None,
    }
    if with_token:
        issued = int(now.timestamp())
        payload = {
            **claims(license_),
            "jti": str(uuid.uuid4()),
            "iss": ISSUER,
            "aud": f"organization:{license_['Id']}",
            "nbf": issued,
            "iat": issued,
            "exp": issued + int(_LIFE.total_seconds()),
        }
        result["Token"] = jwt.encode(payload, keys.private(private_key), algorithm="RS256")
    return result


def signature_holds(license_: License, public_key: str) -> bool:
    """Tell whether the older signature fits the fields. Raises UnsupportedVersion; ValueError if none is readable."""
    newest = [version for release, version in _NEWEST if _numbers(VERSION) >= _numbers(release)][-1]
    if not 1 <= license_["Version"] <= newest:
        raise UnsupportedVersion(f"Version {license_['Version']} is not supported.")
    data = _data(license_)
    if license_["Signature"] is None:
        raise ValueError("no signature")
    signature = base64.b64decode(license_["Signature"], validate=True)
    try:
        keys.public(public_key).verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def token_claims(license_: License, public_key: str, now: datetime) -> Optional[Dict[str, Any]]:
    """Return the claims of the license's token, None where it has none. Raises InvalidToken."""
    token = license_.get("Token")
    if not token or not token.strip() or _numbers(VERSION) < _numbers(_TOKENS):
        return None
    if token.count(".") + 1 != _SEGMENTS:
        raise InvalidToken("IDX12741: JWT must have three segments (JWS) or five segments (JWE).")
    try:
        payload: Dict[str, Any] = jwt.decode(
            token,
            keys.public(public_key),
            algorithms=["RS256"],
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
        )
    except jwt.InvalidTokenError as error:
        raise InvalidToken(_signature_failed(public_key)) from error
    _check_audience(payload, f"organization:{license_['Id']}")
    _check_lifetime(payload, now)
    return payload


def _check_audience(payload: Mapping[str, Any], audience: str) -> None:
    if payload.get("aud") != audience:
        raise InvalidToken(
            f"IDX10214: Audience validation failed. Audiences: '{_PII.format('System.String')}'. Did not match: "
            f"validationParameters.ValidAudience: '{audience}' or validationParameters.ValidAudiences: 'null'."
        )
    if payload.get("iss") != ISSUER:
        raise InvalidToken(
            f"IDX10205: Issuer validation failed. Issuer: '{_PII.format('System.String')}'. Did not match: "
            f"validationParameters.ValidIssuer: '{ISSUER}' or validationParameters.ValidIssuers: 'null' or "
            "validationParameters.ConfigurationManager.CurrentConfiguration.Issuer: 'Null'. For more details, see "
            "https://aka.ms/IdentityModel/issuer-validation. "
        )


def _check_lifetime(payload: Mapping[str, Any], now: datetime) -> None:
    current = now.strftime("%m/%d/%Y %H:%M:%S")
    for claim, number, text, wrong in (
        ("nbf", "IDX10222", "The token is not yet valid. ValidFrom", payload["nbf"] > now.timestamp()),
        ("exp", "IDX10223", "The token is expired. ValidTo", payload["exp"] < now.timestamp()),
    ):
        if wrong:
            moment = datetime.fromtimestamp(payload[claim], timezone.utc).strftime("%m/%d/%Y %H:%M:%S")
            raise InvalidToken(
                f"{number}: Lifetime validation failed. {text} (UTC): '{moment}', Current time (UTC): '{current}'."
            )


def _signature_failed(public_key: str) -> str:
    der = keys.public(public_key).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    thumbprint = hashlib.sha1(der).digest()
    internal = base64.urlsafe_b64encode(thumbprint).decode().rstrip("=")
    return (
        "IDX10517: Signature validation failed. The token's kid is missing. Keys tried: "
        f"'Microsoft.IdentityModel.Tokens.X509SecurityKey, KeyId: '{thumbprint.hex().upper()}', InternalId: "
        f"'{internal}'.'.\nNumber of keys in TokenValidationParameters: '1'. \nNumber of keys in Configuration: '0'.\n"
        f"Exceptions caught:\n '{_PII.format('System.String')}'.\n"
        f"token: '{_PII.format('System.IdentityModel.Tokens.Jwt.JwtSecurityToken')}'. "
        "See https://aka.ms/IDX10503 for details."
    )


def _numbers(version: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _data(license_: License) -> bytes:
    """Return the bytes that the older signature covers, not in the real layout: only who checks must agree."""
    members = {}
    for name, kind in FIELDS:
        value = license_.get(name)
        if name not in NOT_SIGNED:
            members[name] = clock.utc(clock.parse(value)) if kind.startswith("date") and value else value
    return json.dumps(members, sort_keys=True).encode()
