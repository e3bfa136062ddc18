# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in's database: what it takes, what it refuses, and what of it can be lost."""

from __future__ import annotations

import base64
import datetime
import json
import threading
import uuid
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._database import statements
from standin import database, key_ring
from standin.mssql import next_backup, sqlcmd
from standin.mssql import statements as forms
from standin.mssql.__main__ import Server
from standin.mssql.engine import ENGINES, engine_of
from standin.mssql.errorlog import ErrorLog
from standin.mssql.instance import Instance
from standin.mssql.master import Refused
from standin.sql_client import Connection, place_of
from standin.vault import DatabaseError, Vault

PASSWORD = "a pass;word"
VERSION = "2026.8.0"
ON, OFF = "SET NOCOUNT ON; ", "Operating system error"
OFFLINE = "IF DB_ID(N'vault') IS NOT NULL ALTER DATABASE [vault] SET OFFLINE WITH ROLLBACK IMMEDIATE"
COUNT = ON + "SELECT (SELECT COUNT_BIG(*) FROM [vault].[dbo].[User])"


class Sql:
    """A server on a folder, and sqlcmd."""

    def __init__(self, folder: Path, capsys, version=VERSION) -> None:
        self.folder, self.capsys = folder, capsys
        self.backups = folder / "backups"
        self.backups.mkdir(exist_ok=True)
        self.start(version)

    def start(self, version=VERSION, password=PASSWORD):
        """Start a new container of that version on the same files."""
        self.instance = Instance(engine_of(version), self.folder / "data", password, ErrorLog(self.folder / "log"))
        self.server = Server(("127.0.0.1", 0), self.instance)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.address = f"127.0.0.1,{self.server.server_address[1]}"
        self.string = (
            f'"Data Source=tcp:{self.address};Initial Catalog=vault;Persist Security Info=False;User ID=sa;'
            f"Password='{PASSWORD}';Encrypt=True\""
        )

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def vault(self, version=VERSION):
        return Vault(self.string, self.folder / "keys", version)

    def run(self, text, *options, password=PASSWORD):
        """Return status and output of sqlcmd."""
        self.capsys.readouterr()
        given = ["-C", "-S", self.address, "-U", "sa", "-P", password, "-b", "-W", "-s", "|", *options]
        status = sqlcmd.main([*given, "-Q", text])
        out, err = self.capsys.readouterr()
        return status, out + err

    def ok(self, text, *options):
        status, output = self.run(text, *options)
        assert status == 0, output
        return output

    def backup(self, name="one.bak"):
        """Make a backup with checksums; the form of a nightly one for ``.BAK``."""
        path = self.backups / name
        more = (
            "INIT, NAME = N'n', NOSKIP, NOFORMAT" if path.suffix == ".BAK" else "COPY_ONLY, INIT, CHECKSUM, NAME = N'n'"
        )
        output = self.ok(f"BACKUP DATABASE [vault] TO DISK = N'{path}' WITH {more}")
        assert "BACKUP DATABASE successfully processed" in output
        return path

    def restore(self, path, options="REPLACE, CHECKSUM", name="vault"):
        return self.run(f"RESTORE DATABASE [{name}] FROM DISK = N'{path}' WITH {options}")

    def moved(self, name):
        data = self.folder / "data"
        return f"MOVE N'vault' TO N'{data}/{name}.mdf', MOVE N'vault_log' TO N'{data}/{name}_log.ldf', CHECKSUM"


