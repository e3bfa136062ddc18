# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of settings: as text, rejected, removed, warned about."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.setup_tool import BUILT_IN
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.catalog import KNOWN_SETTINGS
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.errors import SettingsError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.values import same_meaning

from .resolving import API, CLOUD, EU, ID, IDENTITY, KEY, PORT, PUSH, desired, lines, settings

RECORDINGS = Path(__file__).parents[4] / "support" / "recordings"


@pytest.mark.parametrize(
    "case", json.loads((RECORDINGS / "startup.json").read_text(encoding="utf-8"))["starts"], ids=str
)
def test_values_that_stop_the_real_server_are_refused(case: Dict[str, Any]) -> None:
    """And those with which it starts but cannot sync; all others are taken."""
    environment = case["environment"]
    twins = len({name.lower() for name in environment}) < len(environment)
    status, _message = case.get("license_sync", (None, None))
    communication = environment.get(CLOUD, "true").lower()
    usable = case["starts"] and (status == 200 or communication == "false")
    # An empty URL means the US's: the recorded cloud was another one.
    usable = usable or environment.get(IDENTITY) == ""
    # Which of two names that differ only in case wins is unpredictable.
    if usable and not twins:
        settings(environment)
    else:
        with pytest.raises(SettingsError):
            settings(environment)


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (False, "false"), (587, "587"), (0.5, "0.5"), (None, None), ("a", "a"), ("", "")],
)
def test_values_become_text(value: object, text: Optional[str]) -> None:
    assert settings({"globalSettings__own": value}) == {"globalSettings__own": text}


