# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that Bitwarden's setup tool generates anew at each update: Compose file, nginx site, built-in env files."""

from __future__ import annotations

from urllib.parse import urlsplit

REGISTRY = "registry.fleet.test:5000/bitwarden"
_CHAIN = ("global.env", "../env/uid.env", "../env/global.override.env")
_SHORT_CHAIN = _CHAIN[:2]
_CORE = ["../core:/etc/bitwarden/core", "../ca-certificates:/etc/bitwarden/ca-certificates"]
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
"""


def compose_file(version: str, registry: str = REGISTRY) -> str:
    """``docker/docker-compose.yml`` for images of ``version``."""
    parts = ["# Generated at each update: changes belong into docker-compose.override.yml.\n\nservices:\n"]
    for service in ("mssql", *_UPSTREAMS, "nginx"):
        parts.append("\n".join(_service(service, version, registry)) + "\n")
    parts.append("networks:\n  default:\n    internal: true\n  public:\n    internal: false\n")
    return "\n".join(parts)


def _service(service: str, version: str, registry: str) -> list[str]:
    lines = [
        f"  {service}:",
        f"    image: {registry}/{service}:{version}",
        f"    container_name: bitwarden-{service}",
        "    restart: always",
    ]
    if service == "mssql":
        lines.append("    stop_grace_period: 60s")
    lines += _list("volumes", _volumes(service))
    lines += _list("env_file", _env_files(service))
    if service in {"api", "admin", "identity", "sso"}:
        lines += _list("depends_on", ["mssql"])
    if service == "nginx":
        lines += _list("depends_on", list(_UPSTREAMS))
        lines += _list("ports", ["'80:8080'", "'443:8443'"])
    if service not in {"mssql", "web", "attachments"}:
        lines += _list("networks", ["default", "public"])
    return lines


def _list(name: str, items: list[str]) -> list[str]:
    return [f"    {name}:", *(f"      - {item}" for item in items)] if items else []


def _volumes(service: str) -> list[str]:
    special = {
        "mssql": ["../mssql/data:/var/opt/mssql/data", "../logs/mssql:/var/opt/mssql/log",
                  "../mssql/backups:/etc/bitwarden/mssql/backups"],
        "web": ["../web:/etc/bitwarden/web"],
        "attachments": ["../core/attachments:/etc/bitwarden/core/attachments"],
        "identity": [*_CORE, "../identity:/etc/bitwarden/identity", "../logs/identity:/etc/bitwarden/logs"],
        "nginx": ["../nginx:/etc/bitwarden/nginx", "../letsencrypt:/etc/letsencrypt", "../ssl:/etc/ssl",
                  "../logs/nginx:/var/log/nginx"],
    }  # fmt: skip
    return special.get(service, [*_CORE, f"../logs/{service}:/etc/bitwarden/logs"])


def _env_files(service: str) -> list[str]:
    if service == "mssql":
        return ["mssql.env", "../env/uid.env", "../env/mssql.override.env"]
    if service == "nginx":
        return ["../env/uid.env"]
    return list(_SHORT_CHAIN if service in {"web", "attachments", "icons"} else _CHAIN)


def nginx_site(url: str) -> str:
    """``nginx/default.conf``: TLS in front of the services, whose names nginx looks up once, when it starts."""
    domain = urlsplit(url).hostname or "localhost"
    headers = "\n".join(
        f"    proxy_set_header {name} {value};"
        for name, value in (
            ("Host", "$host"),
            ("X-Real-IP", "$remote_addr"),
            ("X-Forwarded-For", "$proxy_add_x_forwarded_for"),
            ("X-Forwarded-Proto", "$scheme"),
        )
    )
    locations = "\n".join(
        f"    location /{path}/ {{\n        proxy_pass http://{path}:5000{rest};\n    }}"
        for path, rest in (
            ("api", "/"),
            ("identity", "/"),
            ("attachments", "/"),
            ("icons", "/"),
            ("notifications", "/"),
            ("events", "/"),
            ("sso", ""),
            ("admin", ""),
        )
    )
    return f"""\
server {{
    listen 8080 default_server;
    server_name {domain};
    return 301 https://$host$request_uri;
}}

server {{
    listen 8443 ssl default_server;
    server_name {domain};
    ssl_certificate /etc/ssl/{domain}/certificate.crt;
    ssl_certificate_key /etc/ssl/{domain}/private.key;
{headers}

    location = /alive {{
        default_type text/plain;
        return 200 $date_gmt;
    }}
    location / {{
        proxy_pass http://web:5000/;
    }}
{locations}
}}
"""