@pytest.fixture
def sql(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("STANDIN_VERSION", VERSION)
    one = Sql(tmp_path, capsys)
    vault = one.vault()
    vault.put("user", "u1", {"id": "u1", "email": "a@b", "password": "geheim"})
    vault.put("user", "u2", {"id": "u2", "email": "c@d"})
    vault.put("organization", "o1", {"id": "o1", "enabled": True})
    vault.put("organization", "o2", {"id": "o2", "enabled": False})
    vault.disconnect()
    yield one
    one.stop()


@pytest.mark.parametrize("name", ["vault", "it's a]vault"])
def test_every_statement_of_the_collection_is_understood(name):
    path = f"/backups/{name}.bak"
    texts = [
        statements.ENGINE_VERSION,
        statements.DATABASES,
        statements.backup(name, path, name),
        *(one(path) for one in (statements.verify, statements.header, statements.file_list)),
        statements.counts(name, statements.TABLES),
        *(one(name) for one in (statements.newest_migration, statements.protected_beginnings)),
        *(one(name) for one in (statements.enabled_organizations, statements.set_offline, statements.set_online)),
        statements.restore(name, path),
        statements.restore_beside(name, path, name, f"{name}_log"),
        *(one(name) for one in (statements.check, statements.drop)),
    ]
    assert [text for text in texts if not forms.understood(text)] == []


@pytest.mark.parametrize(
    ("version", "major"),
    [("2023.1.0", 15), ("2024.2.1", 15), ("2024.2.2", 16), ("2026.6.0", 16), ("2026.6.1", 17), ("2026.8.0", 17)],
)
def test_engines(version, major):
    assert engine_of(version).major == major


def test_what_is_read_from_a_database(sql):
    assert sql.ok("SELECT 1") == "\n-\n1\n\n(1 rows affected)\n"
    assert sql.ok(ON + "SELECT CAST(SERVERPROPERTY('ProductMajorVersion') AS int)", "-h", "-1") == "17\n"
    names = sql.ok(ON + "SELECT name FROM sys.databases ORDER BY name").splitlines()
    assert names == ["name", "----", "master", "model", "msdb", "tempdb", "vault"]
    assert sql.ok(COUNT, "-h", "-1") == "2\n"
    assert sql.ok(statements.counts("vault", ("User", "Organization")), "-h", "-1") == "2|2\n"
    newest = ON + "SELECT TOP (1) [ScriptName] FROM [vault].[dbo].[Migration] ORDER BY [Id] DESC"
    assert sql.ok(newest, "-h", "-1").startswith("Bit.Migrator.DbScripts.2026-08")
    of = "FROM [vault].[dbo].[User] WHERE"
    ids = sql.ok(
        f"{ON}SELECT DISTINCT LEFT([MasterPassword], 29) {of} [MasterPassword] LIKE N'P|%' UNION "
        f"SELECT DISTINCT LEFT([Key], 29) {of} [Key] LIKE N'P|%'",
        "-h", "-1",
    ).split()  # fmt: skip
    assert {len(one) for one in ids} == {29}
    enabled = "SELECT CONVERT(nvarchar(36), [Id]) FROM [vault].[dbo].[Organization] WHERE [Enabled] = 1 ORDER BY [Id]"
    assert sql.ok(ON + enabled, "-h", "-1") == "O1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT name FROM sys.databases", "Msg 102, Level 15, State 1, Server"),
        ("DROP DATABASE [vault]; SELECT 1", "Incorrect syntax near 'DATABASE'."),
        (ON + "SELECT (SELECT COUNT_BIG(*) FROM [other].[dbo].[User])", "Invalid object name 'other.dbo.User'."),
        ("BACKUP DATABASE [x] TO DISK = N'/x' WITH COPY_ONLY, INIT, CHECKSUM, NAME = N'x'", "Msg 911"),
        ("RESTORE HEADERONLY FROM DISK = N'/nowhere'", f"'/nowhere'. {OFF} 2(The system cannot find the file"),
        ("RESTORE FILELISTONLY FROM DISK = N'/etc/hostname'", "Msg 3241"),
        ("ALTER DATABASE [x] SET ONLINE", "Msg 5069"),
        ("DROP DATABASE [x]", "Msg 3701"),
        ("DBCC CHECKDB ([x]) WITH NO_INFOMSGS", "Msg 2520"),
    ],
)
def test_what_is_refused(sql, text, message):
    status, output = sql.run(text)
    assert (status, message in output) == (1, True), output


def test_only_with_the_password_and_trust(sql):
    status, output = sql.run("SELECT 1", password="wrong")
    assert (status, "Login failed for user 'sa'.." in output) == (1, True)
    assert "Password did not match" in (sql.folder / "log/errorlog").read_text()
    assert sqlcmd.main(["-S", sql.address, "-U", "sa", "-P", PASSWORD, "-Q", "SELECT 1"]) == 1
    assert "certificate verify failed" in sql.capsys.readouterr().err


