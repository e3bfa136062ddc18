# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names of variables in messages about options, and the shares and tables that go with them."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.check import percentage_fault
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.variables import (
    CLOUD,
    ORGANIZATION,
    SERVER,
    SERVER_INFO,
    UPDATE,
    names_of,
    renamed,
    with_variables,
)

from tests.support.tools.commands import ROOT

OPTIONS = yaml.safe_load((ROOT / "roles/families_sync/meta/argument_specs.yml").read_text())["argument_specs"]["main"]


@pytest.mark.parametrize(
    ("names", "text", "expected"),
    [
        (ORGANIZATION, "url is missing. Set it.", "bitwarden_url is missing. Set it."),
        (ORGANIZATION, "client_id: no. Set client_id, or BW_CLIENTID in the environment.",
         "bitwarden_client_id: no. Set bitwarden_client_id, or BW_CLIENTID in the environment."),
        (ORGANIZATION, "client_key needs client_cert.", "bitwarden_client_key needs bitwarden_client_cert."),
        (ORGANIZATION, "Set organization to its name or id.", "Set bitwarden_organization to its name or id."),
        (ORGANIZATION, "The organization is disabled. Check url: it is an address of the organization.",
         "The organization is disabled. Check bitwarden_url: it is an address of the organization."),
        (ORGANIZATION, "The account owns several organizations.", "The account owns several organizations."),
        (CLOUD, "Check option cloud. Check client_id and client_secret.",
         "Check bitwarden_cloud. Check bitwarden_cloud_client_id and bitwarden_cloud_client_secret."),
        (CLOUD, "master_password is missing.", "bitwarden_cloud_password is missing."),
        (CLOUD, "cloud is neither US nor EU.", "bitwarden_cloud is neither US nor EU."),
        (SERVER, "bwdata: /x is not a folder.", "bitwarden_bwdata: /x is not a folder."),
        (SERVER, "config.ssl: no. Correct it. certificate.key: no. config: no.",
         "bitwarden_config.ssl: no. Correct it. bitwarden_certificate.key: no. bitwarden_config: no."),
        (SERVER, "Given both in settings and in secret_settings: x.",
         "Given both in bitwarden_settings and in bitwarden_secret_settings: x."),
    ],
)  # fmt: skip
def test_messages_name_variables(names, text, expected):
    assert with_variables(text, names) == expected
    assert with_variables(expected, names) == expected, "once"


def test_names_by_plugin_and_step():
    assert names_of("families_sync_apply", {}) is SERVER
    assert names_of("cloud_license", {}) is CLOUD
    assert names_of("organization", {"step": "fetch"}) is CLOUD
    assert names_of("organization", {"step": "sync"}) is ORGANIZATION
    found = renamed({"msg": "url is missing.", "advice": "Set url.", "layer": "url is"}, ORGANIZATION)
    assert found == {"msg": "bitwarden_url is missing.", "advice": "Set bitwarden_url.", "layer": "url is"}


def test_every_variable_becomes_an_option_or_decides_a_plan():
    decide = {f"bitwarden_{name}" for name in ("rotate", "license", "license_file", "preflight", "offline", "update")}
    become = {*SERVER.values(), *ORGANIZATION.values(), *CLOUD.values(), *UPDATE.values(), *SERVER_INFO.values()}
    assert become | decide == set(OPTIONS["options"]) and not become & decide


@pytest.mark.parametrize(
    ("value", "right"),
    [(50, True), ("50", True), ("50%", True), (" 33.3 % ", True), (0, True), ("abc", False), (101, False), (-1, False),
     ("nan", False), (True, False), ("", False)],
)  # fmt: skip
def test_percentages(value, right):
    fault = f"bitwarden_max_fail_percentage: {value!r} is not a percentage. Write a number from 0 to 100."
    assert percentage_fault(value) == ("" if right else fault)
