# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of the settings, and what those of host and container say about each other."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.checks import check_settings, compare
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.endpoints import DesiredCloud
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.failures import Outcome, skipped
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.report import CONTAINER, HOST

from .test_endpoints import EU, SHORT, US, setting

CLOUD = DesiredCloud.of({}.get)
FINE = Outcome(True, "", "answered 200", "", 200)
OURS, THEIRS = {"HTTPS_PROXY": "http://ours.test"}, {"HTTPS_PROXY": "http://theirs.test"}


def run(here, inside, server=None, host=None):
    """Return the checks when api and identity both went like this, by name and vantage point."""
    both = [dict.fromkeys(("api", "identity"), one) for one in (here, inside)]
    environments = {HOST: host or {}, CONTAINER: server or {}}
    return {(check.name, check.where): check for check in compare(CLOUD.endpoints, *both, environments)}


@pytest.mark.parametrize(
    ("layer", "server", "host", "words"),
    [
        ("tcp", {}, {}, "DOCKER-USER"),
        ("dns", {}, {}, "containers' name servers"),
        ("tls", {}, {}, "only the containers are inspected"),
        ("http", {}, {}, ""),
        # The host has a proxy, the server has none: that is what is missing.
        ("tcp", {}, OURS, "by its proxy ours.test port 80: set HTTPS_PROXY"),
        ("dns", {}, OURS, "by its proxy ours.test port 80: set HTTPS_PROXY"),
        ("tls", {}, OURS, "by its proxy ours.test port 80: set HTTPS_PROXY"),
        ("tcp", {"HTTPS_PROXY": "x", "NO_PROXY": "api.bitwarden.com"}, OURS, "by its proxy ours.test port 80"),
        ("proxy", THEIRS, {}, "gets through without a proxy. Look"),
        ("proxy", THEIRS, OURS, "gets through by its proxy ours.test port 80. Look"),
        ("proxy", OURS, OURS, ""),
    ],
)
def test_advice_for_the_container_where_the_host_gets_through(layer, server, host, words):
    check = run(FINE, Outcome(False, layer, "no", "Look."), server, host)["api", "container"]
    assert words in check.outcome.advice and bool(words) == (check.outcome.advice != "Look.")
    assert ("DOCKER-USER" in check.outcome.advice) == (words == "DOCKER-USER")


def test_a_connection_that_was_not_tried_is_skipped_with_its_own_reason():
    found = run(skipped("not tried: socks5", "Look."), skipped("not tried: the stack is down"))
    for where, reason in (("host", "not tried: socks5"), ("container", "not tried: the stack is down")):
        outcome = found["api", where].outcome
        assert (found["api", where].ok, outcome.skipped, outcome.layer, outcome.detail) == (True, True, "", reason)


def test_push_off_and_addresses_that_are_not_usable_are_skipped():
    cloud = DesiredCloud.of({SHORT["api"]: "http://api.test"}.get)
    endpoints = [one for one in cloud.endpoints if one.unusable]
    found = compare(endpoints, {}, {}, {HOST: {}, CONTAINER: {}})
    assert [(check.name, check.where) for check in found] == [
        (name, where) for name in ("api", "push") for where in ("host", "container")
    ]
    assert all(check.ok and check.outcome.skipped for check in found)
    assert "not an https address" in found[0].outcome.detail and found[-1].outcome.detail == "push is off"


@pytest.mark.parametrize(
    ("values", "targets"),
    [
        (US, []),
        (EU, []),
        ({**EU, "push": "REPLACE"}, []),
        ({**EU, "api": "https://relay.test/api/"}, []),
        ({**US, "region": "EU"}, ["identity", "api", "push"]),
        ({**EU, "region": "us"}, ["identity", "api", "push"]),
        ({**EU, "api": ""}, ["api"]),
        ({**EU, "api": "https://relay.test/api"}, ["api"]),
        ({**EU, "api": '"https://api.bitwarden.eu"'}, ["api"]),
        ({**EU, "identity": "http://identity.bitwarden.eu"}, ["identity"]),
        ({**EU, "identity": "ftp://identity.bitwarden.eu/"}, ["identity"]),
        ({**US, "id": "", "key": "REPLACE"}, ["id", "key"]),
        ({**US, "region": "MARS"}, ["identity", "api", "push"]),
    ],
)
def test_what_does_not_fit(values, targets):
    checks = check_settings(DesiredCloud.of(setting(values)), setting(values))
    wrong = [check for check in checks if not check.ok]
    assert [check.target for check in wrong] == [SHORT.get(name, name) for name in targets]
    assert all((check.outcome.layer, bool(check.outcome.advice)) == ("settings", True) for check in wrong)
    if not targets:
        assert len(checks) == 1 and checks[0].ok
