# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host in memory that can lose something: what a restore works on, with a database that keeps rows in its dumps."""

from __future__ import annotations

import json
import os
import pickle
import re
from pathlib import Path

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import Result
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.client import Response

from .._backup.backup_host import KEY, ORGANIZATION, BackupHost, FakeDatabase

INSTALLATION = "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"
PASSWORD = "CanaryDatabasePassword"
CERTIFICATE_PASSWORD = "CanaryCertificatePassword"
LICENSE = json.dumps({"LicenseKey": "CanaryLicenseKey", "Id": "cloud", "Name": "n", "InstallationId": INSTALLATION})
CONFIG = "url: https://vault.example.com\n"
SETTINGS = (
    f"globalSettings__installation__id={INSTALLATION}\n"
    "globalSettings__installation__key=CanaryInstallationKey\n"
    "globalSettings__baseServiceUri__vault=https://vault.example.com\n"
    f"globalSettings__identityServer__certificatePassword={CERTIFICATE_PASSWORD}\n"
    f'globalSettings__sqlServer__connectionString="Data Source=tcp:mssql,1433;Initial Catalog=vault;User ID=sa;'
    f'Password={PASSWORD}"\n'
)
ALL = {
    "env/global.override.env": SETTINGS,
    "env/mssql.override.env": f"SA_PASSWORD={PASSWORD}\nDATABASE=vault\n",
    "env/uid.env": f"LOCAL_UID={os.getuid()}\nLOCAL_GID={os.getgid()}\n",
    "config.yml": CONFIG,
    "docker/docker-compose.yml": "services: {}\n",
    "docker/global.env": "globalSettings__selfHosted=true\n",
    "nginx/default.conf": "server {}\n",
    "identity/identity.pfx": f"opens with {CERTIFICATE_PASSWORD}\n",
    f"core/licenses/organization/{ORGANIZATION}.json": LICENSE,
    f"core/aspnet-dataprotection/key-{KEY}.xml": "<key/>",
    "core/attachments/a/b": "an attachment",
    "ssl/live/cert.pem": "cert",
}
SCRIPT = '#!/bin/bash\nCOREVERSION="2026.8.0"\ncase $1 in restart) ;; esac\n'


class RowsDatabase(FakeDatabase):
    """Dumps hold the rows of ``vault``; a restore brings them back. It has them as long as the server has its files."""

    def run(self, statement):
        self._refuse(statement)
        if statement.startswith("BACKUP"):
            self.ran.append(statement)
            self.title = re.search(r"NAME = N'(.*)'", statement).group(1)
            self._bak(statement).write_text(json.dumps([self.databases["vault"], self.keys, self.organizations]))
        elif statement.startswith("RESTORE DATABASE"):
            self.ran.append(statement)
            rows, self.keys, self.organizations = json.loads(self._bak(statement).read_text())
            self.databases["vault"] = rows
        else:
            super().run(statement)

    def rows(self, statement):
        return [{"DatabaseName": "vault", "SoftwareVersionMajor": "17", "HasBackupChecksums": "1",
                 "BackupName": getattr(self, "title", ""), **self.header}]  # fmt: skip

    @property
    def users(self):
        return self.databases["vault"]["User"]


class RestoreHost(BackupHost):
    """Its containers answer for their version and in their logs, and the setup tool generates its files."""

    logs = ""
    api_version = ""
    token = '{"access_token": "CanaryToken"}'

    def fill(self):
        """Have everything as on a healthy server."""
        self.compose_environment.clear()
        for name, text in ALL.items():
            path = self.bwdata / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (self.bwdata / "identity/identity.pfx").chmod(0o640)
        (self.bwdata.parent / "bitwarden.sh").write_text(SCRIPT)
        (self.bwdata / "scripts").mkdir(exist_ok=True)
        self.containers.clear()
        return self.start()

    def run(self, arguments, timeout, *, stdin="", cwd=None, environment=None):
        if arguments[0].endswith("openssl"):
            assert CERTIFICATE_PASSWORD not in " ".join(arguments)
            opens = f"opens with {stdin}" == Path(arguments[3]).read_text()
            return Result(0 if opens else 1, "", "")
        if arguments[-1] == "rebuild":
            self.done.append("script rebuild")
            self._down()
            for name in ("docker/docker-compose.yml", "docker/global.env", "nginx/default.conf"):
                (self.bwdata / name).parent.mkdir(exist_ok=True)
                (self.bwdata / name).write_text(ALL[name])
            return Result(0, "", "")
        return super().run(arguments, timeout, stdin=stdin, cwd=cwd, environment=environment)

    def request(self, method, path, timeout, body=None):
        if path.endswith("/exec") and body:
            self.command = body["Cmd"]
        return super().request(method, path, timeout, body)

    def stream(self, connection, path, timeout, body=None, stdin=None):
        text = self.logs
        if path.startswith("/exec/"):
            answers = {"/config": json.dumps({"version": self.api_version or self.version}), "/token": self.token}
            text = next((text for path, text in answers.items() if path in str(self.command)), "")
        return Response(200, b"\1\0\0\0" + len(text.encode()).to_bytes(4, "big") + text.encode())

    def _compose(self, arguments, environment):
        missing = [name for name in {name for files in self.read.values() for name in files} if not self._has(name)]
        if missing and arguments[0] in ("config", "up"):
            return Result(14, "", f"env file {missing[0]} not found: stat: no such file or directory\n")
        return super()._compose(arguments, environment)

    def _has(self, name):
        return (self.bwdata / name).is_file()

    def remember(self, file, database):
        """Keep what a process that is about to be killed knows."""
        file.write_bytes(pickle.dumps([self.containers, self.now, database.databases, database.keys]))

    def recall(self, file, database):
        """Take over what such a process knew."""
        self.containers, self.now, database.databases, database.keys = pickle.loads(file.read_bytes())