def test_header_and_files_of_a_backup(sql):
    path = sql.backup()
    lines = [line.split("|") for line in sql.ok(f"RESTORE HEADERONLY FROM DISK = N'{path}'").splitlines()]
    header = dict(zip(lines[0], lines[2]))
    found = [header[name] for name in ("DatabaseName", "SoftwareVersionMajor", "HasBackupChecksums", "IsCopyOnly")]
    assert found == ["vault", "17", "1", "1"]
    lines = [line.split("|") for line in sql.ok(f"RESTORE FILELISTONLY FROM DISK = N'{path}'").splitlines()]
    assert [dict(zip(lines[0], line))["LogicalName"] for line in lines[2:4]] == ["vault", "vault_log"]
    log = (sql.folder / "log/errorlog").read_text().splitlines()
    at = next(number for number, line in enumerate(log) if "BACKUP DATABASE successfully processed" in line)
    assert path.name in log[at - 1]


@pytest.mark.parametrize(
    ("name", "harm", "checksum", "message"),
    [
        ("one.bak", "", True, "The backup set on file 1 is valid."),
        ("one.bak", "flip", True, "Msg 3189"),
        ("one.bak", "flip", False, "Msg 3189"),
        ("one.bak", "cut", True, "Msg 3203"),
        ("one.BAK", "", True, "Msg 3187"),
        ("one.BAK", "flip", False, "The backup set on file 1 is valid."),
        ("one.BAK", "cut", False, "Msg 3203"),
        ("one.bak", "header", True, "Msg 3241"),
    ],
)
def test_damage_is_noticed_as_far_as_there_are_checksums(sql, name, harm, checksum, message):
    path = sql.backup(name)
    content = bytearray(path.read_bytes())
    at = 100 if harm == "header" else len(content) - 100
    content[at] ^= 1 if harm in ("flip", "header") else 0
    path.write_bytes(content[:-1] if harm == "cut" else content)
    _status, output = sql.run(f"RESTORE VERIFYONLY FROM DISK = N'{path}'{' WITH CHECKSUM' * checksum}")
    assert message in output


def test_what_came_after_a_backup_is_lost_by_its_restore(sql):
    vault = sql.vault()
    path = sql.backup()
    vault.put("user", "u3", {"id": "u3"})
    assert "Msg 3101" in sql.restore(path)[1], "the session of the vault is in the way"
    assert "Nonqualified transactions are being rolled back" in sql.ok(OFFLINE)
    with pytest.raises(DatabaseError, match="Cannot open database"):
        vault.all("user")
    assert "Msg 942" in sql.run(COUNT)[1]
    assert "RESTORE DATABASE successfully processed" in sql.ok(
        f"RESTORE DATABASE [vault] FROM DISK = N'{path}' WITH REPLACE, CHECKSUM"
    )
    sql.ok("ALTER DATABASE [vault] SET ONLINE")
    assert [one["id"] for one in vault.all("user")] == ["u1", "u2"]


def test_a_restore_that_finds_damage_has_lost_the_database(sql):
    path = sql.backup()
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    assert "Msg 3183" in sql.restore(path)[1]
    assert "in the middle of a restore" in sql.run(COUNT)[1]


def test_restored_as_another_database(sql):
    path = sql.backup()
    assert "Msg 1834" in sql.restore(path, "REPLACE, CHECKSUM", "check")[1]
    assert "Msg 3234" in sql.restore(path, sql.moved("check").replace("N'vault_log'", "N'x'"), "check")[1]
    assert sql.restore(path, sql.moved("check"), "check")[0] == 0
    assert sql.ok(COUNT.replace("[vault]", "[check]"), "-h", "-1") == "2\n"
    assert sql.ok("DBCC CHECKDB ([check]) WITH NO_INFOMSGS") == ""
    assert "Msg 3159" in sql.restore(path, sql.moved("check"), "check")[1]
    sql.ok("DROP DATABASE [check]")
    assert not list((sql.folder / "data").glob("check*"))


