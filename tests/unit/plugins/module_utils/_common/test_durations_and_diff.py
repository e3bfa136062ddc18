# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.diff import Difference
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.durations import (
    DurationError,
    format_duration,
    parse_duration,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.masking import MASK, looks_secret, mask_text

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


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (90, "90s"), (600, "10m"), (604800, "1w"), (172800, "2d")])
def test_durations_are_written_in_the_largest_unit(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
    assert parse_duration(text) == seconds


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


@pytest.mark.parametrize(
    "name", ["installation__key", "SA_PASSWORD", "x:apiKey", "Token ", "HTTPS_PROXY", "connectionStrings"]
)
def test_names_that_look_secret(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize("name", ["installation__id", "mail__smtp__host", "keyboard", "HTTPS_PROXY_PORT", "NO_PROXY"])
def test_names_that_do_not(name: str) -> None:
    assert not looks_secret(name)


def test_masking_takes_longer_secrets_first_and_leaves_short_ones() -> None:
    assert mask_text("a secret1 secret12 1", ["secret1", "secret12", "a", "1"]) == f"a {MASK} {MASK} 1"


@pytest.mark.parametrize("value", ["hunter2 x", "yes", "1", "it's"])
def test_the_last_words_of_a_service_lose_the_value(value: str) -> None:
    starts = json.loads((RECORDINGS / "startup.json").read_text(encoding="utf-8"))["starts"]
    words = next("\n".join(one["log"]) for one in starts if list(one["environment"].values()) == ["yes"])
    said = mask_text(words.replace("'yes'", f"'{value}'").replace(": yes is", f": {value} is"), [])
    assert "GlobalSettings:EnableCloudCommunication" in said
    assert f"'{value}'" not in said
    assert f" {value} is" not in said
