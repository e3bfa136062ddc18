# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The statements, quoted; the key ring; the connection string."""

from __future__ import annotations

import base64
import uuid

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._database import key_ring, statements
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._database.connection_string import (
    ConnectionString,
    parse_connection_string,
)

KEY = "0f3c7e21-9a4b-4c5d-8e6f-7a8b9c0d1e2f"


def protected(key: str = KEY, magic: str = "09f0c9f0") -> str:
    data = bytes.fromhex(magic) + uuid.UUID(key).bytes_le + b"what is protected, of any length"
    return "P|" + base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        (
            statements.backup("a]b'c", "/backups/x'y.bak", "it's"),
            "BACKUP DATABASE [a]]b'c] TO DISK = N'/backups/x''y.bak' WITH COPY_ONLY, INIT, CHECKSUM, NAME = N'it''s'",
        ),
        (
            statements.counts("a]b", ("User", "Cipher")),
            "SET NOCOUNT ON; SELECT (SELECT COUNT_BIG(*) FROM [a]]b].[dbo].[User]), "
            "(SELECT COUNT_BIG(*) FROM [a]]b].[dbo].[Cipher])",
        ),
        (
            statements.set_offline("a'b"),
            "IF DB_ID(N'a''b') IS NOT NULL ALTER DATABASE [a'b] SET OFFLINE WITH ROLLBACK IMMEDIATE",
        ),
        (
            statements.restore_beside("check", "/b.bak", "vault", "vault_log"),
            "RESTORE DATABASE [check] FROM DISK = N'/b.bak' WITH MOVE N'vault' TO N'/var/opt/mssql/data/check.mdf', "
            "MOVE N'vault_log' TO N'/var/opt/mssql/data/check_log.ldf', CHECKSUM",
        ),
        (
            statements.protected_beginnings("vault"),
            "SET NOCOUNT ON; SELECT DISTINCT LEFT([MasterPassword], 29) FROM [vault].[dbo].[User] WHERE "
            "[MasterPassword] LIKE N'P|%' UNION SELECT DISTINCT LEFT([Key], 29) FROM [vault].[dbo].[User] WHERE "
            "[Key] LIKE N'P|%'",
        ),
    ],
)
def test_names_and_texts_are_quoted(statement, text):
    assert statement == text


def test_the_beginning_of_a_protected_text_names_its_key():
    assert key_ring.key_id_of(protected()[:29]) == key_ring.key_id_of(protected()) == KEY
    assert protected().startswith("P|CfDJ8")  # as all of ASP.NET's do


@pytest.mark.parametrize("text", ["", "P|", "P|short", "P|!!!!", protected()[2:], protected(magic="09f0c9f1")])
def test_other_texts_name_no_key(text):
    assert key_ring.key_id_of(text) is None


def test_keys_on_disk(tmp_path):
    assert key_ring.key_ids_on_disk(str(tmp_path)) == []
    folder = tmp_path / key_ring.FOLDER
    folder.mkdir(parents=True)
    for name in (f"key-{KEY.upper()}.xml", "key-1.xml", f"key-{KEY}.xml.tmp", "revocation-1.xml"):
        (folder / name).touch()
    assert key_ring.key_ids_on_disk(str(tmp_path)) == [KEY]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Data Source=tcp:mssql,1433;Initial Catalog=vault;User ID=sa;Password=abc;Encrypt=True;",
            ConnectionString("mssql", "vault", "sa", "abc"),
        ),
        (
            'server = MSSQL ; DATABASE=\'my;vault\'; uid=sa;PWD="a""b;c"',
            ConnectionString("mssql", "my;vault", "sa", 'a"b;c'),
        ),
        ("Database=first;Initial Catalog=last", ConnectionString(database="last")),
        ("Data Source=db.example.com\\INSTANCE,1500", ConnectionString("db.example.com")),
        ("Data Source=tcp:x.database.windows.net", ConnectionString("x.database.windows.net")),
        ("Data Source=np:\\\\host", ConnectionString("")),
        ("", ConnectionString()),
    ],
)
def test_connection_strings(text, expected):
    found = parse_connection_string(text)
    assert found == expected
    assert found.is_built_in is (expected.host == "mssql")
