# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host in memory whose server has a config.yml, what is generated from it, and an nginx with a certificate."""

from __future__ import annotations

import json
import re

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._certificates.pem import read_certificate
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import Result
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._config_yml.document import ConfigDocument
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._config_yml.keys import (
    CONFIG_KEYS,
    path_below_bwdata,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.client import Response
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._reconfiguration import served as served_module

from tests.support.certificates import issue

from .._deployment.fake_host import READ, FakeHost

HOST = "vault.example.com"
CONFIG = f"""\
# The address. (Required)
url: https://{HOST}
# ours
http_port: 80
https_port: 443
ssl: true
ssl_certificate_path: /etc/ssl/{HOST}/certificate.crt
ssl_key_path: /etc/ssl/{HOST}/private.key
enable_scim: false
"""


class ConfiguredHost(FakeHost):
    """``rebuild_fails``: what the setup tool does instead; ``refuses``: what ``nginx -t`` prints as its failure."""

    def __init__(self, bwdata) -> None:
        super().__init__(bwdata)
        self.rebuild_fails = ""
        self.refuses = ""
        self.ignores_reload = False
        self.served = None
        self.interrupt = lambda step: None
        self.authority = issue("Test Root")
        self.first = issue(HOST, (HOST,), self.authority)
        (bwdata.parent / "bitwarden.sh").write_text(
            '#!/bin/sh\nCOREVERSION="2026.8.0"\nWEBVERSION="2026.8.0"\ncase $1 in restart) ;; esac\n'
        )
        for name, content in {
            "config.yml": CONFIG,
            f"ssl/{HOST}/certificate.crt": self.first.pem,
            f"ssl/{HOST}/private.key": self.first.key_pem(),
        }.items():
            (bwdata / name).parent.mkdir(parents=True, exist_ok=True)
            (bwdata / name).write_text(content)
        (bwdata / f"ssl/{HOST}/private.key").chmod(0o600)
        uid = f"LOCAL_UID={self.account.uid}\nLOCAL_GID={self.account.gid}\n"
        (bwdata / "env/uid.env").write_text(uid)
        (bwdata / "nginx").mkdir()
        self.generate()

    def install(self, monkeypatch):
        """Have TLS connections end here, too."""
        monkeypatch.setattr(served_module.Published, "fingerprint", lambda where, timeout=1: self.answer(where))
        monkeypatch.setattr(served_module, "_TIMEOUT", 0.0)
        return super().install(monkeypatch)

    def path(self, name):
        return self.bwdata / name

    def config(self):
        return ConfigDocument.parse((self.bwdata / "config.yml").read_bytes()).values()

    def answer(self, where):
        if self.served is None or "nginx" not in self.containers:
            raise ConnectionRefusedError(111, "Connection refused")
        return self.served

    def read_certificates(self):
        """Read nginx's certificate, as it does when it starts or reloads."""
        site = self.path("nginx/default.conf").read_text()
        found = re.search(r"ssl_certificate (\S+);", site)
        self.served = None
        if found:
            text = self.path(path_below_bwdata(found.group(1))).read_text()
            self.served = read_certificate(text).fingerprint

    def generate(self):
        """Write what the setup tool makes of config.yml."""
        values = self.config()
        ports = [(values["http_port"], 8080), (values["https_port"], 8443)]
        published = [{"published": port, "target": inside, "protocol": "tcp"} for port, inside in ports if port]
        read = {**READ, "web": ["env/uid.env"], "scim": ["env/uid.env"]}
        absent = {"scim": values["enable_scim"], "mssql": values["enable_built_in_ms_sql"]}
        read = {name: files for name, files in read.items() if absent.get(name, True)}
        tls = f"  ssl_certificate {values['ssl_certificate_path']};\n  ssl_certificate_key {values['ssl_key_path']};\n"
        authority = values["ssl_ca_path"]
        tls += f"  ssl_trusted_certificate {authority};\n" if authority else ""
        real = "".join(f"  set_real_ip_from {one};\n" for one in values["real_ips"] or ())
        host = values["url"].partition("://")[2].partition(":")[0]
        self.path("nginx/default.conf").write_text(
            f"server {{\n  server_name {host};\n{tls if values['ssl'] else ''}{real}}}\n"
        )
        self.path("docker/docker-compose.yml").write_text(json.dumps({"read": read, "ports": published}))
        override = self.path("env/global.override.env")
        lines = [line for line in override.read_text().splitlines() if "__vault=" not in line]
        override.write_text("\n".join([*lines, f"globalSettings__baseServiceUri__vault={values['url']}"]) + "\n")

    def _read_compose_file(self):
        described = json.loads(self.path("docker/docker-compose.yml").read_text())
        self.read, self.compose_services["nginx"] = described["read"], {"ports": described["ports"]}

    def _compose(self, arguments, environment):
        self._read_compose_file()
        return super()._compose(arguments, environment)

    def _rewrite(self):
        """Write config.yml as the setup tool does: all keys that it knows, without the comments of others."""
        values = self.config()
        content, _difference = ConfigDocument.parse(b"# The address. (Required)\n").change(
            {name: value for name, value in values.items() if value != CONFIG_KEYS[name].default}
        )
        self.path("config.yml").write_bytes(content)

    def _script(self, command):
        if command != "rebuild":
            return super()._script(command)
        self.done.append("script rebuild")
        self.interrupt("before rebuild")
        if len(self.containers) > 1:
            self._down()
        if self.rebuild_fails == "setup":
            return Result(125, "", "no such image\n")
        if self.rebuild_fails != "silently":
            self.generate()
        self._rewrite()
        self.interrupt("after rebuild")
        return Result(0, "rebuilt\n", "")

    def run(self, arguments, timeout, **named):
        """Answer ``docker pull`` as well."""
        if arguments[1] == "pull":
            self.processes.append(arguments)
            self.done.append(f"docker pull {arguments[2]}")
            if self.pull_fails:
                return Result(1, "", "no route to the registry\n")
            self.missing_images.clear()
            return Result(0, "", "")
        return super().run(arguments, timeout, **named)

    def request(self, method, path, timeout, body=None):
        """Answer commands in nginx' container as well."""
        if path == "/containers/nginx/exec" and body and body["Cmd"][0] == "nginx":
            return Response(201, {"Id": " ".join(body["Cmd"])})
        if path.startswith("/exec/nginx "):
            reloads = "reload" in path
            if not reloads and self.refuses:
                return Response(200, {"Running": False, "ExitCode": 1})
            if reloads:
                self.done.append("reload nginx")
                self.interrupt("after reload")
                if not self.ignores_reload:
                    self.read_certificates()
            return Response(200, {"Running": False, "ExitCode": 0})
        return super().request(method, path, timeout, body)

    def stream(self, connection, path, timeout, body=None, stdin=None):
        if path.startswith("/exec/nginx "):
            text = self.refuses.encode()
            return Response(200, b"\1\0\0\0" + len(text).to_bytes(4, "big") + text)
        return super().stream(connection, path, timeout, body, stdin)

    def _up(self, everything=False, only=None):
        before = self.containers.get("nginx", {}).get("started")
        self._read_compose_file()
        super()._up(everything, only)
        if self.containers.get("nginx", {}).get("started") != before:
            self.read_certificates()
