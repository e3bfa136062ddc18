# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of settings: their spelling, and unknown ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.errors import SettingsError

from .resolving import CLOUD, PORT, desired, settings

ROLES = ("owner", "admin", "cs", "billing", "sales")
RECORDINGS = Path(__file__).parents[4] / "support" / "recordings"


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
    ("file", "name", "message"),
    [
        ("global", "globalSettings__enableCloudComunication", f"Did you mean {CLOUD}"),
        ("global", "globalSettings__mail__smtp__prot", f"Did you mean {PORT}"),
        ("global", "globalSettings__zzzzzzzz", r"would ignore it\.$"),
        ("global", "globalSettings__yubico__validationUrls__x", "would ignore it"),
        ("mssql", CLOUD, "belongs in 'global'"),
        ("key_connector", CLOUD, "belongs in 'global'"),
        ("global", "keyConnectorSettings__webVaultUri", "belongs in 'key_connector'"),
        ("key_connector", "keyConnectorSetting__webVaultUri", r"Did you mean keyConnectorSettings__webVaultUri\?"),
        ("mssql", "backup_db", r"Did you mean BACKUP_DB\?"),
        ("mssql", "SA_PASWORD", r"Did you mean SA_PASSWORD\?"),
        ("mssql", "BACKUP_DBS", r"Did you mean BACKUP_DB\?"),
        ("global", "BACKUP_DB", "belongs in 'mssql'"),
        ("key_connector", "SA_PASSWORD", "belongs in 'mssql'"),
        ("mssql", "globalSetting__mail__smtp__host", r"Did you mean globalSettings__mail__smtp__host\?"),
    ],
)
def test_unknown_names(file: str, name: str, message: str) -> None:
    request = {"settings": {name: "true"}, "file": file}
    assert len(desired(**request).warnings) == 1
    assert desired(**request, unknown_settings="ignore").warnings == []
    with pytest.raises(SettingsError, match=message):
        desired(**request, unknown_settings="fail")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("globalSetting__hibpApiKey", "globalSettings__hibpApiKey"),
        ("globalSettings_mail__smtp__host", "globalSettings__mail__smtp__host"),
        ("globalSettings.mail.smtp.host", "globalSettings__mail__smtp__host"),
        ("globalSettings-mail-smtp-host", "globalSettings__mail__smtp__host"),
        ("globalSettingsMail__smtp__host", "globalSettings__mail__smtp__host"),
        ("GLOBAL_SETTINGS__MAIL__SMTP__HOST", "globalSettings__mail__smtp__host"),
        ("global__mail__smtp__host", "globalSettings__mail__smtp__host"),
        ("globalSettings__yubico__validationUrls[0]", "globalSettings__yubico__validationUrls__0"),
        ("globalSetings__enableCloudComunication", CLOUD),
        ("adminSetting__admins", "adminSettings__admins"),
        ("adminSettings__role__ownr", "adminSettings__role__owner"),
        ("iconSettings__cacheHours", "iconsSettings__cacheHours"),
        ("enableCloudCommunication", CLOUD),
        ("EnableCloudComunication", CLOUD),
        ("mail__smtp__host", "globalSettings__mail__smtp__host"),
        ("mail__smtp__hosts", "globalSettings__mail__smtp__host"),
        ("mail:smtp:host", "globalSettings__mail__smtp__host"),
        ("installation__id", "globalSettings__installation__id"),
        ("role__owner", "adminSettings__role__owner"),
        ("globalSettings__admins", "adminSettings__admins"),
        ("smtp__host", "globalSettings__mail__smtp__host"),
        ("icons__cacheHours", "iconsSettings__cacheHours"),
        ("change_password_uri_settings__cacheHours", "changePasswordUriSettings__cacheHours"),
        ("bitwarden__globalSettings__hibpApiKey", "globalSettings__hibpApiKey"),
        ("MAIL_SMTP_HOST", "globalSettings__mail__smtp__host"),
        ("DISABLE_EMAIL_NEW_DEVICE", "globalSettings__disableEmailNewDevice"),
        ("adminSettings__mail__smtp__host", "globalSettings__mail__smtp__host"),
    ],
)
def test_a_section_that_is_mistyped_left_out_or_the_wrong_one(name: str, meant: str) -> None:
    value = {name: "00000000-0000-0000-0000-000000000001"}
    (warning,) = desired(settings=value).warnings
    assert warning.endswith(f"the server would ignore it. Did you mean {meant}?")
    with pytest.raises(SettingsError, match=f"Did you mean {meant}"):
        desired(settings=value, unknown_settings="fail")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("globalSettings__logDirectory", "/etc/bitwarden/logs"),
        ("globalSettings__logDirectoryByProject", "false"),
        ("globalSettings__logRollBySizeLimit", "5368709120"),
        ("globalSettings__kerberosUser", "bitwarden"),
        ("globalSettings__notificationHubPool__notificationHubs__0__registrationEndDate", "2026-11-01"),
        ("iconsSettings__cacheEnabled", "true"),
        *((f"adminSettings__role__{role}", "a@example.com,b@example.com") for role in ROLES),
        *((f"ADMINSETTINGS:ROLE:{role.upper()}", "a@example.com") for role in ROLES),
    ],
)
def test_settings_that_the_server_reads_elsewhere(name: str, value: str) -> None:
    assert desired(settings={name: value}, unknown_settings="fail").warnings == []


@pytest.mark.parametrize("name", ["globalSettings__logRollBySizeLimit", "iconsSettings__cacheEnabled"])
def test_their_values_are_checked(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        desired(settings={name: "yes"})


@pytest.mark.parametrize("unknown_settings", ["warn", "fail", "ignore"])
def test_settings_of_earlier_versions_are_known(unknown_settings: str) -> None:
    settings = {"globalSettings__syslog__destination": "udp://syslog.example.com:514"}
    warnings = desired(settings=settings, unknown_settings=unknown_settings).warnings
    expected = "globalSettings__syslog__destination has no effect in versions of Bitwarden newer than 2025.11.1."
    assert warnings == ([] if unknown_settings == "ignore" else [expected])


@pytest.mark.parametrize("name", ["globalSettings__a b", "globalSettings/mail", "mail$", "-a", ".a", "[a"])
def test_the_message_about_a_name_lists_what_it_may_have(name: str) -> None:
    with pytest.raises(SettingsError, match=r"digits and the characters _ \. - \[ \]"):
        settings({name: "1"})


@pytest.mark.parametrize(
    "name",
    [
        CLOUD,
        CLOUD.upper(),
        "globalSettings__yubico__validationUrls__12",
        "globalSettings__launchDarkly__flagValues__a-b",
        "HTTP_PROXY",
        "https_proxy",
        "ASPNETCORE_ENVIRONMENT",
        "DOTNET_gcServer",
        "PROJECT_NAME",
        "REQUESTS_CA_BUNDLE",
        "Kestrel__Certificates__Default__Password",
        "TZ",
        "KEY",
        "Logging__LogLevel__Default",
        "Logging__PathFormat",
        "Kestrel__Endpoints__Http__Url",
        "IpRateLimitOptions__EnableEndpointRateLimiting",
    ],
)
def test_names_that_are_not_unknown(name: str) -> None:
    assert desired(settings={name: "true"}, unknown_settings="fail").warnings == []


@pytest.mark.parametrize("name", ["SA_PASSWORD", "sa_password", "BACKUP_DB", "BACKUP_INTERVAL", "TZ", "MSSQL_PID"])
def test_names_of_the_database(name: str) -> None:
    assert desired(settings={name: "1"}, file="mssql", unknown_settings="fail").warnings == []
