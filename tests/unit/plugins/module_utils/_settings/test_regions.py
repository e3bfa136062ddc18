# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings of a region."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Optional

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.errors import SettingsError

from .resolving import API, EU, IDENTITY, PUSH, REGION, desired, lines, settings

RECORDINGS = Path(__file__).parents[4] / "support" / "recordings"


@pytest.mark.parametrize(
    ("current", "expected"),
    [
        ({}, EU),
        ({REGION: "US"}, EU),
        (EU, EU),
        (
            {
                IDENTITY: "https://identity.bitwarden.com",
                API: "http://API.bitwarden.com/",
                PUSH: "https://push.bitwarden.com",
            },
            EU,
        ),
        ({IDENTITY: "https://proxy.example.com"}, {REGION: "EU", API: EU[API], PUSH: EU[PUSH]}),
        ({PUSH: "REPLACE"}, {REGION: "EU", IDENTITY: EU[IDENTITY], API: EU[API]}),
        ({PUSH: ""}, EU),
        ({API: "api.bitwarden.eu"}, EU),
        ({API: "nonsense"}, EU),
    ],
)
def test_region_eu(current: Dict[str, str], expected: Dict[str, str]) -> None:
    assert desired(lines(current), region="EU").values == expected


@pytest.mark.parametrize(
    ("current", "expected"),
    [
        ({}, {REGION: "US"}),
        (EU, {REGION: "US", IDENTITY: None, API: None, PUSH: None}),
        (
            {IDENTITY: "https://identity.bitwarden.eu/", API: "https://proxy.example.com", PUSH: "REPLACE"},
            {REGION: "US", IDENTITY: None},
        ),
        ({PUSH: "https://push.bitwarden.com"}, {REGION: "US"}),
    ],
)
def test_region_us(current: Dict[str, str], expected: Dict[str, Optional[str]]) -> None:
    assert desired(lines(current), region="US").values == expected


def test_explicit_settings_win_over_the_region() -> None:
    explicit = {IDENTITY: "https://proxy.example.com", PUSH: "REPLACE", API: None}
    assert settings(explicit, region="EU") == {REGION: "EU", **explicit}
    assert settings({REGION: "EU"}, region="EU") == EU


@pytest.mark.parametrize("option", ["settings", "secret_settings"])
def test_a_contradicting_region_is_refused(option: str) -> None:
    with pytest.raises(SettingsError, match="region is EU"):
        desired(region="EU", **{option: {REGION: "US"}})
