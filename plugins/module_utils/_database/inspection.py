# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The database of a server: which one it is by its configuration, and what is read from it."""

from __future__ import annotations

import os
import re
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence

from .._common.setting_names import SQL_CONNECTION_STRING
from .._deployment.deployment import Deployment
from .._deployment.drift import Stack
from .._docker.containers import Container
from .._docker.running import running_container
from . import statements
from .connection_string import SERVICE, ConnectionString, parse_connection_string
from .key_ring import key_ids_of
from .sqlcmd import SEPARATOR, DatabaseError, SqlServer

_DEFAULT_NAME = "vault"
_BUILT_IN = re.compile(r"^enable_built_in_ms_sql:\s*(\S+)", re.MULTILINE)


class Configured(NamedTuple):
    """The database that the server is configured with.

    ``nightly`` is the name that Bitwarden's own nightly backup uses, None where it is not set.
    """

    name: str
    is_built_in: bool
    nightly: Optional[str] = None


class DatabaseFacts(NamedTuple):
    """What is read from the database for a manifest, and to prove a restore."""

    counts: Dict[str, int]
    newest_migration: str
    protected_key_ids: List[str]
    enabled_organizations: List[str]


def configured(deployment: Deployment, stack: Stack) -> Configured:
    """Return the database that the server is configured with."""
    connection = connection_of(stack)
    switched_off = _setup_value(deployment.bwdata) == "false"
    elsewhere = connection.host is not None and not connection.is_built_in
    service = stack.services.get(SERVICE)
    nightly = service.environment.get("DATABASE") if service else None
    is_built_in = not switched_off and not elsewhere and service is not None
    return Configured(connection.database or nightly or _DEFAULT_NAME, is_built_in, nightly)


def connection_of(stack: Stack) -> ConnectionString:
    """Return what the connection string of the server says."""
    return parse_connection_string(stack.setting(SQL_CONNECTION_STRING) or "")


def database_container(stack: Stack) -> Container:
    """Return the container of the built-in database server. Raises ``DatabaseError`` where it is not running."""
    container = running_container(stack.containers, SERVICE)
    if container is None:
        raise DatabaseError(
            f"The service {SERVICE} is not running, and only a running database can be backed up. Start the server "
            "(module server, or bitwarden.sh start)."
        )
    return container


def running_server(deployment: Deployment, stack: Stack, timeout: float) -> SqlServer:
    """Return the built-in database server. Raises ``DatabaseError`` where its container is not running."""
    container = database_container(stack)
    connection, environment = connection_of(stack), container.environment
    of_sa = [connection.password or ""] if (connection.user or "sa").lower() == "sa" else []
    own = [environment.get(name, "") for name in ("SA_PASSWORD", "MSSQL_SA_PASSWORD")]
    return SqlServer(deployment.engine, container, [*of_sa, *own], timeout)


def engine_version(server: SqlServer) -> int:
    """Return the major version of the engine (15 is SQL Server 2019, 16 is 2022, 17 is 2025).

    Raises ``DatabaseError``.
    """
    version = server.value(statements.ENGINE_VERSION).strip()
    if not version.isdecimal():
        raise DatabaseError(f"SQL Server did not tell its version, but {version!r}.")
    return int(version)


def read_facts(server: SqlServer, database: str) -> DatabaseFacts:
    """Read what a manifest says of the database. Raises ``DatabaseError``."""
    return DatabaseFacts(
        row_counts(server, database, statements.TABLES),
        server.value(statements.newest_migration(database)),
        key_ids_of(server.values(statements.protected_beginnings(database))),
        [one.strip().lower() for one in server.values(statements.enabled_organizations(database))],
    )


def row_counts(server: SqlServer, database: str, tables: Sequence[str]) -> Dict[str, int]:
    """Return how many rows each of ``tables``, which are Bitwarden's, has. Raises ``DatabaseError``."""
    return begin_row_counts(server, database, tables)()


def begin_row_counts(server: SqlServer, database: str, tables: Sequence[str]) -> Callable[[], Dict[str, int]]:
    """Have the rows counted; return the call that waits for that. Both raise ``DatabaseError``."""
    counting = server.begin(statements.counts(database, tables))
    return lambda: _counted("".join(counting()[:1]).strip(), database, tables)


def migrations(server: SqlServer, database: str) -> List[str]:
    """Return the names of the migrations that were run on a database. Raises ``DatabaseError``."""
    return server.values(statements.migrations(database))


def _counted(returned: str, database: str, tables: Sequence[str]) -> Dict[str, int]:
    counts = returned.split(SEPARATOR)
    if len(counts) != len(tables) or not all(one.isdecimal() for one in counts):
        raise DatabaseError(
            f"SQL Server did not count the rows of {', '.join(tables)} in {database}, but returned {returned!r}."
        )
    return {table: int(count) for table, count in zip(tables, counts)}


def _setup_value(bwdata: str) -> str:
    try:
        with open(os.path.join(bwdata, "config.yml"), encoding="utf-8", errors="replace") as stream:
            found = _BUILT_IN.search(stream.read())
    except OSError:
        return ""
    return found.group(1).strip("'\"").lower() if found else ""
