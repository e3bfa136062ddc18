# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Dict

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.masking import mask_arguments
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import HOST_MODULES
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.secrecy import is_secret
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._host_action import (
    ArgumentError,
    HostActionModule,
    check_arguments,
    with_secrets_apart,
    with_upper_case_region,
)

KEY = "globalSettings__installation__key"
HOST = "globalSettings__mail__smtp__host"
APART = {"settings": {HOST: "a"}, "secret_settings": {KEY: "canary"}}


@pytest.mark.parametrize(
    "arguments",
    [
        {"settings": {HOST: "a", KEY: "canary"}},
        {"settings": {HOST: "a", KEY: "canary"}, "secret_settings": None},
        {"settings": {HOST: "a"}, "secret_settings": {KEY: "canary"}},
        {"settings": f'{{"{HOST}": "a", "{KEY}": "canary"}}'},
        {"settings": f"{HOST}=a {KEY}=canary"},
        {"settings": f"{HOST}=a,{KEY}='canary'"},
        {"settings": {HOST: "a"}, "secret_settings": f"{KEY}=canary"},
        {"settings": f"{HOST}=a", "secret_settings": f'{{"{KEY}": "canary"}}'},
    ],
)
def test_secrets_are_sent_as_secrets(arguments: Dict[str, Any]) -> None:
    found = with_secrets_apart(arguments)
    if isinstance(found["secret_settings"], str):
        # Text of the secret option is secret as it stands.
        assert KEY in found.pop("secret_settings")
        assert found == {"settings": APART["settings"]}
    else:
        assert found == APART


@pytest.mark.parametrize(
    "key", [KEY.upper(), KEY.replace("__", ":"), KEY + " ", "SA_PASSWORD", "globalSettings__mail__smtp__pasword"]
)
def test_however_the_name_is_spelt(key: str) -> None:
    assert with_secrets_apart({"settings": {key: "canary"}})["settings"] == {}


def test_everything_else_stays_as_it_is() -> None:
    arguments = {"bwdata": "/x", "settings": {HOST: None, 5: True}, "region": "EU"}
    assert with_secrets_apart(arguments) == arguments
    assert with_secrets_apart({}) == {}


@pytest.mark.parametrize(
    ("given", "sent"), [("EU", "EU"), ("eu", "EU"), ("Us", "US"), ("moon", "moon"), (None, None), (5, 5)]
)
def test_a_region_in_any_case(given: object, sent: object) -> None:
    assert with_upper_case_region({"region": given, "backup": True}) == {"region": sent, "backup": True}
    assert with_upper_case_region({"backup": True}) == {"backup": True}


@pytest.mark.parametrize("settings", ["canary", "{canary", ["canary"], 5, "a=canary canary"])
def test_unusable_arguments_are_not_shown(settings: object) -> None:
    with pytest.raises(ArgumentError, match="settings must be a mapping") as caught:
        with_secrets_apart({"settings": settings})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("text", ["canary==", "Server=db;Password=canary", "a=1 canary=2"])
