# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings request of a module's parameters, and what is left to show."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import (
    DESIRED_OPTIONS,
    SETTINGS_OPTIONS,
    request_from,
)

from .resolving import CLOUD, KEY

NOTHING: Dict[str, Any] = {"settings": {}, "secret_settings": {}, "cloud_communication": None, "region": None}


def test_the_request_has_what_is_left_masked() -> None:
    params = {**NOTHING, "settings": {KEY: "canary", CLOUD: True}, "secret_settings": {CLOUD: "canary"}}
    request = request_from(params)
    assert (request.settings[KEY], request.secret_settings[CLOUD]) == ("canary", "canary")
    assert "canary" not in str(params)
    assert params["settings"][CLOUD] is True


def test_a_module_that_only_reads_asks_for_the_global_file() -> None:
    request = request_from(dict(NOTHING))
    assert (request.file, request.unknown_settings) == ("global", "ignore")
    request = request_from({**NOTHING, "file": "mssql", "unknown_settings": "fail"})
    assert (request.file, request.unknown_settings) == ("mssql", "fail")
    assert set(NOTHING) == set(DESIRED_OPTIONS) < set(SETTINGS_OPTIONS)


@pytest.mark.parametrize(
    ("given", "empty"),
    [
        ({}, True),
        ({"file": "mssql", "unknown_settings": "fail"}, True),
        ({"settings": {"a": 1}}, False),
        ({"secret_settings": {"a": 1}}, False),
        ({"region": "US"}, False),
        ({"cloud_communication": False}, False),
    ],
)
def test_whether_a_request_asks_for_anything(given: Dict[str, Any], empty: bool) -> None:
    assert request_from({**NOTHING, **given}).empty is empty
