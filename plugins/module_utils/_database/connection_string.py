# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection string of the server: which database it uses, where, and as whom."""

from __future__ import annotations

import re
from typing import Dict, NamedTuple, Optional

#: The service with the built-in database.
SERVICE = "mssql"

_PAIR = re.compile(r"""\s*([^=;]+?)\s*=\s*("(?:[^"]|"")*"|'(?:[^']|'')*'|[^;]*)\s*(?:;|\Z)""")
_SYNONYMS = {
    "data source": "server",
    "address": "server",
    "addr": "server",
    "network address": "server",
    "initial catalog": "database",
    "user id": "user",
    "uid": "user",
    "pwd": "password",
}


class ConnectionString(NamedTuple):
    """What a connection string says; None where it does not. ``password`` is secret."""

    host: Optional[str] = None
    database: Optional[str] = None
    user: Optional[str] = None
    password: Optional[str] = None

    @property
    def is_built_in(self) -> bool:
        """Whether it leads to the service with the built-in database."""
        return self.host == SERVICE


def parse_connection_string(text: str) -> ConnectionString:
    """Parse a connection string as .NET does: pairs with ``;``, quoted values, names in any case, the last counts."""
    found: Dict[str, str] = {}
    for key, value in _PAIR.findall(text):
        known = key.lower()
        found[_SYNONYMS.get(known, known)] = _unquoted(value.strip())
    server = found.get("server")
    host = None if server is None else re.split(r"[,\\]", server.partition(":")[2] or server)[0].strip().lower()
    return ConnectionString(host, found.get("database"), found.get("user"), found.get("password"))


def _unquoted(value: str) -> str:
    quote = value[:1]
    if len(value) > 1 and quote in ("'", '"') and value.endswith(quote):
        return value[1:-1].replace(quote * 2, quote)
    return value
