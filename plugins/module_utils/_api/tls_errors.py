# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The error of a TLS connection that was not made, with advice that fits the certificates that are set."""

from __future__ import annotations

import os
import re
import ssl
from typing import Sequence, cast

from .argspec import ApiOptions
from .errors import TLS, ApiError

# OpenSSL's codes of a failed verification.
_NOT_YET, _EXPIRED = 9, 10
_SELF_SIGNED = 18
_NO_ISSUER = (2, 19, 20, 21)  # an issuer or root that is not among those trusted
_OTHER_NAME = (62, 64)

# A folder of certificates is read by the hashes in its file names.
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+\Z")
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
_NOT_LOADED = ("NO_CERTIFICATE", "NO_START_LINE", "PEM", "KEY_VALUES_MISMATCH")
# Alerts with which the other side refuses a client's certificate, or the lack of one.
_CLIENT_ALERTS = (
    "CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE", "BAD_CERTIFICATE", "UNKNOWN_CA", "CERTIFICATE_UNKNOWN",
    "CERTIFICATE_EXPIRED", "CERTIFICATE_REVOKED", "UNSUPPORTED_CERTIFICATE", "ACCESS_DENIED", "DECRYPT_ERROR",
)  # fmt: skip


def tls_error(causes: Sequence[BaseException], start: str, write: bool, options: ApiOptions) -> ApiError:
    """Return the error. ``start`` names request and address; ``write``: whether it was to change something."""
    profile = options.profile
    for cause in causes:
        # urllib3 1.26 compares the names itself, with an error that has no code.
        if isinstance(cause, ssl.SSLCertVerificationError) or type(cause).__name__ == "CertificateError":
            reason = cast(str, getattr(cause, "verify_message", "") or "Hostname mismatch").rstrip(".")
            message = f"{start}: the {profile.name}'s certificate is not trusted: {reason}."
            return ApiError(TLS, message, advice=_untrusted(getattr(cause, "verify_code", _OTHER_NAME[0]), options))
    errors = [cause for cause in causes if isinstance(cause, ssl.SSLError)]
    detail = next((str(cause.reason) for cause in errors if cause.reason), "")
    if not detail and any("PEM lib" in str(cause) for cause in errors):
        detail = "PEM"
    shown = detail.lower().replace("_", " ")
    if detail in _NO_TLS:
        advice = f"Check the port and http or https in {profile.options}."
        return ApiError(TLS, f"{start} does not speak TLS on this port.", advice=advice)
    if detail.startswith(_NOT_LOADED) or "X509" in detail:
        return not_loaded(start)
    if any(alert in detail for alert in _CLIENT_ALERTS):
        advice = "Where it requires a client certificate, set client_cert and client_key."
        if options.cert:
            advice = "It may not accept client_cert: use one that is valid, and from the authority that it trusts for "
            advice = f"{advice}clients, together with its intermediate certificates."
        return ApiError(TLS, f"{start} refused the TLS connection ({shown}).", advice=advice)
    broke_off = "EOF" in detail
    message = f"{start}: no secure connection was made{f' ({shown})' if shown else ''}."
    # It also breaks off after the request was sent.
    return ApiError(TLS, message, transient=broke_off, unknown_outcome=broke_off and write)


def not_loaded(start: str) -> ApiError:
    """Return the error of certificates of the options that cannot be used, so that nothing was sent."""
    advice = "Check ca_path, client_cert and client_key: files in PEM form, and the key that of the certificate."
    return ApiError(TLS, f"{start} was not asked: the certificates given could not be loaded.", advice=advice)


def _untrusted(code: int, options: ApiOptions) -> str:
    """Return what to do about a certificate that is not trusted, by OpenSSL's code."""
    profile = options.profile
    if code in (_NOT_YET, _EXPIRED):
        return f"Renew the {profile.name}'s certificate. Where it is valid, the clock of this machine is wrong."
    if code in _OTHER_NAME:
        return f"Check {profile.options}: the name there must be one that is in the certificate."
    if code and code not in (_SELF_SIGNED, *_NO_ISSUER):
        return "The certificate, or that of its authority, has a fault that no trust in it mends: have it issued again."
    ca_path = options.verify if isinstance(options.verify, str) else ""
    if ca_path and os.path.isdir(ca_path) and not any(map(_HASHED.match, os.listdir(ca_path))):
        return (
            "No file in the folder of ca_path has a hash as its name, so that none is read: run openssl rehash "
            f"{ca_path}, or set ca_path to a file."
        )
    if not ca_path:
        bundle = next((name for name in _BUNDLES if os.environ.get(name)), "")
        return f"{profile.untrusted} {f'{bundle} of the environment is trusted now.' if bundle else _CHAIN}"
    if code == _SELF_SIGNED:
        return "It is self-signed, and not among those in ca_path. Add it there, or have it issued by that authority."
    if code in _NO_ISSUER:
        return f"ca_path ({ca_path}) lacks the authority that issued it. {_CHAIN}"
    return profile.untrusted


_CHAIN = (
    "Where the root authority is trusted, the intermediate certificate is missing: it belongs behind the certificate "
    "in the web server's file."
)
