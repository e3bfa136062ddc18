# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that all API modules share, and their checked values."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple, Union
from urllib.parse import urlsplit

from .._common.durations import DurationError, parse_duration
from .errors import REQUEST, SELF_HOSTED, TLS, ApiError, ServerProfile

# The argument specification; the action plugins add the fallback to the controller's environment.
API_OPTIONS: Dict[str, Any] = {
    "url": {"type": "str"},
    "api_url": {"type": "str"},
    "identity_url": {"type": "str"},
    "client_id": {"type": "str"},
    "client_secret": {"type": "str", "no_log": True},
    "organization": {"type": "str"},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path", "no_log": False},  # a path
    "timeout": {"type": "str", "default": "30s"},
    "run_on": {"type": "str", "choices": ["controller", "host"], "default": "controller"},
}

# Option to environment variable.
ENVIRONMENT = {"client_id": "BW_CLIENTID", "client_secret": "BW_CLIENTSECRET"}

_USER_KEY = re.compile(r"user\.[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\Z", re.IGNORECASE)
_LONGEST = 100  # what Identity takes for either half of a key
_LONGEST_DURATION = 10_000 * 604_800  # seconds; a date that many weeks back there still is, just


class ApiOptions(NamedTuple):
    """The shared options, checked. URLs have no slash at the end; ``timeout`` is in seconds.

    ``verify`` and ``cert`` are as ``requests`` takes them. ``profile``: what kind of server it is.
    """

    api_url: str
    identity_url: str
    client_id: str
    client_secret: str
    device_identifier: str
    verify: Union[bool, str]
    cert: Union[str, Tuple[str, str], None]
    timeout: float
    profile: ServerProfile = SELF_HOSTED


def duration_option(params: Mapping[str, Any], name: str) -> float:
    """Return an option's duration in seconds. Raises ``ApiError`` that names the option."""
    try:
        seconds = parse_duration(params[name])
    except DurationError as error:
        raise ApiError(REQUEST, f"{name}: {error}") from error
    if seconds > _LONGEST_DURATION:
        raise ApiError(REQUEST, f"{name} is longer than 10000w.")
    return seconds


def read_options(
    params: Mapping[str, Any], environment: Optional[Mapping[str, str]] = None, profile: ServerProfile = SELF_HOSTED
) -> ApiOptions:
    """Check the shared options. Raises ``ApiError`` (layer ``request``, or ``tls`` for certificates).

    ``environment``: the variables that stand in for options (``ENVIRONMENT``), for what is said of a missing one.
    """
    url = _url(params, "url")
    api_url = _url(params, "api_url") or (url and f"{url}/api")
    identity_url = _url(params, "identity_url") or (url and f"{url}/identity")
    if not api_url or not identity_url:
        raise ApiError(
            REQUEST, "url is missing.", advice="Set it to the address of the server, https://vault.example.com."
        )
    client_id, client_secret = _api_key(params, environment or ENVIRONMENT)
    timeout = duration_option(params, "timeout")
    if timeout <= 0:
        raise ApiError(REQUEST, "timeout must be more than 0s.")
    return ApiOptions(
        api_url=api_url,
        identity_url=identity_url,
        client_id=client_id,
        client_secret=client_secret,
        device_identifier=device_identifier(client_id, identity_url),
        verify=_verify(params),
        cert=_client_certificate(params),
        timeout=timeout,
        profile=profile,
    )


def device_identifier(client_id: str, server: str) -> str:
    """Return the same GUID for a key on a server, wherever the task runs.

    Each identifier that the server has not seen makes a device row and sends its user a "new device" e-mail.
    """
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"selfhosted.bitwarden/{client_id.lower()}@{server.lower()}"))


def _url(params: Mapping[str, Any], name: str) -> Optional[str]:
    text = str(params.get(name) or "").strip()
    if not text:
        return None
    bad: bool
    try:
        parts = urlsplit(text)
        bad = parts.scheme not in ("http", "https") or not parts.hostname or bool(parts.query or parts.fragment)
        secret = bool(parts.username or parts.password)
        bad = bad or (parts.port or 1) < 1 or " " in text or not text.isprintable()
    except ValueError:
        bad, secret = True, "@" in text
    if secret:  # not repeated in the message: it may hold a password
        raise ApiError(REQUEST, f"{name} must not hold a user name or password.")
    if bad:
        raise ApiError(
            REQUEST, f"{name} is not an address of a server: {text!r}.", advice="Write it as https://vault.example.com."
        )
    return text.rstrip("/")


def _api_key(params: Mapping[str, Any], environment: Mapping[str, str]) -> Tuple[str, str]:
    client_id, client_secret = str(params.get("client_id") or ""), str(params.get("client_secret") or "")
    where = "Set {0}, or {1} in the environment of the controller, to a user's personal API key."
    for name, value in (("client_id", client_id), ("client_secret", client_secret)):
        if not value:
            raise ApiError(REQUEST, f"{name} is missing.", advice=where.format(name, environment[name]))
        if value != value.strip() or "\n" in value:
            raise ApiError(REQUEST, f"{name} has blanks or line ends around it.", advice="Check how it was copied.")
        if not is_text(value):
            raise ApiError(REQUEST, f"{name} is not UTF-8 text.", advice="Check how it was copied.")
        if len(value) > _LONGEST:
            raise ApiError(REQUEST, f"{name} is longer than the {_LONGEST} characters that a server takes.")
    if not _USER_KEY.match(client_id):
        kind = client_id.split(".", maxsplit=1)[0]
        shown = {"organization": "an organization's key", "installation": "an installation's key"}.get(
            kind, "no API key"
        )
        raise ApiError(
            REQUEST,
            f"client_id belongs to {shown}: a user's personal API key is needed, user.<id>.",
            advice="An owner of the organization finds it in the web vault: Settings, Security, Keys, View API key.",
        )
    # The prefix counts with its case.
    return "user." + client_id[5:], client_secret


def is_text(value: str) -> bool:
    """Tell whether ``value`` is UTF-8 text; Python keeps other bytes of the environment as lone surrogates."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _existing(params: Mapping[str, Any], name: str) -> Optional[Path]:
    if not params.get(name):
        return None
    path = Path(str(params[name]))
    try:
        if not path.is_dir():
            with path.open("rb"):
                pass
    except OSError as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        where = "host" if params.get("run_on") == "host" else "controller"
        raise ApiError(TLS, f"{name} {reason} on the {where}: {path}.") from error
    return path


def _verify(params: Mapping[str, Any]) -> Union[bool, str]:
    ca_path = _existing(params, "ca_path")
    if not params.get("validate_certs", True):
        return False
    return True if ca_path is None else str(ca_path)


def _client_certificate(params: Mapping[str, Any]) -> Union[str, Tuple[str, str], None]:
    cert, key = _existing(params, "client_cert"), _existing(params, "client_key")
    if cert is None:
        if key is not None:
            raise ApiError(TLS, "client_key needs client_cert.")
        return None
    for name, path in (("client_cert", cert), ("client_key", key)):
        # OpenSSL would ask for the password on the terminal, and wait.
        if path is not None and path.is_file() and b"ENCRYPTED" in path.read_bytes():
            raise ApiError(TLS, f"{name} is protected by a password: {path}.", advice="Use a key without one.")
    return str(cert) if key is None else (str(cert), str(key))
