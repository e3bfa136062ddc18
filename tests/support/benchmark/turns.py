# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run what is compared in turn."""

from __future__ import annotations

from typing import Callable, Dict, List, Mapping

from .runs import Run


def take(rounds: int, variants: Mapping[str, Callable[[], Run]]) -> Dict[str, List[Run]]:
    """Return the runs of each variant, round by round."""
    runs: Dict[str, List[Run]] = {name: [] for name in variants}
    for _round in range(rounds):
        for name, run in variants.items():
            runs[name].append(run())
    return runs


def walls(rounds: int, variants: Mapping[str, Callable[[], Run]]) -> Dict[str, List[float]]:
    """Return the seconds of wall clock of each variant's runs, after one of each that does not count."""
    # The first run of each finds other caches and opens connections that the next ones use.
    take(1, variants)
    return {name: [run.wall for run in runs] for name, runs in take(rounds, variants).items()}
