# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The dump of the rollback, the removal of containers and the counting of rows, side by side: one of them fails."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import Terminated
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._database.sqlcmd import DatabaseError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._update import rollback

from .conftest import files
from .test_update import is_as_before


@pytest.fixture
def under_way(host, database, monkeypatch):
    """Have statements go on until they are waited for; return those that do. A backup ends with its container."""
    found, at_once = [], database.begin

    def begin(statement):
        database._refuse(statement)
        if statement.startswith("BACKUP"):
            database._bak(statement).write_text("unfinished")
        found.append(statement.split(" ")[0])

        def end():
            found.remove(statement.split(" ")[0])
            if host.containers["mssql"]["state"] != "running":
                raise DatabaseError("The container is not running.")
            return at_once(statement)()

        return end

    monkeypatch.setattr(database, "begin", begin)
    return found


@pytest.fixture
def at_the_rollback(host, under_way, monkeypatch):
    """Return what is there and goes on when the rollback begins, with how the database is then."""
    found, go = [], rollback.Rollback.go

    def begun(self):
        dumps = [path.name for path in (host.bwdata / "mssql/backups").glob("*.bak")]
        found.append((list(under_way), dumps, host.containers["mssql"]["state"]))
        return go(self)

    monkeypatch.setattr(rollback.Rollback, "go", begun)
    return found


@pytest.mark.parametrize(("breaks", "refuses", "fails", "is_ended", "told"), [
    ("remove api", None, (), False, ["The engine is gone (remove api)."]),
    (None, "remove icons", (), False, ["cannot remove icons"]),
    (None, None, ("COUNT_BIG",), True, ["SQL Server refused COUNT_BIG"]),
    (None, None, ("VERIFYONLY",), True, ["SQL Server refused VERIFYONLY"]),
    ("remove api", "remove nginx", ("COUNT_BIG",), True,
     ["SQL Server refused COUNT_BIG", "The engine is gone (remove api).", "cannot remove nginx"]),
    ("remove api", None, ("BACKUP",), True, ["SQL Server refused BACKUP"]),
])  # fmt: skip
def test_nothing_goes_on_and_nothing_is_left_when_the_rollback_begins(
    host, database, run, at_the_rollback, breaks, refuses, fails, is_ended, told
):
    """And whatever failed is told, not only the first or the last of it."""
    before = files(host)
    host.breaks, host.refuses = breaks, refuses

    def once_stopped():
        database.fails = fails

    host.once_stopped = once_stopped
    result = run()
    assert (result["failed"], result["rolled_back"]) == (True, True), result["msg"]
    assert [text for text in told if text not in result["msg"]] == []
    assert at_the_rollback == [([], [], "exited" if is_ended else "running")]
    is_as_before(host, database, before, result)


def test_a_signal_is_not_covered_by_what_fails_on_its_way(host, database, run, under_way, monkeypatch):
    def hit(*_arguments):
        raise Terminated("SIGTERM")

    host.refuses = "remove api"
    host.once_stopped = lambda: monkeypatch.setattr(database, "rows", hit)
    with pytest.raises(Terminated):
        run()
    assert under_way == []
