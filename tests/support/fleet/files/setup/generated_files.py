# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that Bitwarden's setup tool regenerates at each update: Compose file, nginx site, built-in env files."""

from __future__ import annotations

import json
from typing import NamedTuple

from .configuration import Configuration

REGISTRY = "registry.fleet.test:5000/bitwarden"
_CHAIN = ("global.env", "../env/uid.env", "../env/global.override.env")
_SHORT_CHAIN = _CHAIN[:2]
_AUTHORITIES = "../ca-certificates:/etc/bitwarden/ca-certificates"
_CORE = ["../core:/etc/bitwarden/core", _AUTHORITIES]
_UPSTREAMS = ("web", "attachments", "api", "identity", "sso", "admin", "icons", "notifications", "events")

GLOBAL_ENV = """\
ASPNETCORE_ENVIRONMENT=Production
globalSettings__selfHosted=true
globalSettings__baseServiceUri__vault=http://localhost
globalSettings__pushRelayBaseUri=https://push.bitwarden.com
"""
MSSQL_ENV = """\
ACCEPT_EULA=Y
MSSQL_PID=Express
SA_PASSWORD=SECRET
"""


class Versions(NamedTuple):
    """The tags of the images: of the core, of the web vault and of Key Connector."""

    core: str = "latest"
    web: str = "latest"
    key_connector: str = "latest"

    def of(self, service: str) -> str:
        """Return the tag of a service's image."""
        return {"web": self.web, "key-connector": self.key_connector}.get(service, self.core)


def compose_file(config: Configuration, versions: Versions, registry: str = REGISTRY) -> str:
    """Return ``docker/docker-compose.yml`` for images of these versions."""
    parts = ["# Generated at each update: changes belong in docker-compose.override.yml.\n\nservices:\n"]
    services = ["mssql"] if config.flag("enable_built_in_ms_sql") else []
    services += [*_UPSTREAMS, "nginx"]
    services += [name for name in ("key-connector", "scim") if config.flag(f"enable_{name.replace('-', '_')}")]
    for service in services:
        parts.append("\n".join(_service(service, config, f"{registry}/{service}:{versions.of(service)}")) + "\n")
    if config.flag("database_docker_volume"):
        parts.append("volumes:\n  mssql_data:\n    labels:\n      com.bitwarden.product: bitwarden\n")
    parts.append("networks:\n  default:\n    internal: true\n  public:\n    internal: false\n")
    return "\n".join(parts)


def _service(service: str, config: Configuration, image: str) -> list[str]:
    lines = [
        f"  {service}:",
        f"    image: {image}",
        f"    container_name: bitwarden-{service}",
        "    restart: always",
    ]
    if service == "mssql":
        lines.append("    stop_grace_period: 60s")
    lines += _list("volumes", _volumes(service, config))
    lines += _list("env_file", _env_files(service))
    if service in {"api", "admin", "identity", "sso"} and config.flag("enable_built_in_ms_sql"):
        lines += _list("depends_on", ["mssql"])
    if service == "nginx":
        lines += _list("depends_on", list(_UPSTREAMS))
        ports = {8080: config.text("http_port").strip(), 8443: config.text("https_port").strip()}
        lines += _list("ports", [f"'{port}:{inside}'" for inside, port in ports.items() if port])
    if service not in {"mssql", "web", "attachments"}:
        lines += _list("networks", ["default", "public"])
    return lines


def _list(name: str, items: list[str]) -> list[str]:
    return [f"    {name}:", *(f"      - {item}" for item in items)] if items else []


def _volumes(service: str, config: Configuration) -> list[str]:
    data = "mssql_data" if config.flag("database_docker_volume") else "../mssql/data"
    special = {
        "mssql": [f"{data}:/var/opt/mssql/data", "../logs/mssql:/var/opt/mssql/log",
                  "../mssql/backups:/etc/bitwarden/mssql/backups"],
        "web": ["../web:/etc/bitwarden/web"],
        "attachments": ["../core/attachments:/etc/bitwarden/core/attachments"],
        "identity": [*_CORE, "../identity:/etc/bitwarden/identity", "../logs/identity:/etc/bitwarden/logs"],
        "nginx": ["../nginx:/etc/bitwarden/nginx", "../letsencrypt:/etc/letsencrypt", "../ssl:/etc/ssl",
                  "../logs/nginx:/var/log/nginx"],
        "key-connector": ["../key-connector:/etc/bitwarden/key-connector", _AUTHORITIES,
                          "../logs/key-connector:/etc/bitwarden/logs"],
    }  # fmt: skip
    return special.get(service, [*_CORE, f"../logs/{service}:/etc/bitwarden/logs"])


def _env_files(service: str) -> list[str]:
    if service == "mssql":
        return ["mssql.env", "../env/uid.env", "../env/mssql.override.env"]
    if service == "key-connector":
        return ["../env/uid.env", "../env/key-connector.override.env"]
    if service == "nginx":
        return ["../env/uid.env"]
    return list(_SHORT_CHAIN if service in {"web", "attachments", "icons"} else _CHAIN)


def app_id(url: str) -> str:
    """Return ``web/app-id.json``."""
    facets = [{"version": {"major": 1, "minor": 0}, "ids": [url, "ios:bundle-id:com.8bit.bitwarden"]}]
    return json.dumps({"trustedFacets": facets}, indent=2) + "\n"
