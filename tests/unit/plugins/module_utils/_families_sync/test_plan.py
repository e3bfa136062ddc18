# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the variables of the role to its plan."""

from __future__ import annotations

import json

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.plan import (
    Variables,
    claim,
    make_plan,
    plan_faults,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.steps import (
    LICENSE,
    LICENSE_SYNC,
    PREFLIGHT,
    SERVER,
    TOKEN,
    WAIT,
)

ALL = (PREFLIGHT, SERVER, WAIT, LICENSE, TOKEN, LICENSE_SYNC)
EXAMPLE = "ac5d6e7f-9081-4c23-9e4f-b2e500f1d003"


def plan(selected=ALL, **variables):
    return make_plan(Variables(**variables), selected)


def test_by_default_all_steps_but_the_license():
    found = plan()
    assert found.facts() == {
        "cloud_communication": True,
        "pull": None,
        "preflight": "",
        "cloud": "us",
        "configure": True,
        "wait": True,
        "steps": ["token", "sync"],
        "license": "none",
        "token_source": 'of ["us", "", ""]',
        "fetch": True,
        "rotate": False,
        "license_file": "",
        "update": False,
    }


@pytest.mark.parametrize("more", [{}, {"license": "cloud"}, {"license": "none"}])
def test_offline_nothing_of_the_cloud_is_asked(more):
    found = plan(offline=True, license_file="any.json", **more)
    assert (found.cloud_communication, found.pull, found.preflight) == (False, False, "skip")
    assert (found.steps, found.license) == (["license"], "file")
    assert (found.token_source, found.rotate) == ("", False)


def test_offline_without_a_file_the_license_stays():
    assert plan(offline=True, license="cloud").steps == []


def test_license_only_leaves_the_cloud_alone():
    found = plan(license_only=True, license="none", license_file="any.json", cloud="mistyped")
    assert (found.cloud_communication, found.pull, found.preflight) == (None, None, "skip")
    assert (found.steps, found.license, found.token_source) == (["license"], "file", "")


@pytest.mark.parametrize(
    ("variables", "source"),
    [
        ({}, "none"),
        ({"license": "none", "license_file": "any.json"}, "none"),
        ({"license_file": "any.json"}, "file"),
        ({"license": "file", "license_file": "any.json"}, "file"),
        ({"license": "cloud"}, "cloud"),
        ({"license": "cloud", "license_file": "any.json"}, "cloud"),
    ],
)
def test_source_of_the_license(variables, source):
    found = plan(**variables)
    assert found.license == source
    assert ("license" in found.steps) == (source != "none")
    assert plan([TOKEN], **variables).license == "none", "not selected"


def test_steps_come_in_the_order_of_the_flow():
    assert plan(license="cloud").steps == ["license", "token", "sync"]


@pytest.mark.parametrize(
    ("selected", "configure", "wait", "steps"),
    [
        ([PREFLIGHT], False, False, []),
        ([SERVER], False, False, []),
        ([WAIT], True, True, []),
        ([WAIT, LICENSE], True, True, ["license"]),
        ([TOKEN], True, False, ["token"]),
        ([LICENSE_SYNC], True, False, ["sync"]),
        ([], False, False, []),
    ],
)
def test_selected_steps(selected, configure, wait, steps):
    found = plan(selected, license="cloud")
    assert (found.configure, found.wait, found.steps) == (configure, wait, steps)
    assert bool(found.token_source) == (TOKEN in selected)


def test_nothing_is_asked_where_only_the_cloud_was_selected_and_may_not_be_asked():
    assert not plan([TOKEN, LICENSE_SYNC], offline=True).configure


@pytest.mark.parametrize(("mode", "expected"), [("warn", "warn"), ("fail", "fail"), ("skip", "skip")])
def test_preflight(mode, expected):
    assert plan(preflight=mode).preflight == expected
    assert plan([SERVER], preflight=mode).preflight == "skip"


@pytest.mark.parametrize(
    ("variables", "cloud"),
    [
        ({}, "us"),
        ({"region": "EU"}, "eu"),
        ({"region": "EU", "cloud": "US"}, "us"),
        ({"cloud": {"api_url": "https://a", "identity_url": "https://i"}},
         {"api_url": "https://a", "identity_url": "https://i"}),
    ],
)  # fmt: skip
def test_cloud(variables, cloud):
    assert plan(**variables).cloud == cloud


def source(**variables):
    return plan(**variables).token_source


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        # An id is the same organization, for all who ask, and however cloud and id are written.
        ({"cloud_organization": EXAMPLE}, {"cloud_organization": EXAMPLE.upper()}, True),
        ({"cloud_organization": EXAMPLE, "cloud": "us"}, {"cloud_organization": EXAMPLE, "cloud": "US"}, True),
        # A name can be that of another organization in the hands of another account.
        ({"cloud_organization": "Acme"}, {"cloud_organization": "Acme"}, False),
        ({"cloud_organization": EXAMPLE}, {"cloud_organization": EXAMPLE, "region": "EU"}, False),
    ],
    ids=["id", "cloud", "name", "region"],
)
def test_who_shares_a_token(first, second, shared):
    first, second = (
        source(cloud_client_id=account, **variables)
        for account, variables in (("user.1", first), ("user.2", second))
    )
    assert (first == second) == shared
    assert source(cloud_client_id="user.1", cloud_organization="Acme") != source(
        cloud_client_id="user.1", cloud_organization="Example"
    )


