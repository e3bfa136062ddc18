# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is updated first, and how many at a time."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._fleet_run.batches import (
    make_batches,
    serial_fault,
)


@pytest.mark.parametrize(
    ("canaries", "serial", "order", "sizes"),
    [
        ([], 1, ["a", "b", "c", "d"], ["1", "1"]),
        (["c"], [2, "50%"], ["c", "a", "b", "d"], ["1", "2", "50%"]),
        (["d", "b", "elsewhere"], "100%", ["b", "d", "a", "c"], ["2", "100%"]),
        (["elsewhere"], "2", ["a", "b", "c", "d"], ["1", "2"]),
    ],
)
def test_the_canaries_are_the_first_batch(canaries, serial, order, sizes):
    assert make_batches(["a", "b", "c", "d"], canaries, serial) == (order, sizes)


@pytest.mark.parametrize(
    ("serial", "wrong"),
    [
        (3, ""),
        ("20%", ""),
        ([1, " 2 ", "100%"], ""),
        ("two", "two"),
        ([1, "5 %", -1], "5 %, -1"),
        ([], "an empty list"),
    ],
)
def test_what_is_not_a_size(serial, wrong):
    assert (f"bitwarden_serial: {wrong} is not a size" in serial_fault(serial)) if wrong else serial_fault(serial) == ""
