# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keys of config.yml: the type, the default and the allowed values of each, and which of them contradict."""

from __future__ import annotations

import difflib
import ipaddress
import re
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union
from urllib.parse import urlsplit

from .._common.errors import BitwardenError

#: A value as the setup tool reads it: an empty one is None, whatever its type.
Value = Union[None, bool, str, Tuple[str, ...]]

COMPOSE = "generate_compose_config"
NGINX = "generate_nginx_config"

_TRUE = ("true", "yes", "y", "on")
_FALSE = ("false", "no", "n", "off")

# Where the container of nginx has which folder of bwdata.
_MOUNTED = {
    "/etc/ssl/": "ssl/",
    "/etc/letsencrypt/": "letsencrypt/",
    "/etc/bitwarden/nginx/": "nginx/",
}
_TLS_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_NGINX_LIST = re.compile(r"[A-Za-z0-9_:!+@.=-]+\Z")


class ConfigError(BitwardenError):
    """Values for config.yml that cannot be used. The message names every one."""


class ConfigKey(NamedTuple):
    """A key: its ``kind`` (a key of ``_CHECKS``), its default, and the key without which it has no effect."""

    kind: str
    default: Value = None
    needs: str = ""


CONFIG_KEYS: Dict[str, ConfigKey] = {
    "url": ConfigKey("url", "https://localhost"),
    COMPOSE: ConfigKey("bool", True),
    NGINX: ConfigKey("bool", True),
    "http_port": ConfigKey("port", "80", COMPOSE),
    "https_port": ConfigKey("port", "443", COMPOSE),
    "ssl": ConfigKey("bool", True, NGINX),
    "ssl_versions": ConfigKey("tls_versions", None, NGINX),
    "ssl_ciphersuites": ConfigKey("nginx_list", None, NGINX),
    "ssl_curves": ConfigKey("nginx_list", None, NGINX),
    "ssl_managed_lets_encrypt": ConfigKey("bool", False),
    "ssl_certificate_path": ConfigKey("path", None, NGINX),
    "ssl_key_path": ConfigKey("path", None, NGINX),
    "ssl_ca_path": ConfigKey("path", None, NGINX),
    "ssl_diffie_hellman_path": ConfigKey("path", None, NGINX),
    "nginx_header_content_security_policy": ConfigKey("header", None, NGINX),
    "push_notifications": ConfigKey("bool", True),
    "database_docker_volume": ConfigKey("bool", False, COMPOSE),
    "real_ips": ConfigKey("networks", None, NGINX),
    "enable_key_connector": ConfigKey("bool", False, COMPOSE),
    "enable_scim": ConfigKey("bool", False, COMPOSE),
    "enable_built_in_ms_sql": ConfigKey("bool", True, COMPOSE),
}


def read_config(config: Mapping[object, object]) -> Dict[str, Value]:
    """Return the values that an option ``config`` gives, each with its type. Raises ``ConfigError``."""
    values, faults = checked_config(config)
    if faults:
        raise ConfigError(" ".join(faults))
    return values


def checked_config(config: Mapping[object, object]) -> Tuple[Dict[str, Value], List[str]]:
    """Return the values that can be used, and one sentence or two for each that cannot."""
    values: Dict[str, Value] = {}
    faults = []
    for given, value in config.items():
        name = str(given)
        if name not in CONFIG_KEYS:
            faults.append(f"config: {name} is not a key of config.yml.{_hint(name)}")
            continue
        try:
            values[name] = typed(name, value)
        except ValueError as error:
            faults.append(f"config.{name}: {error}")
    return values, faults


def typed(name: str, value: object) -> Value:
    """Return a value of the key ``name`` with its type. Raises ``ValueError`` that says what it takes."""
    key = CONFIG_KEYS[name]
    empty = value is None or value in ("", [], ())
    if empty and (key.kind == "bool" or name == "url"):
        raise ValueError("it is empty. Give it a value, or leave it out to keep the one in the file.")
    return None if empty else _CHECKS[key.kind](value)


def boolean(value: object) -> bool:
    """Return the truth value that the setup tool reads in ``value``. Raises ``ValueError``."""
    text = str(value).lower()
    if not isinstance(value, (bool, str)) or text not in (*_TRUE, *_FALSE):
        raise ValueError(f"{value!r} is not true or false.")
    return text in _TRUE


def shown(value: Value) -> str:
    """Return a value as diffs and messages show it."""
    if value is None:
        return "(empty)"
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else ", ".join(value)


