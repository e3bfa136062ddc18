# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""sqlcmd in the container: how it is called, and what is made of what it prints."""

from __future__ import annotations

import re

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._database import inspection, statements
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._database.sqlcmd import DatabaseError, SqlServer
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.containers import Container
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.engine import Executed

NEW, OLD = "/opt/mssql-tools18/bin/sqlcmd", "/opt/mssql-tools/bin/sqlcmd"
CONTAINER = Container("id", "mssql", "running", None, 0, 0.0, 0.0, 0.0, "", "", {}, {}, None)


class FakeEngine:
    """Answers with what sqlcmd would print; ``passwords`` are those that it accepts."""

    def __init__(self, output="", rc=0, tool=NEW, passwords=("right",)):
        self.output, self.rc, self.tool, self.passwords = output, rc, tool, passwords
        self.calls = []

    def execute(self, container_id, command, timeout, environment=None, stdin=None):
        if command[0] == "sh":
            return Executed(0, self.tool + "\n") if self.tool else Executed(1, "")
        self.calls.append((command, timeout, environment))
        if environment["SQLCMDPASSWORD"] not in self.passwords:
            return Executed(1, "Sqlcmd: Error: Microsoft ODBC Driver 18 : Login failed for user 'sa'..\n")
        return Executed(self.rc, self.output)

    def begin(self, *arguments):
        """Do at once what a real one does meanwhile."""
        executed = self.execute(*arguments)
        return lambda: executed


def server(passwords=("right",), timeout=60.0, **engine):
    fake = FakeEngine(**engine)
    return SqlServer(fake, CONTAINER, passwords, timeout), fake


@pytest.mark.parametrize(("tool", "trust"), [(NEW, ["-C"]), (OLD, [])])
def test_how_it_is_called(tool, trust):
    sql, engine = server(tool=tool)
    sql.run("DROP DATABASE [x]")
    sql.run("DROP DATABASE [y]")
    (command, timeout, environment), _second = engine.calls
    assert command == [
        *[tool, *trust, "-S", "localhost", "-U", "sa", "-b", "-W", "-s", "|", "-t", "60", "-h", "-1"],
        *["-Q", "DROP DATABASE [x]"],
    ]
    assert timeout > 60
    assert environment == {"SQLCMDPASSWORD": "right"}
    assert "right" not in str(command)


def test_values_are_whole_lines():
    sql, _engine = server(output="P|CfDJ8abc\nP|CfDJ8def\n\n")
    assert sql.values("SELECT") == ["P|CfDJ8abc", "P|CfDJ8def"]
    assert sql.value("SELECT") == "P|CfDJ8abc"
    assert server(output="")[0].value("SELECT") == ""


def test_rows_with_names():
    sql, engine = server(
        output="LogicalName|Type|Size\n-----------|----|----\nvault|D|8\nvault_log|L|8\n\n(2 rows affected)\n"
    )
    assert sql.rows("RESTORE FILELISTONLY") == [
        {"LogicalName": "vault", "Type": "D", "Size": "8"},
        {"LogicalName": "vault_log", "Type": "L", "Size": "8"},
    ]
    assert "-h" not in engine.calls[0][0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"rc": 1, "output": "Msg 911, Level 16, State 1, Server x, Line 1\nDatabase 'vault' does not exist.\n"},
            "SQL Server refused BACKUP DATABASE [vault]: Database 'vault' does not exist.",
        ),
        ({"rc": None, "output": ""}, "did not complete BACKUP DATABASE [vault] within 1m."),
        ({"rc": 1, "output": "Timeout expired\n"}, "did not complete BACKUP DATABASE [vault] within 1m."),
        ({"rc": 1, "output": ""}, "sqlcmd ended with status 1 and printed nothing"),
        ({"rc": 1, "output": "the password is right here\n"}, "the password is ******** here"),
        ({"tool": ""}, "has no sqlcmd"),
        ({"passwords": ()}, "is not known"),
        ({"passwords": ("wrong",)}, "Login failed for user 'sa'. SA_PASSWORD in env/mssql.override.env"),
    ],
)
def test_what_fails(options, message):
    passwords = options.pop("passwords", ("right",))
    sql, _engine = server(passwords=passwords, **options)
    with pytest.raises(DatabaseError) as caught:
        sql.run(statements.backup("vault", "/x.bak", "x"))
    assert message in str(caught.value)


def test_another_password_is_tried_once():
    sql, engine = server(passwords=("old", "right", "right"), output="15\n")
    assert [inspection.engine_version(sql), inspection.engine_version(sql)] == [15, 15]
    assert [environment["SQLCMDPASSWORD"] for _command, _timeout, environment in engine.calls] == [
        "old",
        "right",
        "right",
    ]


def test_all_rows_are_counted_with_one_statement():
    sql, engine = server(output="3|0\n")
    assert inspection.row_counts(sql, "vault", ["User", "Cipher"]) == {"User": 3, "Cipher": 0}
    assert len(engine.calls) == 1


@pytest.mark.parametrize(
    ("call", "output"),
    [
        (inspection.engine_version, "NULL"),
        *[
            (lambda sql: inspection.row_counts(sql, "vault", ["User", "Cipher"]), one)
            for one in ("NULL", "3", "3|", "")
        ],
    ],
)
def test_numbers_that_are_none(call, output):
    with pytest.raises(DatabaseError, match=re.escape(repr(output))):
        call(server(output=f"{output}\n")[0])
