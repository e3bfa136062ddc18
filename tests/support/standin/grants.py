# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The token endpoint's grants: personal API key, organization key, installation, password, refresh."""

from __future__ import annotations

import hmac
import re
import secrets
from typing import Any, Callable, Dict, List, Optional

from flask import request

from . import access, passwords
from .context import server
from .json_input import is_guid
from .state import Document

Form = Dict[str, str]
Body = Dict[str, Any]

_HOUR = 3600
_DAY = 86400
_PUBLIC_CLIENTS = ("web", "browser", "desktop", "mobile", "cli", "connector")
_INSTALLATION_SCOPES = ["api.installation", "api.licensing", "api.push"]
_VERSION = re.compile(r"^\d+(?:\.\d+){1,3}$")
_OLDEST_FOR_V2 = (2025, 11, 0)
_DEVICE_TYPES = {
    name.lower(): number
    for number, name in enumerate(
        [
            "Android",
            "iOS",
            "ChromeExtension",
            "FirefoxExtension",
            "OperaExtension",
            "EdgeExtension",
            "WindowsDesktop",
            "MacOsDesktop",
            "LinuxDesktop",
            "ChromeBrowser",
            "FirefoxBrowser",
            "OperaBrowser",
            "EdgeBrowser",
            "IEBrowser",
            "UnknownBrowser",
            "AndroidAmazon",
            "UWP",
            "SafariBrowser",
            "VivaldiBrowser",
            "VivaldiExtension",
            "SafariExtension",
            "SDK",
            "Server",
            "WindowsCLI",
            "MacOsCLI",
            "LinuxCLI",
            "DuckDuckGoBrowser",
        ]
    )
}
_LAST_DEVICE_TYPE = 255
_VERSION_MISSING = (
    "No client version header found, required to prevent encryption errors. "
    'Please confirm your client is supplying the header: "Bitwarden-Client-Version"'
)
_TOO_OLD = "Please update your app to continue using Bitwarden"
ENCRYPTED = "2.AAAAAAAAAAAAAAAAAAAAAA==|AAAAAAAAAAAAAAAAAAAAAA==|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
_AUTHENTICATOR, _EMAIL = "0", "1"


class TokenError(Exception):
    """An error of the token endpoint with its whole body."""

    def __init__(
        self, code: str, description: Optional[str] = None, message: Optional[str] = None, **more: Any
    ) -> None:
        super().__init__(code)
        self.body: Body = {"error": code}
        if description is not None:
            self.body["error_description"] = description
        if message is not None:
            self.body["ErrorModel"] = {"Object": "error", "Message": message}
        self.body.update(more)


def answer(form: Form) -> Body:
    """Return the body of a successful response. Raises TokenError."""
    client = form["client_id"]
    prefix, dot, identifier = client.partition(".")
    grants: Dict[str, Callable[[Form, str], Body]] = {
        "user": _personal_api_key,
        "organization": _organization_api_key,
        "installation": _installation,
    }
    if dot and prefix in grants and is_guid(identifier):
        return grants[prefix](form, identifier.lower())
    if client in _PUBLIC_CLIENTS:
        if form.get("grant_type") == "password":
            return _password(form)
        if form.get("grant_type") == "refresh_token":
            return _refresh(form)
        raise TokenError(_wrong_grant(form))
    raise TokenError("invalid_client")


def keys_of_account(user: Document) -> Body:
    """Return the account's keys as the Api shows them (of no use: nothing here encrypts)."""
    return {
        "signatureKeyPair": None,
        "publicKeyEncryptionKeyPair": {
            "wrappedPrivateKey": ENCRYPTED,
            "publicKey": user["id"],
            "signedPublicKey": None,
            "object": "publicKeyEncryptionKeyPair",
        },
        "securityState": None,
        "object": "privateKeys",
    }


def _personal_api_key(form: Form, identifier: str) -> Body:
    user = server().state.get("user", identifier)
    _check_client(form, user["api_key"] if user else None)
    scopes = _scopes(form, ["api"])
    assert user is not None
    _check_client_version(user)
    _check_device(form)
    return _user_tokens(user, scopes, form["client_id"])


def _organization_api_key(form: Form, identifier: str) -> Body:
    organization = server().organization(identifier)
    key = None
    if organization and organization["enabled"] and organization["useApi"]:
        key = organization["api_keys"].get("default", {}).get("key")
    _check_client(form, key)
    scopes = _scopes(form, ["api.organization"])
    return _tokens({"sub": identifier, "client_id": form["client_id"]}, scopes, _HOUR)


def _installation(form: Form, identifier: str) -> Body:
    known = None if server().self_hosted else server().state.get("installation", identifier)
    _check_client(form, known["key"] if known and known["enabled"] else None)
    scopes = _scopes(form, _INSTALLATION_SCOPES)
    return _tokens({"sub": identifier, "client_id": form["client_id"]}, scopes, _DAY)


def _password(form: Form) -> Body:
    instance = server()
    scopes = _scopes(form, ["api", "offline_access"])
    name = form.get("username", "").strip().lower()
    user = next((user for user in instance.state.all("user") if user["email"].lower() == name), None)
    expected = passwords.hash_of(instance.state, user) if user else None
    if expected is None or not hmac.compare_digest(expected.encode(), form.get("password", "").encode()):
        raise _slow(TokenError(*_wrong_password("Username or password is incorrect. Try again.")))
    assert user is not None
    _check_client_version(user)
    if user["two_factor"]:
        _check_two_factor(form, user)
    _check_device(form)
    body = _user_tokens(user, scopes, form["client_id"])
    if "offline_access" in scopes:
        body["refresh_token"] = secrets.token_hex(32).upper()
        instance.state.put(
            "refresh_token", body["refresh_token"], {"user": user["id"], "client": form["client_id"], "scopes": scopes}
        )
    return body


