# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host in memory whose database is pretended at the seam, and whose files are in a temporary folder."""

from __future__ import annotations

import base64
import re
import uuid
from datetime import datetime, timezone
from pathlib import Path

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup import plan as plan_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import Result
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._database.sqlcmd import DatabaseError

from .._deployment.fake_host import FakeHost

KEY = "0f3c7e21-9a4b-4c5d-8e6f-7a8b9c0d1e2f"
ORGANIZATION = "7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003"
NOW = datetime(2026, 11, 26, 21, 37, 16, tzinfo=timezone.utc)
FILES = {
    f"core/aspnet-dataprotection/key-{KEY}.xml": "<key/>",
    f"core/licenses/organization/{ORGANIZATION}.json": "{}",
    "core/attachments/a/b": "an attachment",
    "identity/identity.pfx": "a certificate",
    "config.yml": "url: https://vault.example.com\n",
    "logs/api/1.txt": "a log",
    "mssql/data/vault.mdf": "0123456789",
    "mssql/data/vault_log.ldf": "01234",
    "mssql/data/master.mdf": "system",
    "mssql/backups/vault_FULL_20261126_000000.BAK": "nightly",
    "scripts/run.sh": "#!/bin/bash\n",
    "env/.bitwarden-journal-global.json": "{}",
    "ssl/live/cert.pem": "cert",
}


def protected(key: str = KEY) -> str:
    data = bytes.fromhex("09f0c9f0") + uuid.UUID(key).bytes_le + b"the rest of it"
    return ("P|" + base64.urlsafe_b64encode(data).decode())[:29]


class FakeDatabase:
    """SQL Server as far as the statements go. ``fails`` are parts of statements that are refused."""

    def __init__(self, host):
        self.host = host
        self.databases = {"master": None, "vault": {"User": 2, "Organization": 1, "Cipher": 5, "Migration": 300}}
        self.keys = [KEY]
        self.organizations = [ORGANIZATION]
        self.engine = "17"
        self.migration = "2026-10-01_00_Last.sql"
        self.fails: tuple = ()
        self.ran: list = []
        self.restored_rows = 0
        self.while_backing_up = lambda: None
        self.header: dict = {}

    def run(self, statement):
        self._refuse(statement)
        self.ran.append(statement)
        if statement.startswith("BACKUP"):
            self.title = re.search(r"NAME = N'(.*)'", statement).group(1)
            self._bak(statement).write_text("the database")
            self.while_backing_up()
        elif statement.startswith("RESTORE DATABASE"):
            name = re.search(r"RESTORE DATABASE \[(.*?)\]", statement).group(1)
            rows = dict(self.databases["vault"])
            rows["Cipher"] += self.restored_rows
            self.databases[name] = rows
        elif statement.startswith("DROP"):
            del self.databases[re.search(r"\[(.*?)\]", statement).group(1)]

    def begin(self, statement):
        """Do at once what a real one does meanwhile."""
        found = self.values(statement) if "SELECT" in statement else self.run(statement) or []
        return lambda: found

    def find_tool(self):
        pass

    def rows(self, statement):
        self._refuse(statement)
        if "FILELISTONLY" in statement:
            return [{"LogicalName": "vault", "Type": "D"}, {"LogicalName": "vault_log", "Type": "L"}]
        header = {"DatabaseName": "vault", "SoftwareVersionMajor": self.engine, "HasBackupChecksums": "1"}
        return [{**header, "BackupName": self.title, **self.header}]

    def value(self, statement):
        return next(iter(self.values(statement)), "")

    def values(self, statement):
        self._refuse(statement)
        counted = re.findall(r"COUNT_BIG\(\*\) FROM \[(.*?)\]\.\[dbo\]\.\[(.*?)\]", statement)
        if counted:
            return ["|".join(str(self.databases[database][table]) for database, table in counted)]
        for part, found in {
            "ProductMajorVersion": [self.engine],
            "sys.databases": sorted(self.databases),
            "[ScriptName]": [self.migration],
            "LEFT([MasterPassword]": [protected(key) for key in self.keys],
            "[Enabled] = 1": [one.upper() for one in self.organizations],
        }.items():
            if part in statement:
                return found
        raise AssertionError(statement)

    def _refuse(self, statement):
        for part in self.fails:
            if part in statement:
                raise DatabaseError(f"SQL Server refused {part}.")

    def _bak(self, statement):
        return self.host.bwdata / "mssql/backups" / Path(re.search(r"N'([^']*\.bak)'", statement).group(1)).name


class BackupHost(FakeHost):
    """Also stops and starts services."""

    def _compose(self, arguments, environment):
        if arguments[0] in ("stop", "start"):
            self.done.append(" ".join(arguments))
            for name in arguments[1:]:
                if not (arguments[0] == "start" and name in self.cannot_create):
                    self.containers[name]["state"] = "exited" if arguments[0] == "stop" else "running"
            self.health = "healthy"
            return Result(0, "", "")
        return super()._compose(arguments, environment)

    def find(self, name, folders=None):
        return str(self.bwdata.parent / name) if name in ("age", "gpg") else super().find(name, folders)


def backup_host(tmp_path, monkeypatch):
    """Make the host, with a server that is running."""
    made = BackupHost(tmp_path / "bitwarden" / "bwdata").install(monkeypatch)
    made.compose_environment["api"] = {
        "globalSettings__baseServiceUri__vault": "https://vault.example.com",
        "globalSettings__sqlServer__connectionString": "Data Source=tcp:mssql,1433;Initial Catalog=vault;"
        "User ID=sa;Password=CanaryDatabasePassword",
    }
    made.compose_environment["mssql"] = {"SA_PASSWORD": "CanaryDatabasePassword", "DATABASE": "vault"}
    for name, text in FILES.items():
        path = made.bwdata / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (made.bwdata / "identity/identity.pfx").chmod(0o640)
    (made.bwdata / "ssl/cert.pem").symlink_to("live/cert.pem")
    return made.start()


def pretend_database(host, monkeypatch):
    """Have every backup from now on use a pretended database."""
    fake = FakeDatabase(host)
    monkeypatch.setattr(plan_module, "running_server", lambda *_: fake)
    return fake
