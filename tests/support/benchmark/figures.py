# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures and their ratios, as lines of a table."""

from __future__ import annotations

from typing import List, NamedTuple


class Figure(NamedTuple):
    """One measured thing: ``seconds`` are for one ``unit``; its ratio is to the first figure of the table."""

    name: str
    seconds: float
    unit: str


def show(title: str, figures: List[Figure]) -> None:
    """Print a table."""
    print(f"\n{title}")
    first = figures[0].seconds
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        milliseconds = f"{figure.seconds * 1000:.1f} ms"
        ratio = f"ratio {figure.seconds / first:.2f}"
        print(f"  {figure.name:{width}}  {milliseconds:>11} a {figure.unit:5} {ratio}", flush=True)
