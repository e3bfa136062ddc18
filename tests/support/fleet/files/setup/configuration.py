# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``config.yml``: its keys with their defaults, read and written as the real tool does."""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, Optional, Tuple, Union
from urllib.parse import urlsplit

Value = Union[str, bool, List[str], None]
_ON_PATHS = "A path inside the container of nginx, where /etc/ssl is bwdata/ssl."
# Key -> default and the comment that is written above it.
KEYS: Dict[str, Tuple[Value, str]] = {
    "url": ("https://localhost", "Run rebuild or update after each change.\n\nAddress for browsers. (Required)"),
    "generate_compose_config": (True, "Generate docker/docker-compose.yml."),
    "generate_nginx_config": (True, "Generate nginx/default.conf."),
    "http_port": ("80", "Port for HTTP. Leave empty to publish none."),
    "https_port": ("443", "Port for HTTPS. Leave empty to publish none."),
    "ssl": (True, "Serve TLS."),
    "ssl_versions": (None, "nginx's ssl_protocols. Leave empty for the default."),
    "ssl_ciphersuites": (None, "nginx's ssl_ciphers. Leave empty for the default."),
    "ssl_curves": (None, "nginx's ssl_ecdh_curve. Leave empty for the default."),
    "ssl_managed_lets_encrypt": (False, "The certificate is managed with Let's Encrypt."),
    "ssl_certificate_path": (None, f"The certificate.\n{_ON_PATHS}"),
    "ssl_key_path": (None, f"Its private key.\n{_ON_PATHS}"),
    "ssl_ca_path": (None, f"The authority's certificate, if the certificate is trusted.\n{_ON_PATHS}"),
    "ssl_diffie_hellman_path": (None, f"Diffie-Hellman parameters.\n{_ON_PATHS}"),
    "nginx_header_content_security_policy": (None, "The header of that name. You are responsible for it once set."),
    "push_notifications": (True, "Use the push relay."),
    "database_docker_volume": (False, "Keep the database in the volume mssql_data.\nA change loses its data."),
    "real_ips": (None, "Proxies in front of nginx, for instance ['10.10.0.0/24']."),
    "enable_key_connector": (False, "Run Key Connector."),
    "enable_scim": (False, "Run SCIM."),
    "enable_built_in_ms_sql": (True, "Run the database in a container."),
}  # fmt: skip


class Malformed(Exception):
    """The real tool crashes on this file: not YAML, or a value of another type."""


class Configuration:
    """The values of all keys; one that a file lacks has its default."""

    def __init__(self, values: Optional[Dict[str, Value]] = None) -> None:
        self.values: Dict[str, Value] = {key: default for key, (default, _comment) in KEYS.items()}
        self.values.update(values or {})

    def flag(self, key: str) -> bool:
        """Return a boolean."""
        return bool(self.values[key])

    def text(self, key: str) -> str:
        """Return a text; empty for null."""
        value = self.values[key]
        return value if isinstance(value, str) else ""

    @property
    def real_ips(self) -> List[str]:
        value = self.values["real_ips"]
        return value if isinstance(value, list) else []

    @property
    def url(self) -> str:
        return self.text("url")

    @property
    def domain(self) -> str:
        """Return the host of the URL."""
        return urlsplit(self.url).hostname or ""

    def write(self) -> str:
        """Return the file: all keys in their order, each below its comment; what else there was is lost."""
        lines: List[str] = []
        for key, (_default, comment) in KEYS.items():
            lines += ["# ", *(f"# {line}" for line in comment.split("\n"))]
            value = self.values[key]
            if isinstance(value, list):
                lines += [f"{key}:", *(f"- {_scalar(item)}" for item in value)]
            else:
                lines.append(f"{key}: {_scalar(value)}")
        return "\n".join(lines) + "\n"


def read(text: str) -> Configuration:
    """Read the values of a file; unknown keys are passed over."""
    values: Dict[str, Value] = {}
    last = ""
    for line in text.splitlines():
        bare = _without_comment(line)
        item = re.match(r"\s*-\s*(.*)$", bare)
        if not bare.strip() or bare.strip() == "---":
            continue
        if item and last:
            found = values.get(last)
            values[last] = [*(found if isinstance(found, list) else []), str(_parse(item.group(1)) or "")]
            continue
        match = re.match(r"([\w.-]+):(?:\s+(.*))?$", bare)
        if match is None:
            raise Malformed(f"(Line: {text.splitlines().index(line) + 1}): while parsing config.yml")
        last = match.group(1)
        values[last] = _parse((match.group(2) or "").strip())
    return Configuration({key: _typed(key, value) for key, value in values.items() if key in KEYS})


def of_old_files(known: Mapping[str, Value], site: Optional[str]) -> Configuration:
    """Guess the configuration of an installation without the file: by its URL and by nginx's site."""
    config = Configuration({**known})
    if site is None:
        return config
    self_signed = "/etc/ssl/self/" in site
    managed = not self_signed and "/etc/letsencrypt/live/" in site
    config.values.update({"ssl": managed or "ssl;" in site or " ssl " in site, "ssl_managed_lets_encrypt": managed})
    if config.flag("ssl") and not managed:
        folder = f"/etc/ssl/{'self/' if self_signed else ''}{config.domain}"
        config.values["ssl_certificate_path"] = f"{folder}/certificate.crt"
        config.values["ssl_key_path"] = f"{folder}/private.key"
        if "ssl_trusted_certificate " in site:
            config.values["ssl_ca_path"] = f"{folder}/ca.crt"
    return config


def _typed(key: str, value: Value) -> Value:
    default = KEYS[key][0]
    if key == "real_ips":
        if isinstance(value, str):
            raise Malformed(f"{key}: a list is wanted")
        return value
    if isinstance(default, bool):
        if str(value).lower() not in {"true", "false"}:
            raise Malformed(f"{key}: a boolean is wanted")
        return str(value).lower() == "true"
    if isinstance(value, list):
        raise Malformed(f"{key}: a text is wanted")
    return value


def _parse(text: str) -> Value:
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text.startswith("[") and text.endswith("]"):
        return [str(_parse(item.strip()) or "") for item in text[1:-1].split(",") if item.strip()]
    if text[0] in "'\"":
        if len(text) == 1 or text[-1] != text[0]:
            raise Malformed("while scanning a quoted scalar, found unexpected end of stream")
        return text[1:-1].replace("''", "'") if text[0] == "'" else text[1:-1].replace('\\"', '"')
    return text


def _without_comment(line: str) -> str:
    quoted = re.match(r"""\s*(?:[\w.-]+:|-)\s*(?:'(?:[^']|'')*'|"(?:[^"\\]|\\.)*")\s*""", line)
    end = quoted.end() if quoted else 0
    return line[:end] + re.sub(r"(^|\s)#.*$", "", line[end:])


def _scalar(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    if not text or re.search(r"^[\s\-?:,\[\]{}#&*!|>'\"%@`]|: |:$| #|\s$", text):
        return "'" + text.replace("'", "''") + "'"
    return text
