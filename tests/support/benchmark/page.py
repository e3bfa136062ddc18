# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The figures as tables: on the terminal, and as the page ``docs/performance.md``. Ratios only, and no machine."""

from __future__ import annotations

from typing import List, Sequence, Tuple

from .figures import GROUPS, ROUNDS, Figures, Group, Row, spread, verdict
from .runs import ROOT

PAGE = ROOT / "docs" / "performance.md"
HEADINGS = ("measured", "compared with", "target", "min", "median", "max", "result")
#: Tasks below this share of a run are shown as one.
_LEAST_SHARE = 0.03
Shares = Sequence[Tuple[str, float]]

_INTRODUCTION = f"""\
# What a run costs

`make benchmark ARGS=--write` measures this on the test fleet and writes this page. Each figure is a ratio of two
measurements of one session, taken in turn (where it has a target, {ROUNDS} times or more), so that it means the same on
any machine; some are plain numbers. A target is met where the median of a ratio, or the greatest number, keeps it.
"""

_METHOD = """\
## How it is measured

- The fleet has four hosts with SSH, an engine and a full stack each. An unchanged run is one of
  `selfhosted.bitwarden.families_sync` over servers on which it finds nothing to do.
- The playbook by hand has five `lineinfile`, `docker inspect`, a login and three reads of the API, as builtins. It is
  `tests/support/benchmark/playbooks/by_hand.yml`.
- For more hosts than four, inventory names share the addresses of the fleet, and the modules on the hosts answer what
  they answered the first time. What the controller does is real: role, module archives, SSH, the API.
- CPU is that of `ansible-playbook` and everything that it starts.
- Bytes are counted between SSH and the network: compressed, and with the set-up of the connection.
- In an unchanged run a host gets module `server_unchanged`, which only reads, in place of `server`. What it imports is
  most of what is sent beside Ansible's own code, and of the CPU on the host.
- For the controller's memory all is real but hosts and API, which answer what a host of the fleet answered once.
- During an update the API is asked all the time, from outside. What counts is how long it does not answer, from the
  same version to the same version, by module `update` and by `bitwarden.sh updateself` and `update`. In that time the
  module has the database write the dump that its rollback needs; the script saves nothing.
- For the memory of a backup, the module's process is asked for the most that it had, without the commands that it runs.
"""


def cells(row: Row) -> Tuple[str, str, str]:
    """Return what the page says of a row whatever was measured."""
    return row.measured, row.against, "-" if row.most is None else f"≤ {row.most:g}"


def line(row: Row, figures: Figures) -> List[str]:
    """Return all cells of a row."""
    values = figures.get(row.key)
    if values is None:
        return [*cells(row), "-", "-", "-", "not measured"]
    digits = 2 if row.is_ratio else 0
    return [*cells(row), *(f"{value:.{digits}f}" for value in spread(values)), verdict(row, values)]


def show(group: Group, figures: Figures) -> None:
    """Print the table of a group."""
    lines = [list(HEADINGS), *(line(row, figures) for row in group.rows)]
    widths = [max(len(one[column]) for one in lines) for column in range(len(HEADINGS))]
    print(f"\n{group.title}")
    for one in lines:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(one, widths)).rstrip(), flush=True)


def show_shares(shares: Shares) -> None:
    """Print where the time of an unchanged run goes."""
    print("\nWhere the time of an unchanged run goes")
    for name, share in largest(shares):
        print(f"  {share:5.0%}  {name}", flush=True)


def largest(shares: Shares) -> List[Tuple[str, float]]:
    """Return the shares worth a line, the largest first, and the rest as one."""
    worth = sorted((one for one in shares if one[1] >= _LEAST_SHARE), key=lambda one: -one[1])
    rest = [share for _name, share in shares if share < _LEAST_SHARE]
    return [*worth, (f"{len(rest)} other tasks", sum(rest))] if rest else worth


def page(figures: Figures, shares: Shares) -> str:
    """Return the page."""
    parts = [_INTRODUCTION]
    for group in GROUPS:
        parts.append(f"## {group.title}\n\n" + _table(HEADINGS, [line(row, figures) for row in group.rows]))
    missed = [row for group in GROUPS for row in group.rows if verdict(row, figures.get(row.key)) == "missed"]
    said = "Missed: " + "; ".join(_in_words(row, figures) for row in missed) if missed else "All targets are met"
    if not figures:
        said = "Not measured yet"
    where = [[name, f"{share:.0%}"] for name, share in largest(shares)]
    parts.append(f"## Where the time goes\n\n{said}.\n\nAn unchanged run over four hosts, by task:\n")
    parts.append(_table(("task", "share of the run"), where))
    return "\n".join([*parts, _METHOD])


def _in_words(row: Row, figures: Figures) -> str:
    return f"{row.measured} ({line(row, figures)[4]} of {row.most:g})"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(one)} |\n" for one in lines)