@pytest.mark.parametrize("value", ["true", "True", " TRUE "])
def test_switches_are_written_in_lower_case(value: str) -> None:
    assert settings({CLOUD: value}) == {CLOUD: "true"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({CLOUD: "yes"}, "takes true or false"),
        ({CLOUD: 1}, "takes true or false"),
        ({PORT: "2147483648"}, "32-bit integer"),
        ({PORT: 5.5}, "32-bit integer"),
        ({PORT: ""}, "32-bit integer"),
        ({ID: "0" * 32}, "GUID"),
        ({KEY: "REPLACE"}, "key of the installation"),
        ({KEY: ""}, "key of the installation"),
        ({IDENTITY: "identity.example.com"}, "absolute URL"),
        ({API: "ftp://api.example.com"}, "absolute URL"),
        ({API: "https://"}, "absolute URL"),
        ({API: "https://a b"}, "blanks"),
        ({API: "'https://api.example.com'"}, "quotes"),
        ({API: "https://proxy.example.com/bitwarden"}, "ends in a slash"),
        ({PUSH: "push.example.com"}, "absolute URL"),
        ({"globalSettings__own": ["a"]}, "a string, a number"),
        ({"globalSettings__own": {}}, "a string, a number"),
        ({"globalSettings__dataProtection__keyProtectionPolicy": "Other"}, "one of Certificate, StorageManaged"),
        ({CLOUD: True, CLOUD.upper(): True}, "given twice in settings"),
        ({CLOUD: True, CLOUD.replace("__", ":"): True}, "given twice in settings"),
    ],
)
def test_refused_values(values: Dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        settings(values)
    for value in values.values():
        if isinstance(value, str) and len(value) > 3 and not value.startswith("http"):
            assert value not in str(caught.value)


@pytest.mark.parametrize("name", BUILT_IN["global"])
def test_built_in_settings_cannot_be_removed(name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be removed"):
        settings({name: None})


def test_other_files_have_their_own_built_in_settings() -> None:
    with pytest.raises(SettingsError, match="cannot be removed"):
        settings({"SA_PASSWORD": None}, file="mssql")
    assert settings({"SA_PASSWORD": None}) == {"SA_PASSWORD": None}


def test_the_push_url_may_go_unless_it_switches_push_off() -> None:
    assert desired(lines(EU), settings={PUSH: None}).values == {PUSH: None}
    with pytest.raises(SettingsError, match="push_notifications"):
        desired(f"{PUSH}=REPLACE\n", settings={PUSH: None})


def test_warnings_about_what_an_update_undoes() -> None:
    vault = "globalSettings__baseServiceUri__vault"
    connection = "globalSettings__sqlServer__connectionString"
    assert "config.yml" in desired(settings={vault: "https://a.example.com"}).warnings[0]
    assert desired(f"{vault}=https://a.example.com\n", settings={vault: "https://a.example.com"}).warnings == []
    assert "push_notifications" in desired(settings={PUSH: "REPLACE"}).warnings[0]
    found = desired(secret_settings={connection: "Password=hunter$x"})
    assert "setup tool" in found.warnings[0]
    assert "hunter" not in found.warnings[0]
    assert desired(secret_settings={connection: "Password=hunter;"}).warnings == []


@pytest.mark.parametrize(
    ("key", "one", "other", "same"),
    [
        (CLOUD, "TRUE", " true", True),
        (CLOUD, "true", "false", False),
        (CLOUD, "yes", "YES", False),
        (PORT, "+587", "587", True),
        (PORT, "0x10", "16", True),
        (ID, "{B4D6F8A0-1C2E-4F30-8A5B-6C7D8E9F0A1B}", "b4d6f8a01c2e4f308a5b6c7d8e9f0a1b", True),
        (API, "https://API.bitwarden.eu/", "https://api.bitwarden.eu", True),
        (API, "https://api.bitwarden.eu/a/", "https://api.bitwarden.eu/A/", False),
        (KEY, "a", "A", False),
        ("globalSettings__mail__sendGridPercentage", "", "0", False),
        ("globalSettings__own", "true", "TRUE", False),
    ],
)
def test_same_meaning(key: str, one: str, other: str, same: bool) -> None:
    assert same_meaning(key, one, other) is same


def test_messages_never_show_values() -> None:
    bad: List[Dict[str, Any]] = [{name: "canary value"} for name, kind in KNOWN_SETTINGS.items() if kind != "string"]
    for values in bad:
        with pytest.raises(SettingsError) as caught:
            settings({name.replace("<n>", "0"): value for name, value in values.items()})
        assert "canary" not in str(caught.value)


PASSWORD = "globalSettings__mail__smtp__password"
DURATION = "globalSettings__distributedCache__defaultExtendedCache__duration"


@pytest.mark.parametrize(
    ("option", "name", "value"),
    [
        *((option, PASSWORD, value) for option in ("settings", "secret_settings") for value in (83, True, 1.5)),
        ("settings", "SA_PASSWORD", 83),
        ("secret_settings", "globalSettings__siteName", 83),
        ("settings", "globalSettings__siteName", True),
        ("settings", "globalSettings__siteName", 1.1),
        ("settings", DURATION, 5400),
        ("settings", ID, 1),
        ("settings", PORT, date(2026, 1, 2)),
    ],
)
def test_what_yaml_does_not_keep_as_written_is_refused(option: str, name: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=rf"{name} is a \w+ to YAML, which does not keep how it was written.*Quote"):
        desired(**{option: {name: value}})


@pytest.mark.parametrize(
    ("option", "name", "value", "text"),
    [
        ("settings", PORT, 587, "587"),
        ("secret_settings", PORT, 587, "587"),
        ("settings", CLOUD, True, "true"),
        ("settings", "globalSettings__siteName", 2026, "2026"),
        ("settings", "globalSettings__sendAccessTokenLifetimeInMinutes", 5, "5"),
        ("settings", "OTHER_FLAG", True, "true"),
        ("secret_settings", PASSWORD, "0123", "0123"),
        ("settings", DURATION, "1:30:00", "1:30:00"),
    ],
)
def test_numbers_and_booleans_where_they_are_meant(option: str, name: str, value: Any, text: str) -> None:
    assert desired(**{option: {name: value}}).values[name] == text