def test_an_older_engine_refuses_what_a_newer_one_wrote(sql, tmp_path, capsys):
    path = sql.backup()
    with pytest.raises(Refused):
        sql.start("2026.6.0")
    assert f"is version {ENGINES[17].format}. This server supports" in (sql.folder / "log/errorlog").read_text()
    (tmp_path / "old").mkdir()
    old = Sql(tmp_path / "old", capsys, "2026.6.0")
    assert "Msg 3169" in old.restore(path)[1]
    assert "Msg 3169" in old.run(f"RESTORE VERIFYONLY FROM DISK = N'{path}' WITH CHECKSUM")[1]
    assert old.run(f"RESTORE HEADERONLY FROM DISK = N'{path}'")[0] == 0
    old.stop()


def test_a_newer_engine_takes_older_files_for_good(sql, tmp_path, capsys):
    (tmp_path / "old").mkdir()
    old = Sql(tmp_path / "old", capsys, "2026.6.0")
    assert database.migrate(old.string, "2026.6.0")
    path = old.backup()
    old.stop()
    old.start("2026.8.0", "another password")
    assert old.ok(COUNT, "-h", "-1") == "0\n", "the password is that of the first start"
    old.stop()
    with pytest.raises(Refused):
        old.start("2026.6.0")
    sql.ok(OFFLINE)
    assert sql.restore(path)[0] == 0


def test_a_database_whose_file_is_gone(sql):
    sql.stop()
    (sql.folder / "data/vault.mdf").unlink()
    sql.start()
    assert "Msg 945" in sql.run(COUNT)[1]
    assert "Operating system error 2" in (sql.folder / "log/errorlog").read_text()


def test_a_missing_key_is_missed(sql):
    vault = sql.vault()
    assert vault.get("user", "u1") == {
        "id": "u1", "email": "a@b", "password": "geheim", "master_password_hash": None,
    }  # fmt: skip
    assert "geheim" not in (sql.folder / "data/vault.mdf").read_bytes().decode("latin-1")
    (file,) = (sql.folder / "keys").glob("key-*.xml")
    content = file.read_bytes()
    file.unlink()
    with pytest.raises(DatabaseError, match=f"The key {{{file.stem[4:]}}} was not found in the key ring"):
        vault.get("user", "u2")
    vault.put("user", "u2", {"id": "u2"})
    assert vault.get("user", "u2") is not None, "it is under a new key"
    with pytest.raises(DatabaseError):
        vault.all("user")
    file.write_bytes(content)
    assert len(vault.all("user")) == 2


def test_a_protected_value_names_its_key(tmp_path):
    value = key_ring.protect(tmp_path, "x")
    assert value.startswith("P|CfDJ8")
    (file,) = tmp_path.glob("key-*.xml")
    assert uuid.UUID(bytes_le=base64.urlsafe_b64decode(value[2:29] + "=")[4:20]) == uuid.UUID(file.stem[4:])


def test_migrations(sql):
    assert database.migrate(sql.string, "2026.8.0")
    connection = Connection(place_of(sql.string))
    body = json.dumps({"fails": "2026.9.0"})
    connection.execute("INSERT INTO documents (kind, id, body) VALUES ('meta', 'migration', ?)", (body,))
    assert not database.migrate(sql.string, "2026.9.0")
    assert len(sql.vault().all("user")) == 2
    connection.execute("DELETE FROM documents WHERE id = 'migration'")
    assert database.migrate(sql.string, "2026.9.0")
    with pytest.raises(DatabaseError, match="too many arguments"):
        sql.vault().all("user")
    connection.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Server=tcp:db,1434;Database=v;UID=me;PWD=a'b", ("db", 1434, "v", "me", "a'b")),
        (
            "\"Data Source=tcp:mssql,1433;Initial Catalog=vault;User ID=sa;Password='a;b'\"",
            ("mssql", 1433, "vault", "sa", "a;b"),
        ),
        ("", ("localhost", 1433, "master", "", "")),
    ],
)
def test_connection_strings(text, expected):
    assert place_of(text) == expected


@pytest.mark.parametrize(
    ("interval", "form", "expected"),
    [
        ("next day", "%Y-%m-%d 00:00:00", 7200),
        ("2 hours", "%Y-%m-%d %H:%M:%S", 7200),
        ("now", "%Y-%m-%d 00:00:00", 0),
        ("?", "", 0),
    ],
)
def test_the_next_nightly_backup(interval, form, expected):
    assert next_backup.seconds(datetime.datetime(2026, 11, 26, 22), interval, form) == expected