def _refresh(form: Form) -> Body:
    known = server().state.get("refresh_token", form.get("refresh_token", ""))
    user = server().state.get("user", known["user"]) if known and known["client"] == form["client_id"] else None
    if known is None or user is None:
        raise TokenError("invalid_grant")
    body = _tokens(_user_claims(user, form["client_id"]), known["scopes"], _HOUR)
    return {**body, "refresh_token": form["refresh_token"]}


def _check_client(form: Form, secret: Optional[str]) -> None:
    """Check the client's secret, which comes before everything else and is wrong in one way only."""
    if secret is None or not hmac.compare_digest(secret.encode(), form.get("client_secret", "").encode()):
        raise TokenError("invalid_client")
    if form.get("grant_type") != "client_credentials":
        raise TokenError(_wrong_grant(form))


def _wrong_grant(form: Form) -> str:
    known = ("client_credentials", "password", "refresh_token", "authorization_code")
    return "unauthorized_client" if form.get("grant_type") in known else "unsupported_grant_type"


def _scopes(form: Form, allowed: List[str]) -> List[str]:
    scopes = form.get("scope", "").split() or allowed
    if not set(scopes) <= set(allowed):
        raise TokenError("invalid_scope")
    return sorted(scopes)


def _check_client_version(user: Document) -> None:
    version = request.headers.get("Bitwarden-Client-Version", "")
    if not _VERSION.match(version):
        raise _slow(TokenError("version_header_missing", _VERSION_MISSING, _VERSION_MISSING))
    if user.get("v2_encryption") and tuple(int(part) for part in version.split(".")) < _OLDEST_FOR_V2:
        raise TokenError("invalid_client_version", _TOO_OLD, _TOO_OLD)


def _check_device(form: Form) -> None:
    kind = form.get("devicetype", "").strip()
    good_kind = kind.lower() in _DEVICE_TYPES or (kind.isdigit() and int(kind) <= _LAST_DEVICE_TYPE)
    if not (good_kind and form.get("deviceidentifier", "").strip() and form.get("devicename", "").strip()):
        raise _slow(TokenError("device_error", "No device information provided", "no device information provided"))


def _check_two_factor(form: Form, user: Document) -> None:
    """Raise the error for a second step: none is ever right here, for the stand-in knows no authenticator."""
    if form.get("twofactortoken"):
        raise _slow(TokenError(*_wrong_password("Two-step token is invalid. Try again.")))
    name, _rest, domain = user["email"].partition("@")
    raise TokenError(
        "invalid_grant",
        "Two factor required.",
        TwoFactorProviders=[_EMAIL, _AUTHENTICATOR],
        TwoFactorProviders2={_EMAIL: {"Email": f"{name[:2]}{'*' * len(name[2:])}@{domain}"}, _AUTHENTICATOR: None},
        SsoEmail2faSessionToken=secrets.token_urlsafe(64),
        Email=user["email"],
        MasterPasswordPolicy={"Object": "masterPasswordPolicy"},
    )


def _wrong_password(message: str) -> tuple[str, str, str]:
    return "invalid_grant", "invalid_username_or_password", message


def _slow(error: TokenError) -> TokenError:
    server().wait_on_purpose()
    return error


def _user_claims(user: Document, client: str) -> Body:
    return {
        "sub": user["id"],
        "client_id": client,
        "email": user["email"],
        "name": user["name"],
        "sstamp": user["security_stamp"],
        "amr": ["Application"],
        **access.role_claims(server(), user["id"]),
    }


def _tokens(claims: Body, scopes: List[str], lifetime: int) -> Body:
    return {
        "access_token": access.issue(server(), claims, scopes, lifetime),
        "expires_in": lifetime,
        "token_type": "Bearer",
        "scope": " ".join(scopes),
    }


def _user_tokens(user: Document, scopes: List[str], client: str) -> Body:
    kdf = user["kdf"]
    return {
        **_tokens(_user_claims(user, client), scopes, _HOUR),
        "PrivateKey": ENCRYPTED,
        "AccountKeys": keys_of_account(user),
        "Key": ENCRYPTED,
        "MasterPasswordPolicy": {"Object": "masterPasswordPolicy"},
        "ForcePasswordReset": False,
        "Kdf": kdf["type"],
        "KdfIterations": kdf["iterations"],
        "KdfMemory": kdf["memory"],
        "KdfParallelism": kdf["parallelism"],
        "UserDecryptionOptions": {
            "HasMasterPassword": passwords.has_one(user),
            **_unlock(user),
            "Object": "userDecryptionOptions",
        },
    }


def _unlock(user: Document) -> Body:
    """Return how the master password unlocks the account; nothing where it has none."""
    if not passwords.has_one(user):
        return {}
    kdf = user["kdf"]
    parameters = {
        "KdfType": kdf["type"],
        "Iterations": kdf["iterations"],
        "Memory": kdf["memory"],
        "Parallelism": kdf["parallelism"],
    }
    return {
        "MasterPasswordUnlock": {
            "Kdf": {name: value for name, value in parameters.items() if value is not None},
            "MasterKeyEncryptedUserKey": ENCRYPTED,
            "Salt": user["salt"] or user["email"].strip().lower(),
        }
    }
