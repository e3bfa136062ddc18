# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.document import EnvFile
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.setup_tool import BUILT_IN
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.catalog import KNOWN_SETTINGS
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.errors import SettingsError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.resolve import (
    DesiredSettings,
    SettingsRequest,
    resolve,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.secrecy import is_secret
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.values import same_meaning

from tests.support.tools.generate_known_settings import RECORDING, TABLE, generate

RECORDINGS = Path(__file__).parents[4] / "support" / "recordings"
CLOUD = "globalSettings__enableCloudCommunication"
REGION = "globalSettings__baseServiceUri__cloudRegion"
IDENTITY = "globalSettings__installation__identityUri"
API = "globalSettings__installation__apiUri"
PUSH = "globalSettings__pushRelayBaseUri"
ID = "globalSettings__installation__id"
KEY = "globalSettings__installation__key"
PORT = "globalSettings__mail__smtp__port"
EU = {
    REGION: "EU",
    IDENTITY: "https://identity.bitwarden.eu",
    API: "https://api.bitwarden.eu",
    PUSH: "https://push.bitwarden.eu",
}


def desired(current: str = "", **request: Any) -> DesiredSettings:
    return resolve(SettingsRequest(**request), EnvFile.parse(current.encode(), "file"))


def settings(values: Mapping[str, Any], **request: Any) -> Dict[str, Optional[str]]:
    return desired(settings=values, **request).values


def lines(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())


def test_the_table_is_the_recorded_one() -> None:
    recording = json.loads(RECORDING.read_text(encoding="utf-8"))
    assert recording["settings"] == KNOWN_SETTINGS
    assert TABLE.read_text(encoding="utf-8") == generate(recording)


def test_the_built_in_settings_are_those_of_a_fresh_file() -> None:
    fresh = json.loads((RECORDINGS / "setup-rewrite.json").read_text(encoding="utf-8"))["rewrites"][0]["after"]
    assert tuple(EnvFile.parse(fresh.encode(), "file").values()) == BUILT_IN["global"]


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
    ("key", "name"),
    [
        ("GLOBALSETTINGS__MAIL__SMTP__PORT", PORT),
        ("globalSettings:mail:smtp:port", PORT),
        ("globalsettings__enablecloudcommunication", CLOUD),
        ("sa_password", "SA_PASSWORD"),
        ("HTTP_PROXY", "HTTP_PROXY"),
        ("globalSettings__yubico__validationUrls__0", "globalSettings__yubico__validationUrls__0"),
    ],
)
def test_names_are_written_in_their_proper_spelling(key: str, name: str) -> None:
    value = "true" if name == CLOUD else "1"
    assert list(settings({key: value})) == [name]


@pytest.mark.parametrize(
    "key",
    ["", " ", "a b", "1a", "a=b", "a\n", "__a", "a__", "a____b", "#a", "caf\u00e9", "globalSettings__", "$a", "a___b"],
)
def test_malformed_names_are_refused(key: str) -> None:
    with pytest.raises(SettingsError, match="name"):
        settings({key: "secret"})


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


@pytest.mark.parametrize("request_", [{"region": "EU"}, {"cloud_communication": True}])
def test_the_short_options_belong_to_the_global_file(request_: Dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="file 'global'"):
        desired(file="mssql", **request_)


def test_cloud_communication() -> None:
    assert desired(cloud_communication=True).values == {CLOUD: "true"}
    assert settings({CLOUD: "TRUE"}, cloud_communication=True) == {CLOUD: "true"}
    with pytest.raises(SettingsError, match="given twice in settings and in cloud_communication"):
        settings({CLOUD: False}, cloud_communication=True)


def test_a_setting_in_both_options_is_refused() -> None:
    with pytest.raises(SettingsError, match="in settings and in secret_settings"):
        settings({KEY: "aaaa"}, secret_settings={KEY.upper(): "bbbb"})


@pytest.mark.parametrize(
    ("file", "name", "message"),
    [
        ("global", "globalSettings__enableCloudComunication", f"Did you mean {CLOUD}"),
        ("global", "globalSettings__mail__smtp__prot", f"Did you mean {PORT}"),
        ("global", "globalSettings__zzzzzzzz", r"would ignore it\.$"),
        ("global", "globalSettings__yubico__validationUrls__x", "would ignore it"),
        ("mssql", CLOUD, "belongs in 'global'"),
    ],
)
def test_unknown_names(file: str, name: str, message: str) -> None:
    request = {"settings": {name: "true"}, "file": file}
    assert len(desired(**request).warnings) == 1
    assert desired(**request, unknown_settings="ignore").warnings == []
    with pytest.raises(SettingsError, match=message):
        desired(**request, unknown_settings="fail")


@pytest.mark.parametrize(
    "name",
    [
        CLOUD,
        CLOUD.upper(),
        "globalSettings__yubico__validationUrls__12",
        "globalSettings__launchDarkly__flagValues__a-b",
        "HTTP_PROXY",
        "ASPNETCORE_ENVIRONMENT",
    ],
)
def test_names_that_are_not_unknown(name: str) -> None:
    assert desired(settings={name: "true"}, unknown_settings="fail").warnings == []


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
    ("key", "secret"),
    [
        (KEY, True),
        (KEY.upper(), True),
        (KEY.replace("__", ":") + " ", True),
        ("globalSettings__mail__smtp__password", True),
        ("globalSettings__sqlServer__connectionString", True),
        ("SA_PASSWORD", True),
        ("https_proxy", True),
        ("globalSettings__mail__smtp__pasword", True),
        ("globalSettings__instalation_key", True),
        ("globalSettings__passwordlessAuth__knownDevicesOnly", False),
        ("globalSettings__twoFactorUserVerificationTokenLifetimeInMinutes", False),
        (CLOUD, False),
        (ID, False),
        ("globalSettings__mail__smtp__host", False),
        ("globalSettings__a__b", False),
    ],
)
def test_is_secret(key: str, secret: bool) -> None:
    assert is_secret(key) is secret
    assert is_secret(key, desired(secret_settings={CLOUD: True}).secret_keys) is (secret or key == CLOUD)


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
