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
