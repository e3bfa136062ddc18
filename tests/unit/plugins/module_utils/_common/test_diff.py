# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The difference that decides and shows."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.diff import Difference
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.masking import MASK

RECORDINGS = Path(__file__).parents[4] / "support" / "recordings"


def test_a_difference_decides_and_shows() -> None:
    difference = Difference()
    assert not difference
    assert not difference.compare("same", "a", "a")
    assert difference.compare("new", None, "a")
    assert difference.compare("key", "one", "two", secret=True)
    assert difference.compare("gone", "a", None, secret=True)
    difference.normalize("twice", "a (2 lines)", "a")
    assert difference
    assert [one["action"] for one in difference.summary()] == ["added", "changed", "removed", "normalized"]
    shown = difference.diff("file")
    assert shown["before"] == f"key={MASK}\ngone={MASK}\ntwice=a (2 lines)\n"
    assert shown["after"] == f"new=a\nkey={MASK} (changed)\ntwice=a\n"
