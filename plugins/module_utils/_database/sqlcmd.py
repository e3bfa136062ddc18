# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SQL Server in its container, spoken to through the image's own sqlcmd. The password is in no list of processes."""

from __future__ import annotations

import re
from functools import partial
from typing import Callable, Dict, List, Optional, Sequence

from .._common.durations import format_duration
from .._common.errors import BitwardenError
from .._common.masking import mask_text
from .._docker.containers import Container
from .._docker.engine import Engine, Executed

# The image of 2026.3.0 and later, and those before it.
_TOOLS = ("/opt/mssql-tools18/bin/sqlcmd", "/opt/mssql-tools/bin/sqlcmd")
_PROBE = 'for tool in "$@"; do if [ -x "$tool" ]; then echo "$tool"; exit 0; fi; done; exit 1'
_PROBE_TIMEOUT = 30.0

# sqlcmd ends a statement that is too slow itself, so that it does not go on in the server. This is for a sqlcmd that
# does not end.
_GRACE = 30.0
#: Between the columns of a row.
SEPARATOR = "|"
_LONGEST = 65534
_LOGIN_FAILED = "Login failed for user"
_HEADING = re.compile(r"Msg \d+, Level \d+, State \d+, .*")
_SHOWN = 3


class DatabaseError(BitwardenError):
    """The database refused a statement or did not answer. The message has its own text, masked."""


class SqlServer:
    """The database server in ``container``, as its administrator.

    ``passwords`` are tried in their order. ``timeout`` in seconds is for each statement.
    """

    def __init__(self, engine: Engine, container: Container, passwords: Sequence[str], timeout: float) -> None:
        self._engine = engine
        self._container = container
        self._passwords = list(dict.fromkeys(one for one in passwords if one))
        self._timeout = timeout
        self._command: List[str] = []

    def run(self, statement: str) -> None:
        """Run a statement that returns no rows. Raises ``DatabaseError``."""
        self._output(statement, False)

    def begin(self, statement: str) -> Callable[[], List[str]]:
        """Start a statement, and return the call that waits for its values. Both raise ``DatabaseError``."""
        return partial(self._values, statement, self._begin(statement, False))

    def values(self, statement: str) -> List[str]:
        """Return the one column that a statement selects. Raises ``DatabaseError``."""
        return self._values(statement, None)

    def _values(self, statement: str, begun: Optional[Callable[[], Executed]]) -> List[str]:
        return [line for line in self._output(statement, False, begun).splitlines() if line]

    def value(self, statement: str) -> str:
        """Return the one value that a statement selects; empty where there is no row. Raises ``DatabaseError``."""
        return next(iter(self.values(statement)), "")

    def rows(self, statement: str) -> List[Dict[str, str]]:
        """Return the rows of a statement whose columns have names. Raises ``DatabaseError``."""
        lines = self._output(statement, True).splitlines()
        line = next((at for at, text in enumerate(lines) if set(text) <= {"-", SEPARATOR} and SEPARATOR in text), None)
        if not line:
            raise DatabaseError(f"SQL Server returned no columns for {_named(statement)}.")
        names = lines[line - 1].split(SEPARATOR)
        found = [text.split(SEPARATOR) for text in lines[line + 1 :]]
        return [dict(zip(names, values)) for values in found if len(values) == len(names)]

    def _output(self, statement: str, names: bool, begun: Optional[Callable[[], Executed]] = None) -> str:
        while True:
            executed = (begun or self._begin(statement, names))()
            if executed.rc == 0:
                return executed.output
            if _LOGIN_FAILED in executed.output and len(self._passwords) > 1:
                del self._passwords[0]
                begun = None
                continue
            raise DatabaseError(self._failed(statement, executed.rc, executed.output))

    def find_tool(self) -> None:
        """Find sqlcmd, which the first statement needs: while the database is busy. Raises ``DatabaseError``."""
        self._tool()

    def _begin(self, statement: str, names: bool) -> Callable[[], Executed]:
        limit = ["-t", str(max(1, min(int(self._timeout), _LONGEST)))]
        command = [*self._tool(), *limit, *([] if names else ["-h", "-1"]), "-Q", statement]
        if not self._passwords:
            raise DatabaseError(
                "The password of the database is not known: neither SA_PASSWORD nor the connection string has it."
            )
        environment = {"SQLCMDPASSWORD": self._passwords[0]}
        return self._engine.begin(self._container.id, command, self._timeout + _GRACE, environment)

    def _failed(self, statement: str, rc: Optional[int], output: str) -> str:
        if rc is None or "Timeout expired" in output:
            return f"SQL Server did not complete {_named(statement)} within {format_duration(self._timeout)}."
        said = mask_text(said_by(output), self._passwords) or f"sqlcmd ended with status {rc} and printed nothing"
        advice = ""
        if _LOGIN_FAILED in output:
            advice = (
                " SA_PASSWORD in env/mssql.override.env and the connection string are not the password of the database."
            )
        return f"SQL Server refused {_named(statement)}: {said.rstrip('.')}.{advice}"

    def _tool(self) -> List[str]:
        if not self._command:
            executed = self._engine.execute(self._container.id, ["sh", "-c", _PROBE, "sh", *_TOOLS], _PROBE_TIMEOUT)
            tool = executed.output.strip()
            if executed.rc != 0 or tool not in _TOOLS:
                raise DatabaseError(f"The container of mssql has no sqlcmd: neither {' nor '.join(_TOOLS)} exists.")
            # Its certificate is its own.
            trust = ["-C"] if tool == _TOOLS[0] else []
            self._command = [tool, *trust, "-S", "localhost", "-U", "sa", "-b", "-W", "-s", SEPARATOR]
        return self._command


def said_by(output: str) -> str:
    """Return what sqlcmd printed of an error, on one line, without the headings of the messages."""
    lines = [line.strip() for line in output.splitlines()]
    return " ".join([line for line in lines if line and not _HEADING.match(line)][-_SHOWN:])


def _named(statement: str) -> str:
    """Return a statement as messages name it: by its first words."""
    words = statement.replace("SET NOCOUNT ON; ", "").split(" ")
    return " ".join(words[: 3 if words[0] in ("BACKUP", "RESTORE", "ALTER", "DROP", "DBCC") else 1]).rstrip(",")