@pytest.mark.parametrize("option", ["settings", "secret_settings"])
def test_a_secret_in_place_of_a_mapping_is_not_taken_for_pairs(option: str, text: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{option} must be a mapping") as caught:
        with_secrets_apart({option: text})
    assert "canary" not in str(caught.value)


def test_pairs_of_settings_are_taken() -> None:
    found = with_secrets_apart({"settings": f"{HOST}=x SA_PASSWORD=canary"})
    assert found == {"settings": {HOST: "x"}, "secret_settings": {"SA_PASSWORD": "canary"}}
    assert with_secrets_apart({"secret_settings": "{}", "settings": {}}) == {"secret_settings": "{}", "settings": {}}


def test_a_setting_in_both_options_is_refused() -> None:
    with pytest.raises(ArgumentError, match=KEY):
        with_secrets_apart({"settings": {KEY: "canary"}, "secret_settings": {KEY: "other"}})


@pytest.mark.parametrize("value", ["canary", ["canary"], {"a": ["canary"]}])
def test_an_encrypted_value_is_a_secret_whatever_its_name(value: object) -> None:
    class Vaulted:
        def __contains__(self, one: object) -> bool:
            return one == value

    found = with_secrets_apart({"settings": {HOST: value, "globalSettings__siteName": "a"}}, Vaulted())  # type: ignore[arg-type]
    assert found == {"settings": {"globalSettings__siteName": "a"}, "secret_settings": {HOST: value}}


@pytest.mark.parametrize("module", sorted(HOST_MODULES))
@pytest.mark.parametrize("value", ["canary", ["canary"], {"a": [{"b": "canary"}]}])
def test_an_option_that_no_host_module_has_is_not_sent(module: str, value: object) -> None:
    with pytest.raises(ArgumentError, match=r"Unknown options: cloud_secret\. The options of") as caught:
        check_arguments(module, {"cloud_secret": value})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("module", "option"),
    [
        (module, name)
        for module, options in HOST_MODULES.items()
        for name in options
        if options[name]["type"] not in ("dict", "list")
    ],
)
@pytest.mark.parametrize("value", [["canary"], {"password": "canary"}, [{"a": {"b": "canary"}}]])
def test_a_structure_for_a_single_value_is_not_shown(module: str, option: str, value: object) -> None:
    with pytest.raises(ArgumentError, match=f"{option} takes a single value, not a list or mapping") as caught:
        check_arguments(module, {option: value})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("value", [["canary"], {"password": "canary"}, [{"a": {"b": "canary"}}]])
def test_what_a_list_does_not_take_is_not_shown(value: object) -> None:
    with pytest.raises(ArgumentError, match="gather") as caught:
        check_arguments("server_info", {"gather": value})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("option", ["settings", "secret_settings"])
@pytest.mark.parametrize("value", [["canary"], {"password": "canary"}, [{"a": {"b": "canary"}}]])
def test_a_structure_for_a_setting_is_sent_as_a_secret(option: str, value: object) -> None:
    found = with_secrets_apart({option: {"globalSettings__siteName": value}})
    assert found["secret_settings"] == {"globalSettings__siteName": value}
    assert not found.get("settings")


def test_every_fault_is_named_at_once() -> None:
    arguments = {"secret_setings": "canary", "lock_timeout": "soon", "wait_timeout": "1x", "bwdata": "a/b", "state": 1}
    with pytest.raises(ArgumentError) as caught:
        check_arguments("server", arguments)
    for fault in (
        "secret_setings (did you mean secret_settings?)",
        "lock_timeout: 'soon' is not a duration",
        "wait_timeout: '1x' is not a duration",
        "bwdata: a/b is not an absolute path",
        "state must be one of: started, restarted, stopped",
    ):
        assert fault in str(caught.value)


def test_good_arguments_are_sent() -> None:
    check_arguments("server", {"bwdata": "~/bwdata", "settings": {HOST: 1}, "lock_timeout": 5, "script": None})
    check_arguments("server_info", {})


def test_shown_arguments_are_masked() -> None:
    shown = mask_arguments(
        {
            "bwdata": "/x",
            "backup": None,
            "settings": {HOST: "a", KEY: ["canary"]},
            "secret_settings": {HOST: "canary"},
            "secret_setings": "canary",
            "setings": {HOST: {"a": "canary"}},
            "stuff": [{"canary": {"a": ["canary"]}}],
        },
        ("bwdata", "backup", "settings", "secret_settings"),
        is_secret,
    )
    assert "canary" not in str(shown).replace("'canary':", "")
    assert (shown["bwdata"], shown["backup"], shown["settings"][HOST]) == ("/x", None, "a")
    assert list(shown["secret_settings"]) == [HOST]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"fail_when_unreachable": True}, {"failed": True, "msg": "unreachable: no route to host"}),
        ({"fail_when_unreachable": "yes"}, {"failed": True, "msg": "unreachable: no route to host"}),
        ({"fail_when_unreachable": "no"}, {"unreachable": True, "msg": "no route to host"}),
        ({}, {"unreachable": True, "msg": "no route to host"}),
    ],
)
def test_a_host_that_cannot_be_reached_is_a_failure_where_the_task_says_so(
    arguments: Dict[str, Any], expected: Dict[str, Any]
) -> None:
    action = HostActionModule.__new__(HostActionModule)
    action._task = SimpleNamespace(args=arguments)
    assert action._failure(AnsibleConnectionFailure("no route to host")) == {**expected, "changed": False}
