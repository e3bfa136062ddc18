# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the ways from host and container tell of each other, and of the clock."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.endpoints import wanted_endpoints
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.layers import Outcome
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.ways import (
    Environments,
    Inside,
    check_ways,
)

WANTED = wanted_endpoints({}.get)
FINE = Outcome(True, "", "answered 200", "", 200)
OURS, THEIRS = {"HTTPS_PROXY": "http://ours.test"}, {"HTTPS_PROXY": "http://theirs.test"}


def look(here, theirs, server=None, host=None):
    """The checks when api and identity both went like this, by name and place."""
    both = [{} if one is None else dict.fromkeys(("api", "identity"), one) for one in (here, theirs)]
    inside = Inside(both[1], None, "not tried: the stack is down")
    found = check_ways(WANTED, both[0], inside, Environments(server or {}, host or {}))
    return {(check.name, check.where): check for check in found}


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
    check = look(FINE, Outcome(False, layer, "no", "Look."), server, host)["api", "container"]
    assert words in check.advice and bool(words) == (check.advice != "Look.")
    assert ("DOCKER-USER" in check.advice) == (words == "DOCKER-USER")


def test_a_way_that_was_not_tried_is_skipped_with_its_own_reason():
    untried = Outcome(False, "proxy", "not tried: socks5", "Look.", untried=True)
    found = look(untried, untried)
    for where in ("host", "container"):
        check = found["api", where]
        assert (check.ok, check.skipped, check.layer, check.detail) == (True, True, "", "not tried: socks5")
    assert "stack is down" in look(FINE, None)["api", "container"].detail


@pytest.mark.parametrize(
    ("skews", "words"),
    [
        ((0.0, 0.0), None),
        ((299.0, 299.0), None),
        ((-299.0, 0.0), None),
        ((400.0, 401.0), "400 seconds behind"),
        ((-86400.0, 0.0), "86400 seconds ahead"),
        # Two that do not agree: one of them is somebody in between.
        ((5.0, 86400.0), None),
    ],
)
@pytest.mark.parametrize("from_host", [True, False])
def test_the_clock_is_one_check(skews, words, from_host):
    outcomes = {name: FINE._replace(skew=skew) for name, skew in zip(("api", "identity"), skews)}
    blocked = dict.fromkeys(("api", "identity"), Outcome(False, "tcp", "no", "Look."))
    here, theirs = (outcomes, {}) if from_host else (blocked, outcomes)
    found = [
        one for one in check_ways(WANTED, here, Inside(theirs, None, "x"), Environments({}, {})) if one.name == "clock"
    ]
    if words is None:
        assert found == []
        return
    (check,) = found
    assert (check.where, check.ok, check.layer, check.counts) == ("host", False, "tls", True)
    assert words in check.detail and "NTP" in check.advice


def test_a_clock_of_whoever_stands_in_between_says_nothing():
    strange = Outcome(False, "http", "a page", "Look.", 200, skew=9999.0)
    assert ("clock", "host") not in look(strange, strange)
