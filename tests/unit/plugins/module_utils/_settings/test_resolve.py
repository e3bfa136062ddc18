# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From requests to desired settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.errors import SettingsError

from .resolving import CLOUD, KEY, desired, settings

RECORDINGS = Path(__file__).parents[4] / "support" / "recordings"


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


def test_every_fault_is_named_at_once() -> None:
    request: Dict[str, Any] = {
        "settings": {
            "globalSettings__mail__smtp__port": "x",
            "globalSettings__installation__id": None,
            "a b": "1",
            "globalSettings__siteName": ["a"],
            "globalSettings__projectName": "a\nb",
            "globalSetting__hibpApiKey": "b",
            CLOUD: "yes",
        },
        "secret_settings": {"GLOBALSETTINGS__MAIL__SMTP__PORT": 1},
        "region": "EU",
        "file": "mssql",
    }
    with pytest.raises(SettingsError) as caught:
        desired(unknown_settings="fail", **request)
    for fault in (
        "cloud_communication and region are settings of the file 'global'",
        "globalSettings__mail__smtp__port takes a 32-bit integer",
        "globalSettings__mail__smtp__port is given twice in settings and in secret_settings",
        "'a b' is not a valid name",
        "globalSettings__siteName is given a list",
        "The value of globalSettings__projectName cannot be written: it contains a line break",
        "Did you mean globalSettings__hibpApiKey?",
        f"{CLOUD} takes true or false",
        f"{CLOUD} has no effect in the file 'mssql'",
    ):
        assert fault in str(caught.value)
