# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``nginx/default.conf``: TLS in front of the services, whose names nginx looks up once, when it starts."""

from __future__ import annotations

from .configuration import Configuration

_HEADERS = """
    proxy_set_header Host $host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
"""
_ALIVE = """
    location = /alive {
        default_type text/plain;
        return 200 $date_gmt;
    }
    location / {
        proxy_pass http://web:5000/;
    }
"""
_LOCATIONS = {
    **dict.fromkeys(("api", "identity", "attachments", "icons", "notifications", "events"), "/"),
    **dict.fromkeys(("sso", "admin"), ""),
}


def nginx_site(config: Configuration) -> str:
    """Return the file. With a certificate's path that is null nginx does not start, as on a real server."""
    listen = f"    listen 8080 default_server;\n    server_name {config.domain};\n"
    locations = _body(config)
    if not config.flag("ssl"):
        return f"server {{\n{listen}{locations}}}\n"
    tls = "".join(f"    {name} {value};\n" for name, value in _tls(config))
    secure = f"    listen 8443 ssl default_server;\n    server_name {config.domain};\n{tls}"
    return f"server {{\n{listen}    return 301 {config.url}$request_uri;\n}}\n\nserver {{\n{secure}{locations}}}\n"


def _tls(config: Configuration) -> list[tuple[str, str]]:
    if config.flag("ssl_managed_lets_encrypt"):
        folder = f"/etc/letsencrypt/live/{config.domain}"
        files = {"certificate": "fullchain.pem", "certificate_key": "privkey.pem"}
        named = [(f"ssl_{name}", f"{folder}/{file}") for name, file in files.items()]
        authority, parameters = f"{folder}/fullchain.pem", f"{folder}/dhparam.pem"
    else:
        named = [
            ("ssl_certificate", config.text("ssl_certificate_path")),
            ("ssl_certificate_key", config.text("ssl_key_path")),
        ]
        authority, parameters = config.text("ssl_ca_path"), config.text("ssl_diffie_hellman_path")
    named += [("ssl_dhparam", parameters)] if parameters else []
    named.append(("ssl_protocols", config.text("ssl_versions") or "TLSv1.2 TLSv1.3"))
    if config.text("ssl_ciphersuites"):
        named.append(("ssl_ciphers", f'"{config.text("ssl_ciphersuites")}"'))
    if config.text("ssl_curves"):
        named.append(("ssl_ecdh_curve", config.text("ssl_curves")))
    if authority:
        named += [("ssl_stapling", "on"), ("ssl_stapling_verify", "on"), ("ssl_trusted_certificate", authority)]
        named.append(("resolver", "1.1.1.1 1.0.0.1 9.9.9.9 149.112.112.112 valid=300s"))
    return named


def _body(config: Configuration) -> str:
    locations = dict(_LOCATIONS)
    locations.update({"key-connector": "/"} if config.flag("enable_key_connector") else {})
    locations.update({"scim": "/"} if config.flag("enable_scim") else {})
    lines = [_HEADERS]
    if config.real_ips:
        lines.append("".join(f"    set_real_ip_from {address};\n" for address in config.real_ips))
        lines.append("    real_ip_header X-Forwarded-For;\n    real_ip_recursive on;\n")
    lines.append(_ALIVE)
    for path, rest in locations.items():
        lines.append(f"    location /{path}/ {{\n        proxy_pass http://{path}:5000{rest};\n    }}\n")
    lines.append("    include /etc/bitwarden/nginx/extra-locations/*.conf;\n")
    return "".join(lines)
