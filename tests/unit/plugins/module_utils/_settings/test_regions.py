# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings of a region."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Optional

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.errors import SettingsError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.regions import region_of_url

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
        ({PUSH: " ", API: "REPLACE", IDENTITY: "secret"}, EU),
        ({API: "https://api.bitwarden.eu/"}, EU),
        ({API: "https://vault.bitwarden.com/api/"}, EU),
        ({API: "https://vault.bitwarden.eu/api/"}, {REGION: "EU", IDENTITY: EU[IDENTITY], PUSH: EU[PUSH]}),
        ({API: "https://api.bitwarden.eu.example.com"}, {REGION: "EU", IDENTITY: EU[IDENTITY], PUSH: EU[PUSH]}),
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


@pytest.mark.parametrize("region", ["EU", "US"])
@pytest.mark.parametrize("name", [IDENTITY, API, PUSH])
@pytest.mark.parametrize(
    ("chosen", "looks_wrong"),
    [
        ("https://proxy.corp.example/push", True),
        ("https://proxy.corp.example/push/", False),
        ("http://proxy.corp.example:8080", False),
        ("proxy.corp.example", True),
        ("nonsense", True),
        ("https://proxy.corp.example/?key=a", True),
    ],
)
def test_a_value_that_someone_chose_stays(region: str, name: str, chosen: str, looks_wrong: bool) -> None:
    found = desired(lines({name: chosen}), region=region)
    assert name not in found.values and found.values[REGION] == region
    assert [name in warning and "looks wrong" in warning for warning in found.warnings] == [True] * looks_wrong
    assert chosen not in str(found.warnings)


def test_no_warning_of_what_is_given() -> None:
    found = desired(lines({API: "nonsense"}), region="EU", settings={API: "https://proxy.example.com"})
    assert found.warnings == []
    assert found.implied == {REGION, IDENTITY, PUSH}


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://api.bitwarden.eu", "EU"),
        ("'https://API.bitwarden.com/'", "US"),
        ("vault.bitwarden.eu", "EU"),
        ("https://bitwarden.com/", "US"),
        ("https://bitwarden.com.example.org", None),
        ("https://notbitwarden.com", None),
        ("https://[", None),
        ("", None),
    ],
)
def test_region_of_url(url: str, region: Optional[str]) -> None:
    assert region_of_url(url) == region


def test_explicit_settings_win_over_the_region() -> None:
    explicit = {IDENTITY: "https://proxy.example.com", PUSH: "REPLACE", API: None}
    assert settings(explicit, region="EU") == {REGION: "EU", **explicit}
    assert settings({REGION: "EU"}, region="EU") == EU


@pytest.mark.parametrize("option", ["settings", "secret_settings"])
def test_a_contradicting_region_is_refused(option: str) -> None:
    with pytest.raises(SettingsError, match="region is EU"):
        desired(region="EU", **{option: {REGION: "US"}})