def test_a_source_is_no_list_for_old_templates():
    text = source(cloud_organization=EXAMPLE)
    assert text.startswith("of ") and json.loads(text[3:]) == ["us", EXAMPLE]


def test_a_token_given_by_hand_is_not_fetched():
    assert plan(billing_sync_token_given=True)[-5:-2] == ("", False, False)


@pytest.mark.parametrize("more", [{}, {"durations": {"token_max_age": "90d"}}])
def test_rotation_only_on_request(more):
    assert plan(**more)[-4:-2] == (True, False)
    assert plan(rotate=True, **more)[-4:-2] == (False, True)


def faults(selected=ALL, **variables):
    return plan_faults(Variables(**variables), selected)


@pytest.mark.parametrize("variables", [{"license": "file"}, {"license_only": True}])
def test_a_license_file_that_is_not_named(variables):
    (text,) = faults(**variables)
    assert "bitwarden_license_file is not set" in text
    assert not faults([TOKEN], **variables), "not needed"


@pytest.mark.parametrize("cloud", ["mars", {"api_url": "https://a"}, {"api_url": "a", "identity_url": "b", "x": "c"}])
def test_a_cloud_that_is_not_one(cloud):
    assert "bitwarden_cloud is " in faults(cloud=cloud)[0]
    assert not faults(cloud=cloud, offline=True)


def test_all_faults_are_named_together():
    text = " ".join(
        faults(
            cloud="mars", license="file",
            durations={"wait_timeout": "soon", "retry_timeout": "5m", "token_max_age": None},
        )
    )  # fmt: skip
    assert "bitwarden_wait_timeout: 'soon' is not a duration" in text
    assert "bitwarden_cloud is " in text and "bitwarden_license_file " in text
    assert "retry_timeout" not in text and "token_max_age" not in text


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"rotate": True, "offline": True}, "bitwarden_rotate and bitwarden_offline"),
        ({"rotate": True, "billing_sync_token_given": True}, "bitwarden_rotate is true, but bitwarden_billing_"),
        ({"durations": {"token_max_age": "90d"}}, "bitwarden_token_max_age is set, but bitwarden_rotate"),
        ({"cloud": "us", "region": "EU"}, "bitwarden_cloud is us, but bitwarden_region is EU"),
        ({"update": True, "offline": True}, "bitwarden_update is if_needed and bitwarden_offline is true"),
    ],
)
def test_variables_that_contradict_each_other(variables, named):
    (text,) = faults(**variables)
    assert text.startswith(named)


@pytest.mark.parametrize(
    "variables",
    [
        {"rotate": True, "durations": {"token_max_age": "90d"}},
        {"cloud": "eu", "region": "EU"},
        {"offline": True, "billing_sync_token_given": True},
        {"license_only": True, "license_file": "any.json", "rotate": True},
        {"update": True, "offline": True, "update_source": "/srv/release"},
    ],
)
def test_variables_that_go_together(variables):
    assert not faults(**variables)


def test_what_a_host_does_with_its_token():
    rotating, by_hand = claim(Variables(rotate=True), ALL), claim(Variables(billing_sync_token_given=True), ALL)
    assert rotating.source == by_hand.source
    assert (rotating.rotates, rotating.by_hand, by_hand.rotates, by_hand.by_hand) == (True, False, False, True)
    assert claim(Variables(offline=True), ALL) is claim(Variables(), [SERVER]) is None


@pytest.mark.parametrize(
    ("variables", "second"),
    [({}, False), ({"rotate": True}, True), ({"license": "cloud"}, True), ({"update": True}, True)],
)
def test_who_may_need_a_second_pass(variables, second):
    assert plan(**variables).second_pass == second
