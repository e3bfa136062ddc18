# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the API is asked after the steps before."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.request import (
    Results,
    TokenError,
    fetched_token,
    make_request,
)

PLAN = {"steps": ["license", "token", "sync"], "token_source": "one", "rotate": False, "license": "file"}
FETCHED = {"changed": False, "billing_sync_token": "token"}
PREDICTED = {"changed": True, "billing_sync_token": None}
FAILED = {"failed": True, "changed": False, "msg": "The account is not an owner."}


def request(server=None, token=None, calls=(), check_mode=False, second_pass=False, update=None, **plan):
    results = Results(server or {}, FETCHED if token is None else token, "bw1", list(calls), update or {})
    return make_request({**PLAN, **plan}, results, check_mode, second_pass)


def changes(*keys):
    return {"changed": True, "changes": [{"key": key, "action": "changed"} for key in keys]}


@pytest.mark.parametrize(
    ("server", "moved"),
    [
        ({}, False),
        ({"skipped": True}, False),
        (changes("globalSettings__enableCloudCommunication"), False),
        (changes("globalSettings__baseServiceUri__cloudRegion"), True),
        (changes("globalSettings:installation:id"), True),
        (changes("GLOBALSETTINGS__INSTALLATION__KEY"), True),
        ({"changed": True, "changes": [], "stale_services": {"api": ["globalSettings__installation__apiUri"]}}, True),
        ({"changed": True, "changes": [], "stale_services": {"api": ["globalSettings__mail__smtp__host"]}}, False),
    ],
)
def test_a_sync_proves_nothing_for_another_region_or_installation(server, moved):
    """It is done again then; and where it fails the next run must not forget that."""
    assert (request(server).force, request(server).keep_last_sync) == (moved, not moved)


def test_all_in_one_pass_where_the_token_is_there():
    assert request().steps == ["license", "token", "sync"]
    assert request(steps=["sync"]).steps == ["sync"]


def test_the_license_comes_before_a_rotation():
    """A license that is refused must not leave a host without the token that was just rotated."""
    assert request(rotate=True).steps == ["license"]
    assert request(rotate=True, second_pass=True).steps == ["token", "sync"]


@pytest.mark.parametrize("token", [FAILED, {"skipped": True, "changed": False}, {}])
@pytest.mark.parametrize(("second_pass", "steps"), [(False, ["license"]), (True, [])])
def test_without_a_token_neither_token_nor_sync(token, second_pass, steps):
    assert request(token=token, second_pass=second_pass).steps == steps


@pytest.mark.parametrize(
    ("token", "fetcher", "problem"),
    [
        (FAILED, "bw1", "The billing sync token could not be fetched by bw1: The account is not an owner."),
        (FAILED, "", "The account is not an owner."),
        ({}, "", "The billing sync token was not fetched: no host of its organization got as far."),
    ],
)
def test_a_token_that_was_not_fetched_is_a_problem(token, fetcher, problem):
    with pytest.raises(TokenError) as caught:
        fetched_token(PLAN, Results(token=token, fetcher=fetcher), False)
    assert caught.value.result() == {"msg": problem, "step": "fetch"}


def test_a_token_given_by_hand_is_not_missing():
    assert request(token={}, token_source="").steps == ["license", "token", "sync"]


def test_a_predicted_token_is_not_missing():
    assert request(token=PREDICTED, check_mode=True).steps == ["license", "token", "sync"]
    assert fetched_token(PLAN, Results(token=PREDICTED), True) == "predicted"
    assert fetched_token(PLAN, Results(token=FETCHED), True) == "token"


@pytest.mark.parametrize(
    ("license_source", "second_pass", "defers"),
    [("cloud", False, True), ("cloud", True, False), ("file", False, False), ("none", False, False)],
)
def test_a_license_from_the_cloud_is_downloaded_only_where_it_is_required(license_source, second_pass, defers):
    assert request(license=license_source, second_pass=second_pass).defer_without_license == defers


@pytest.mark.parametrize(
    ("check_mode", "server", "token", "calls", "assumed"),
    [
        (False, changes("globalSettings__enableCloudCommunication"), FETCHED, [], False),
        (True, changes("globalSettings__enableCloudCommunication"), FETCHED, [], True),
        (True, {"changed": False, "changes": []}, FETCHED, [{"changed": False}], False),
        (True, {}, PREDICTED, [], True),
        (True, {}, FETCHED, [{"changed": False}, {"changed": True}], True),
    ],
)
def test_readiness_is_assumed_only_where_check_mode_predicted_a_change(check_mode, server, token, calls, assumed):
    assert request(server, token, calls, check_mode).assume_ready == assumed


def test_the_token_itself_is_not_in_the_request():
    assert "token-of-the-tests" not in str(request(token={"billing_sync_token": "token-of-the-tests"}).options())


def test_a_license_that_needs_the_release_is_not_tried_where_that_is_only_predicted():
    updated = {"changed": True}
    assert request(update=updated).steps == ["license", "token", "sync"]
    predicted = request(update=updated, check_mode=True)
    assert (predicted.steps, predicted.assume_ready) == (["token", "sync"], True)
    assert "license" in request(update={"changed": False}, check_mode=True).steps
