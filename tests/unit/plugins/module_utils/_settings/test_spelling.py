# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of settings: their spelling, and unknown ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.errors import SettingsError

from .resolving import CLOUD, PORT, desired, settings

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
