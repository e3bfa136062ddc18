# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of a license's problems, and the server's texts that it knows."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import REQUEST, ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._licenses.checks import rejection, version_error
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._licenses.problems import (
    REJECTIONS,
    SYNC,
    TABLE,
    UPLOAD,
    rejection_row,
    sync_advice,
)

from tests.support.tools.commands import ROOT

NEW = "Your new license"
REFUSED = "Invalid license. "
TEXTS = [
    ("License is already in use by another organization vault.", "in_use", "Another organization"),
    ("Invalid license. Make sure your license allows for on-premise hosting of organizations.", "not_self_hosted",
     "self-hosting"),
    (REFUSED + "IDX10223: Lifetime validation failed. The token is expired.", "token_expired", "Download"),
    (REFUSED + "IDX10222: Lifetime validation failed. The token is not yet valid.", "token_not_yet", "clock"),
    (REFUSED + "IDX10214: Audience validation failed.", "token_invalid", "Download"),
    (REFUSED + "Your cloud-hosted organization is currently disabled.", "disabled", "subscription"),
    (REFUSED + "The installation ID does not match the current installation.", "installation", "server_info"),
    (REFUSED + "The license does not allow for on-premise hosting of organizations.", "not_self_hosted", "plan"),
    (REFUSED + "Premium licenses cannot be applied to an organization vault.", "premium", "organization"),
    (REFUSED + "The license hasn't been issued yet.", "not_issued", "clock"),
    (REFUSED + "The license has expired.", "expired", "Renew"),
    ("Version 17 is not supported.", "version", "Update the server, with a backup before"),
    (REFUSED + "The license verification failed.", "signature", "Download"),
    (f"Your organization currently has 9 seats filled. {NEW} only has (5) seats. Remove some users.", "seats", "seats"),
    (f"… has 3 collections. {NEW} allows for a maximum of (1) collections.", "collections", "Remove"),
    (f"… has 3 shared folders. {NEW} allows for a maximum of (1) shared folders.", "collections", "Remove"),
    (f"… has 2 groups. {NEW} does not allow for the use of groups. Remove all groups.", "groups", "Remove"),
    (f"… has 1 enabled policies. {NEW} does not allow for the use of policies.", "policies", "Remove"),
    (f"… has a SSO configuration. {NEW} does not allow for the use of SSO.", "sso", "Switch it off"),
    (f"… has Key Connector enabled. {NEW} does not allow for the use of Key Connector.", "key_connector", "Switch"),
    ("Your new plan does not allow the SCIM feature. Disable your SCIM configuration.", "scim", "Switch"),
    ("Your new plan does not allow the Custom Permissions feature.", "custom_permissions", "Switch"),
    (f"{NEW} does not allow the Password Reset feature.", "password_reset", "Switch"),
    ("Invalid license", "invalid", "Download"),
]


def answered(status: int, text: str) -> ApiError:
    return ApiError(REQUEST, "Could not upload the license.", status, text=text)


@pytest.mark.parametrize(("text", "cause", "advice"), TEXTS, ids=[cause for _text, cause, _advice in TEXTS])
def test_each_has_its_cause_its_text_and_advice(text, cause, advice):
    found = rejection(answered(400, text))
    assert found is not None
    assert (found.cause, text in found.message) == (cause, True)
    assert advice in found.advice


@pytest.mark.parametrize(("status", "text", "cause"), [
    (401, "Unauthorized.", "unreadable"), (404, "Resource not found.", "not_owner"), (500, "Oops", None),
    (400, "The model state is invalid.", None),
])  # fmt: skip
def test_other_answers(status, text, cause):
    found = rejection(answered(status, text))
    assert (found.cause if found else None) == cause


def test_none_that_was_recorded_is_missed():
    """Every error of a real server in the recordings has its own cause."""
    recorded = json.loads((ROOT / "tests/support/recordings/licenses.json").read_text())["exchanges"]
    texts = {
        one["response"]["json"]["message"]
        for one in recorded
        if one["request"]["path"].startswith("/organizations/licenses/self-hosted/")
        and one["response"]["status"] == 400
        and one["response"]["json"].get("validationErrors") is None
    }
    assert len(texts) >= 8
    assert not [text for text in texts if rejection(answered(400, text)) is None]


@pytest.mark.parametrize(
    "text", [text for text, _cause, _advice in TEXTS], ids=[cause for _text, cause, _advice in TEXTS]
)
def test_a_synced_license_is_advised_without_a_download(text):
    advice = sync_advice(text)
    assert bool(advice) is (text != "Invalid license")
    assert UPLOAD["again"] not in advice.lower() and UPLOAD["retry"] not in advice.lower()


@pytest.mark.parametrize(("text", "advice"), [
    (
        "Invalid license. Your cloud-hosted organization is currently disabled.\n"
        "The installation ID does not match the current installation.",
        ["Restore its subscription", "installation"],
    ),
    (
        "Invalid license. The installation ID does not match the current installation.\n"
        "The license does not allow for on-premise hosting of organizations.\nThe license has expired.",
        ["installation", "must include self-hosting", "Renew the subscription"],
    ),
    ("Invalid license. A new reason.\nThe license has expired.", ["Renew the subscription"]),
])  # fmt: skip
def test_each_of_several_reasons_has_its_advice(text, advice):
    for given in (rejection(answered(400, text)).advice, sync_advice(text)):
        assert not [part for part in advice if part not in given]


def test_the_text_of_the_jwt_library_is_one_reason():
    text = "Invalid license. IDX10223: Lifetime validation failed.\nThe token is expired. See IDX10501."
    assert rejection(answered(400, text)).cause == "token_expired"
    assert rejection(answered(400, text)).advice == rejection(answered(400, "IDX10223")).advice


def test_a_row_has_its_texts():
    assert all(row.cause and row.advice and (row.message or row.server_text) for row in TABLE)
    assert len({row.server_text for row in REJECTIONS}) == len(REJECTIONS)
    assert len({row.message for row in TABLE if row.message}) == len([row for row in TABLE if row.message])
    assert sync_advice("something else") == "" and rejection_row("something else") is None
    assert set(SYNC) == set(UPLOAD)


@pytest.mark.parametrize(
    ("version", "token", "server", "known"),
    [
        (15, True, "2026.8.0", True),
        (15, True, "2025.1.0", True),
        (99, True, "2026.8.0", True),  # its token is what counts
        (15, True, "2024.12.0", True),
        (16, True, "2024.12.0", False),  # a server of before reads no token
        (15, True, "2023.12.0", False),
        (16, False, "2026.8.0", True),
        (17, False, "2026.8.0", False),
        (17, False, "2026.9.0", True),  # it may know more than this collection does
        (11, False, "2023.2.0", True),
        (12, False, "2023.2.0", False),
        (0, False, "2026.9.0", False),
        (None, False, "2026.8.0", False),
        (17, False, "", True),
    ],
)
def test_which_server_knows_the_version_of_a_license(version, token, server, known):
    document = SimpleNamespace(fields={"Version": version}, claims={"aud": "x"} if token else {})
    found = version_error(document, server)
    assert (found is None) is known
    if found:
        assert found.cause == "version" and f"Version {version} of licenses is unknown to the server" in found.message
