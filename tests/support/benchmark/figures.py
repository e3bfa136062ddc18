# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is measured, against what, and the targets: the rows of the page and of what ``make benchmark`` prints."""

from __future__ import annotations

import statistics
from typing import List, Mapping, NamedTuple, Optional, Sequence

#: Sizes of the inventory between which the cost of one more host is taken, and the size for the controller's memory.
SIZES = (10, 40, 160)
MEMORY_SIZE = 1000
#: Of attachments, for the memory of backups.
GIGABYTES = 2
#: Alternating runs: what is compared is run in turn, so that what else the machine does meets all of them.
ROUNDS = 5
#: What has no target is taken fewer times where it takes long.
ROUNDS_WITHOUT_TARGET = 3


class Row(NamedTuple):
    """One figure: ``most`` is its target; None where it is only for orientation."""

    key: str
    measured: str
    against: str
    most: Optional[float]

    @property
    def is_ratio(self) -> bool:
        """Tell a ratio from a plain number."""
        return self.against != "-"


class Group(NamedTuple):
    """Rows that are measured together."""

    key: str
    title: str
    rows: Sequence[Row]


_SMALL, _MIDDLE, _LARGE = SIZES
GROUPS = (
    Group(
        "flow",
        "An unchanged run over a fleet of four, wall clock",
        (
            Row("flow_ping", "unchanged run of the playbook", "`ping` of the same hosts", 2.0),
            Row("flow_by_hand", "unchanged run of the playbook", "a playbook of builtins by hand", 0.35),
            Row("tasks", "tasks a host of the role, skipped ones included", "-", 8),
            Row("logins", "logins a server", "-", 1),
            Row("reads", "other requests a server", "-", 4),
            Row("four_hosts", "unchanged run, four hosts", "unchanged run, one host", None),
        ),
    ),
    Group(
        "size",
        "Controller CPU of one more host in an unchanged run",
        (
            Row("cpu_small", f"one more host, {_SMALL} to {_MIDDLE} hosts", "one more host of `ping`", 2.0),
            Row("cpu_large", f"one more host, {_MIDDLE} to {_LARGE} hosts", "one more host of `ping`", 2.0),
            Row("cpu_growth", f"one more host, {_MIDDLE} to {_LARGE} hosts", f"{_SMALL} to {_MIDDLE} hosts", 1.2),
            Row("cloud", f"requests to the cloud, {_LARGE} hosts", f"{_SMALL} hosts", 1.0),
        ),
    ),
    Group(
        "traffic",
        "Bytes sent to a host over SSH in an unchanged run",
        (
            Row("bytes_pipelined", "unchanged run, with pipelining", "`ping` with pipelining", 1.5),
            Row("bytes", "unchanged run, without pipelining", "`ping` without pipelining", 1.5),
        ),
    ),
    Group(
        "memory",
        "Memory of the controller's largest process",
        (Row("memory", f"unchanged run, {MEMORY_SIZE:,} hosts", f"an empty play, {MEMORY_SIZE:,} hosts", 1.2),),
    ),
    Group(
        "first",
        "What a run costs that has something to do, wall clock",
        (
            Row("first", "first run (settings, restart, token, license), four hosts", "unchanged run", None),
            Row("predicted", "check mode before the first run, four hosts", "unchanged run", None),
        ),
    ),
    Group(
        "downtime",
        "How long clients see no server during an update, its images being local",
        (Row("downtime", "update by module `update`", "the same update by `bitwarden.sh update`", 1.0),),
    ),
    Group(
        "backups",
        f"Memory of a backup and of its restore on the host in MiB, {GIGABYTES} GiB of attachments",
        (
            Row("backup_tar", "module `backup`, an archive", "-", 64),
            Row("restore_tar", "module `restore`, from an archive", "-", 64),
            Row("backup_directory", "module `backup`, a folder", "-", 64),
            Row("restore_directory", "module `restore`, from a folder", "-", 64),
        ),
    ),
)

Figures = Mapping[str, Sequence[float]]


class Spread(NamedTuple):
    """Least, middle and greatest of a figure's values."""

    least: float
    middle: float
    greatest: float


def spread(values: Sequence[float]) -> Spread:
    """Return the spread of the values of some runs."""
    return Spread(min(values), statistics.median(values), max(values))


def verdict(row: Row, values: Optional[Sequence[float]]) -> str:
    """Return whether a row keeps its target: ``met``, ``missed``, or a dash without target or figure.

    The median of a ratio counts, and of a number of things the greatest.
    """
    if row.most is None or values is None:
        return "-"
    figure = spread(values).middle if row.is_ratio else max(values)
    # Compared as shown, so that what is read agrees with the verdict.
    return "met" if round(figure, 2) <= row.most else "missed"


def ratios(values: Sequence[float], against: Sequence[float]) -> List[float]:
    """Return the ratio of each round; both were measured in turn."""
    return [one / other for one, other in zip(values, against)]
