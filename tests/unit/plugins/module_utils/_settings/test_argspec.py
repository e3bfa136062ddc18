# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings request of a module's parameters, and what is left to show."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import pytest
import yaml
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import (
    DESIRED_OPTIONS,
    HOST_MODULES,
    SETTINGS_OPTIONS,
    OptionError,
    option_faults,
    read_durations,
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


@pytest.mark.parametrize(
    ("params", "fault"),
    [
        ({"bwdata": ""}, "bwdata: is empty."),
        ({"bwdata": "bwdata"}, "bwdata: bwdata is not an absolute path."),
        ({"script": "./bitwarden.sh"}, "script: ./bitwarden.sh is not an absolute path."),
        ({"lock_timeout": "soon"}, "lock_timeout: 'soon' is not a duration."),
        ({"wait_timeout": "1h30m"}, "wait_timeout: '1h30m' is not a duration."),
        ({"since": ""}, "since: '' is not a duration."),
        ({"timeout": "0s"}, "timeout must be longer than zero."),
        ({"organization": "Example"}, "organization: Example is not the id of an organization"),
        ({"organization": "../../core/licenses/user/x"}, "organization: ../../core/licenses/user/x is not the id"),
        ({"wait_timeout": "0s"}, "wait_timeout must be longer than zero."),
        ({"backup_count": -1}, "backup_count must not be negative."),
    ],
)
def test_faults_name_the_option(params: Dict[str, Any], fault: str) -> None:
    (found,) = option_faults(params)
    assert found.startswith(fault)


@pytest.mark.parametrize(
    "params",
    [
        {"backup_count": "x", "bwdata": ["a"], "lock_timeout": "1m"},
        {"organization": ""},
        {"organization": "7F2A3B4C-6D5E-4F90-8B1C-B2E500F1C003"},
        {"script": None, "timeout": "1"},
    ],
)
def test_what_is_no_fault_or_another_checks_one(params: Dict[str, Any]) -> None:
    assert option_faults(params) == []


def test_defaults_have_no_fault() -> None:
    for options in HOST_MODULES.values():
        assert option_faults({name: option.get("default") for name, option in options.items()}) == []


def test_durations_are_read_after_all_options_are_checked(tmp_path: Path) -> None:
    params = {"bwdata": str(tmp_path), "lock_timeout": "1m", "wait_timeout": "1h"}
    assert read_durations(params) == {"lock_timeout": 60, "wait_timeout": 3600}
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OptionError, match=r"lock_timeout: 'x' is not .* bwdata: .*file is not a folder"):
        read_durations({"bwdata": str(file), "lock_timeout": "x"})
    assert read_durations({"bwdata": str(tmp_path / "none")}) == {}


@pytest.mark.parametrize("given", ["", "bwdata/env", "bwdata/docker/"])
def test_a_folder_beside_the_right_one_leads_to_it(tmp_path: Path, given: str) -> None:
    bwdata = tmp_path / "bwdata"
    for name in ("env", "docker"):
        (bwdata / name).mkdir(parents=True)
    (bwdata / "env" / "global.override.env").touch()
    with pytest.raises(OptionError, match=rf"is not the data folder of the server\. Set it to {bwdata}\."):
        read_durations({"bwdata": f"{tmp_path}/{given}"})
    for good in (str(bwdata), f"{bwdata}/", str(tmp_path / "elsewhere")):
        assert read_durations({"bwdata": good}) == {}


@pytest.mark.parametrize("module", sorted(HOST_MODULES))
def test_choices_are_as_they_are_documented(module: str) -> None:
    path = Path(__file__).resolve().parents[5] / "plugins" / "modules" / f"{module}.py"
    documented = yaml.safe_load(path.read_text().split('"""')[3])["options"]
    for name, option in HOST_MODULES[module].items():
        if "choices" in documented.get(name, {}):
            told = documented[name]
            assert (option["choices"], option.get("default")) == (told["choices"], told.get("default"))
