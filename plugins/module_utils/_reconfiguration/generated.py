# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that the setup tool generates from config.yml: which keys of it they do not follow (yet)."""

from __future__ import annotations

import os
import re
from typing import Dict, List, Mapping, NamedTuple, Optional, Set

from .._common.setting_names import PUSH_URL, VAULT_URL
from .._compose.composition import Composition, Port, parse_config
from .._config_yml.keys import COMPOSE, NGINX, Value, host_name_of
from .._deployment.deployment import Deployment
from .._env_files.document import canonical

COMPOSE_FILE = "docker/docker-compose.yml"
SITE = "nginx/default.conf"
#: What the setup tool writes at a rebuild, as far as it exists.
FILES = (
    *("config.yml", COMPOSE_FILE, "docker/global.env", "docker/mssql.env", SITE, "web/app-id.json"),
    *("env/global.override.env", "env/mssql.override.env", "env/key-connector.override.env"),
    "identity/identity.pfx",
)
# What stands for "no push" in the settings.
_NO_PUSH = "REPLACE"
_SERVICES = {"enable_key_connector": "key-connector", "enable_scim": "scim", "enable_built_in_ms_sql": "mssql"}
_TEXTS = {"ssl_versions": "ssl_protocols", "ssl_ciphersuites": "ssl_ciphers", "ssl_curves": "ssl_ecdh_curve"}
_PATHS = {
    "ssl_certificate_path": "ssl_certificate",
    "ssl_key_path": "ssl_certificate_key",
    "ssl_ca_path": "ssl_trusted_certificate",
    "ssl_diffie_hellman_path": "ssl_dhparam",
}


class Generated(NamedTuple):
    """The generated files: what Compose makes of its own one, nginx' site, and the settings of the server.

    None where a file is missing, or is not generated.
    """

    composition: Optional[Composition]
    site: Optional[str]
    settings: Mapping[str, str]

    @classmethod
    def read(cls, deployment: Deployment, values: Mapping[str, Value]) -> Generated:
        """Read them. Raises ``ComposeError`` and ``EnvFileError``."""
        generated = os.path.join(deployment.bwdata, COMPOSE_FILE)
        described = deployment.project.describe([generated]) if values[COMPOSE] else ""
        path = os.path.join(deployment.bwdata, "env", "global.override.env")
        settings = deployment.env_files().get(path)
        return cls(
            parse_config(described) if described else None,
            _text(os.path.join(deployment.bwdata, SITE)) if values[NGINX] else None,
            {canonical(key): value for key, value in settings.values().items()} if settings else {},
        )

    def images(self) -> Dict[str, str]:
        """Return service → image as the generated Compose file has them."""
        return {name: one.image for name, one in self.composition.services.items()} if self.composition else {}

    def deviations(self, values: Mapping[str, Value]) -> List[str]:
        """Return the keys of config.yml whose values (all are in ``values``) the files do not have."""
        found = set(self._of_settings(values))
        if self.composition is not None:
            found |= _of_compose(self.composition, values)
        if self.site is not None:
            found |= _of_site(self.site, values)
        return [name for name in values if name in found]

    def _of_settings(self, values: Mapping[str, Value]) -> Set[str]:
        found = set()
        url = self.settings.get(canonical(VAULT_URL))
        if url is not None and url != values["url"]:
            found.add("url")
        push = self.settings.get(canonical(PUSH_URL))
        if (push == _NO_PUSH) if values["push_notifications"] else (push is None):
            found.add("push_notifications")
        return found


def ports_of(values: Mapping[str, Value]) -> Dict[str, Port]:
    """Return the ports that config.yml publishes, by their keys."""
    found = {}
    for name in ("http_port", "https_port"):
        address, _colon, number = str(values[name] or "").rpartition(":")
        if number.isdecimal():
            found[name] = Port(address.strip("[]"), int(number), "tcp")
    return found


def _of_compose(composition: Composition, values: Mapping[str, Value]) -> Set[str]:
    services = composition.services
    found = {name for name, service in _SERVICES.items() if (service in services) != values[name]}
    nginx = services.get("nginx")
    if nginx is not None:
        desired, actual = ports_of(values), set(nginx.ports)
        found |= {name for name, port in desired.items() if port not in actual}
        if actual - set(desired.values()):
            found |= {name for name in ("http_port", "https_port") if name not in desired}
    if "mssql" in services:
        in_volume = any(one.key == "mssql_data" for one in composition.volumes)
        found |= {"database_docker_volume"} if in_volume != values["database_docker_volume"] else set()
    return found


def _of_site(site: str, values: Mapping[str, Value]) -> Set[str]:
    directives: Dict[str, Set[str]] = {}
    for name, value in re.findall(r"^\s*([a-z_]+)\s+([^;{}]+);", site, re.MULTILINE):
        directives.setdefault(name, set()).add(value.strip().strip('"'))
    found = set()
    names = {name.lower() for name in directives.get("server_name", ())}
    if names and names != {host_name_of(str(values["url"]))}:
        found.add("url")
    if bool(directives.get("ssl_certificate")) != values["ssl"]:
        return {*found, "ssl"}
    if values["ssl"]:
        found |= {key for key, name in _TEXTS.items() if values[key] and directives.get(name) != {values[key]}}
        managed = any("/etc/letsencrypt/" in path for path in directives.get("ssl_certificate", ()))
        if values["ssl_managed_lets_encrypt"]:
            found |= set() if managed else {"ssl_managed_lets_encrypt"}
        else:
            found |= {key for key, name in _PATHS.items() if directives.get(name, set()) != _set(values[key])}
    real_ips = values["real_ips"] or ()
    if directives.get("set_real_ip_from", set()) != set(real_ips if isinstance(real_ips, tuple) else ()):
        found.add("real_ips")
    policy = values["nginx_header_content_security_policy"]
    if policy and f'"{policy}"' not in site:
        found.add("nginx_header_content_security_policy")
    return found


def _set(value: Value) -> Set[object]:
    return set() if value is None else {value}


def _text(path: str) -> Optional[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except FileNotFoundError:
        return None
