# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmark runs; what it measures is no test."""

from __future__ import annotations

from ..support.benchmark.fleet_size import by_fleet_size


def test_it_names_what_it_measured():
    assert [figure.name for figure in by_fleet_size([1, 2], forks=5)] == [
        "12 tasks that do nothing, 1 to 2 hosts",
        "unchanged run, 1 to 2 hosts",
    ]
