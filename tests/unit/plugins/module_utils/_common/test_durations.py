# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Durations as options give them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.durations import (
    DurationError,
    format_duration,
    parse_duration,
)

RECORDINGS = Path(__file__).parents[4] / "support" / "recordings"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), (90, 90), ("90", 90), (" 10m ", 600), ("26h", 93600), ("7d", 604800), ("2w", 1209600), ("1.5h", 5400)],
)
def test_durations(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-5s", "5x", "5 minutes", "1h30m", None, True, "\u0661s", "1e3"])
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(DurationError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.3, "0.3s"), (90, "90s"), (600, "10m"), (604800, "1w"), (172800, "2d")]
)
def test_durations_are_written_in_the_largest_unit(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
    assert parse_duration(text) == seconds
