# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Binding of the environment, and what kills the start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from standin.settings_binding import FatalSetting, bind, known_settings

INSTALLATION = "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"
USUAL = {"globalSettings__installation__id": INSTALLATION}
CLOUD = "globalSettings__enableCloudCommunication"


@pytest.mark.parametrize("name", [CLOUD, CLOUD.upper(), CLOUD.lower(), CLOUD.replace("__", ":")])
@pytest.mark.parametrize(("value", "expected"), [("true", True), (" True ", True), ("FALSE", False)])
def test_names_and_booleans_are_read_without_case(name, value, expected):
    assert bind({**USUAL, name: value}, "Api", True).boolean(CLOUD) is expected


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (CLOUD, "yes", "'yes' at 'GlobalSettings:EnableCloudCommunication' to type 'System.Boolean'"),
        (CLOUD, "", "'' at 'GlobalSettings:EnableCloudCommunication'"),
        ("globalSettings__mail__smtp__port", "abc", "'GlobalSettings:Mail:Smtp:Port' to type 'System.Int32'"),
        ("globalSettings__mail__smtp__port", "2147483648", "System.Int32"),
        ("globalSettings__installation__id", "x", "System.Guid"),
        ("globalSettings__installation__id", "00000000-0000-0000-0000-000000000000", "Installation Id must be set"),
        ("globalSettings__passwordlessAuth__userRequestExpiration", "soon", "System.TimeSpan"),
        ("globalSettings__dataProtection__unprotectCertificates__0__enabled", "1", "System.Boolean"),
    ],
)
def test_a_value_of_another_type_kills(name, value, told):
    with pytest.raises(FatalSetting, match="Unhandled exception") as death:
        bind({**USUAL, name: value}, "Api", True)
    assert told in death.value.lines[0]
    assert death.value.lines[-1].strip() == "at Bit.Api.Program.Main(String[] args)"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("globalSettings__mail__smtp__port", " 587 "),
        ("globalSettings__mail__smtp__port", "0x24B"),
        ("globalSettings__mail__sendGridPercentage", ""),
        ("globalSettings__installation__id", "{" + INSTALLATION.upper() + "}"),
        ("globalSettings__installation__id", INSTALLATION.replace("-", "")),
        ("globalSettings__passwordlessAuth__userRequestExpiration", "1.02:03:04"),
        ("globalSettings__noSuchThing", "x"),
    ],
)
def test_odd_but_good_values_live(name, value):
    assert bind({**USUAL, name: value}, "Api", True).guid("globalSettings__installation__id") == INSTALLATION


def test_the_cloud_needs_no_installation():
    assert bind({}, "Api", self_hosted=False).text("globalSettings__installation__key") == ""


def test_either_of_two_case_twins_may_win():
    environment = {**USUAL, CLOUD: "true", CLOUD.replace("enable", "Enable"): "false"}
    assert {bind(environment, "Api", True).boolean(CLOUD) for _count in range(100)} == {True, False}


def test_the_table_of_settings_is_the_recorded_one():
    recorded = Path(__file__).resolve().parents[3] / "support" / "recordings" / "settings.json"
    assert known_settings() == json.loads(recorded.read_text())["settings"]