def contradictions(values: Mapping[str, Value]) -> List[str]:
    """Return why the values of all keys together would leave nginx unable to start, or the server unreachable."""
    found = []
    ports = [values[name] for name in ("http_port", "https_port") if values[name] is not None]
    if len(set(ports)) < len(ports):
        found.append(f"config: http_port and https_port are both {shown(ports[0])}. Give them different ports.")
    if not values["ssl"]:
        return found
    if not values["ssl_managed_lets_encrypt"]:
        missing = [name for name in ("ssl_certificate_path", "ssl_key_path") if values[name] is None]
        if missing:
            found.append(
                f"config: ssl is true, and {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} empty. Set "
                "the path in the container of nginx (/etc/ssl/… is bwdata/ssl/…), or set ssl to false."
            )
    if str(values["url"]).startswith("http://"):
        found.append("config: url begins with http:// and ssl is true. Set url to https://…, or set ssl to false.")
    return found


def without_effect(names: Mapping[str, Value], values: Mapping[str, Value]) -> List[str]:
    """Return a warning for the keys of ``names`` that only count in files that the setup tool is not to generate."""
    found = []
    for switch, file in ((COMPOSE, "docker/docker-compose.yml"), (NGINX, "nginx/default.conf")):
        concerned = sorted(name for name in names if CONFIG_KEYS[name].needs == switch)
        if concerned and values[switch] is False:
            found.append(
                f"config: {switch} is false, so that {', '.join(concerned)} {'has' if len(concerned) == 1 else 'have'} "
                f"no effect. Change {file} yourself."
            )
    return found


def path_below_bwdata(path: str) -> Optional[str]:
    """Return where a file of nginx's container is below bwdata; None where it is not in one of its folders."""
    return next((own + path[len(one) :] for one, own in _MOUNTED.items() if path.startswith(one)), None)


def host_name_of(url: str) -> str:
    """Return the host name of a URL in lower case, empty where it has none."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _hint(name: str) -> str:
    letters = {known.replace("_", ""): known for known in CONFIG_KEYS}
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    near = [plain] if plain in letters else difflib.get_close_matches(plain, letters, n=3, cutoff=0.72)
    meant = " or ".join(letters[one] for one in near)
    return f" Did you mean {meant}?" if near else f" Its keys are {', '.join(CONFIG_KEYS)}."


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError("it is not a text.")
    text = str(value)
    if text != text.strip() or re.search(r"[\x00-\x1f\x7f]", text):
        raise ValueError("it has blanks at an end, or control characters. Remove them.")
    return text


def _url(value: object) -> str:
    text = _text(value)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        port, parts = 0, urlsplit("")
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or not _HOST_NAME.fullmatch(host) or port == 0:
        raise ValueError(f"{text!r} is not the URL of a server. Use https://host, or https://host:port.")
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc or text.endswith(("?", "#")):
        raise ValueError("it has more than scheme, host and port. Leave the rest out, a / at the end included.")
    return text


def _port(value: object) -> str:
    text = _text(value)
    address, _colon, number = text.rpartition(":")
    valid = number.isascii() and number.isdecimal() and 0 < int(number) < 65536
    if not valid or (address and not _is_address(address.strip("[]"))):
        raise ValueError(f"{text!r} is not a port. Use a number up to 65535, address:port, or null to publish none.")
    return f"{address}:{int(number)}" if address else str(int(number))


def _tls_versions(value: object) -> str:
    text = _text(value)
    unknown = [one for one in text.split() if one not in _TLS_VERSIONS]
    if unknown:
        raise ValueError(f"{', '.join(unknown)} is not one of {', '.join(_TLS_VERSIONS)}, separated by blanks.")
    return " ".join(text.split())


def _nginx_list(value: object) -> str:
    text = _text(value)
    if not _NGINX_LIST.match(text):
        raise ValueError(f"{text!r} is not a list of names separated by colons.")
    return text


def _path(value: object) -> str:
    text = _text(value)
    if path_below_bwdata(text) is None or not re.match(r"[A-Za-z0-9_./@+-]+\Z", text) or text.endswith("/"):
        raise ValueError(
            f"{text!r} is not a path of a file in the container of nginx. It begins with {' or '.join(_MOUNTED)} "
            "(bwdata/ssl, …), and has no blanks."
        )
    if ".." in text.split("/"):
        raise ValueError(f"{text!r} leads out of its folder.")
    return text


def _header(value: object) -> str:
    text = _text(value)
    if '"' in text or text.endswith("\\"):
        raise ValueError("nginx reads it between double quotes: it must not have one, nor end with a backslash.")
    return text


def _networks(value: object) -> Tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError("it is not a list of addresses and networks.")
    wrong = [str(one) for one in value if not isinstance(one, str) or not _is_network(one)]
    if wrong:
        raise ValueError(f"{', '.join(wrong)} is not an address (10.10.0.1) or a network (10.10.0.0/24).")
    return tuple(value)


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _is_network(text: str) -> bool:
    try:
        return bool(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return False


_CHECKS: Dict[str, Callable[[object], Value]] = {
    "bool": boolean,
    "url": _url,
    "port": _port,
    "tls_versions": _tls_versions,
    "nginx_list": _nginx_list,
    "path": _path,
    "header": _header,
    "networks": _networks,
}
