# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engines of the image's versions, and the errors that a statement ends in."""

from __future__ import annotations

import re
from typing import NamedTuple, Tuple

SERVER_NAME = "localhost"
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_LAST_2019 = (2024, 2, 1)
_LAST_2022 = (2026, 6, 0)
_LAST_OLD_TOOLS = (2026, 2, 1)


class Engine(NamedTuple):
    """``number``: of the build; ``format``: of database files; older engines refuse newer ones."""

    year: int
    number: str
    format: int

    @property
    def major(self) -> int:
        return int(self.number.split(".")[0])

    @property
    def short(self) -> str:
        """As messages about backups name it: ``16.00.4225``."""
        major, _minor, build, _rest = self.number.split(".")
        return f"{major}.00.{build}"


ENGINES = {
    15: Engine(2019, "15.0.4430.1", 904),
    16: Engine(2022, "16.0.4185.3", 957),
    17: Engine(2025, "17.0.1000.7", 998),
}


def numbers(version: str) -> Tuple[int, ...]:
    """Return ``2026.8.0`` as numbers; any other text is newer than all."""
    found = _VERSION.match(version)
    return tuple(int(part) for part in found.groups()) if found else (9999, 0, 0)


def engine_of(version: str) -> Engine:
    """Return the engine in the image of a version."""
    known = numbers(version)
    return ENGINES[15 if known <= _LAST_2019 else 16 if known <= _LAST_2022 else 17]


def has_old_tools(version: str) -> bool:
    """Tell whether sqlcmd is the one before ``mssql-tools18``."""
    return numbers(version) <= _LAST_OLD_TOOLS


class SqlServerError(Exception):
    """What a statement is answered with; ``more`` are the errors that follow the first one."""

    def __init__(self, number: int, level: int, state: int, text: str, *more: SqlServerError) -> None:
        super().__init__(text)
        self.number = number
        self.level = level
        self.state = state
        self.text = text
        self.more = more


def aborted(statement: str, *errors: SqlServerError) -> SqlServerError:
    """Return the errors of a backup or restore, and the one that ends each."""
    first, *rest = errors
    end = SqlServerError(3013, 16, 1, f"{statement} is terminating abnormally.")
    return SqlServerError(first.number, first.level, first.state, first.text, *first.more, *rest, end)
