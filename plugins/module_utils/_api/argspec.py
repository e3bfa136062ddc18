# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that all API modules share, and their checked values."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from types import MappingProxyType
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple, TypeVar, Union

from .._common.durations import DurationError, parse_duration
from .addresses import read_addresses
from .errors import REQUEST, SELF_HOSTED, TLS, ApiError, ServerProfile
from .headers import read_headers

# The argument specification; the action plugins add the fallback to the controller's environment.
API_OPTIONS: Dict[str, Any] = {
    "url": {"type": "str"},
    "api_url": {"type": "str"},
    "identity_url": {"type": "str"},
    "client_id": {"type": "str"},
    "client_secret": {"type": "str", "no_log": True},
    "headers": {"type": "dict", "no_log": True},
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
_QUOTES = tuple("\"'`\u2018\u2019\u201c\u201d")
_LONGEST_DURATION = 10_000 * 604_800  # seconds; a date that many weeks back there still is, just

_Value = TypeVar("_Value")


class ApiOptions(NamedTuple):
    """The shared options, checked. URLs have no slash at the end; ``timeout`` is in seconds.

    ``verify``: whether the server's certificate is checked, or a path of what is trusted. ``cert``: the client's
    certificate, or (certificate, key). ``profile``: what kind of server it is. ``headers``: more of
    them for each request, of secret values.
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
    headers: Mapping[str, str] = MappingProxyType({})


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
    """Check the shared options. Raises ``ApiError`` that names all that is wrong with them.

    Its layer is ``request``, or ``tls`` for certificates. ``environment``: the variables that stand in for options
    (``ENVIRONMENT``), for what is said of a missing one.
    """
    problems: List[ApiError] = []

    def checked(read: Callable[[], _Value], otherwise: _Value) -> _Value:
        try:
            return read()
        except ApiError as error:
            problems.append(error)
            return otherwise

    api_url, identity_url = checked(lambda: read_addresses(params, profile), ("", ""))
    client_id = checked(lambda: _client_id(params, environment or ENVIRONMENT), "")
    client_secret = checked(lambda: _key_part(params, "client_secret", environment or ENVIRONMENT), "")
    verify: Union[bool, str] = True
    verify = checked(lambda: _verify(params), verify)
    options = ApiOptions(
        api_url=api_url,
        identity_url=identity_url,
        client_id=client_id,
        client_secret=client_secret,
        device_identifier=device_identifier(client_id, identity_url),
        verify=verify,
        cert=checked(lambda: _client_certificate(params), None),
        timeout=checked(lambda: _timeout(params), 0.0),
        profile=profile,
        headers=checked(lambda: read_headers(params), {}),
    )
    if len(problems) > 1:
        raise ApiError(REQUEST, " ".join(str(problem) for problem in problems))
    if problems:
        raise problems[0]
    return options


def _timeout(params: Mapping[str, Any]) -> float:
    timeout = duration_option(params, "timeout")
    if timeout <= 0:
        raise ApiError(REQUEST, "timeout must be more than 0s.")
    return timeout


def device_identifier(client_id: str, server: str) -> str:
    """Return the same GUID for a key on a server, wherever the task runs.

    Each identifier that the server has not seen makes a device row and sends its user a "new device" e-mail.
    """
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"selfhosted.bitwarden/{client_id.lower()}@{server.lower()}"))


def _key_part(params: Mapping[str, Any], name: str, environment: Mapping[str, str]) -> str:
    """Return one half of the API key. Raises ``ApiError``."""
    value = str(params.get(name) or "")
    if not value:
        variable = f"{environment[name]} in the environment of the controller"
        advice = f"Set {name}, or {variable}, to a user's personal API key."
        raise ApiError(REQUEST, f"{name} is missing.", advice=advice)
    if value != value.strip() or "\n" in value:
        raise ApiError(REQUEST, f"{name} has blanks or line ends around it.", advice="Check how it was copied.")
    require_unquoted(name, value)
    if not is_text(value):
        raise ApiError(REQUEST, f"{name} is not UTF-8 text.", advice="Check how it was copied.")
    if len(value) > _LONGEST:
        raise ApiError(REQUEST, f"{name} is longer than the {_LONGEST} characters that a server takes.")
    return value


def _client_id(params: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    """Return the client id of a user's key. Raises ``ApiError``."""
    client_id = _key_part(params, "client_id", environment)
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
    return "user." + client_id[5:]  # the prefix counts with its case


def require_unquoted(name: str, value: str) -> None:
    """Raise ``ApiError`` for a key or token with quotes around it; Bitwarden's have none in them."""
    if value[:1] in _QUOTES or value[-1:] in _QUOTES:
        raise ApiError(REQUEST, f"{name} has quotes around it.", advice="Leave them out: they are not part of it.")


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
