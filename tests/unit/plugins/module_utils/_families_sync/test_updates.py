# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the status of a host says of an update."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.status import summarize
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.updates import (
    update_advice,
    update_helps,
)

OLD, NEW = {"core": "2026.7.0", "web": "2026.7.0"}, {"core": "2026.8.0", "web": "2026.8.0"}
DONE = {"changed": True, "before": OLD, "after": NEW, "downtime": 41.5, "rolled_back": False}


@pytest.mark.parametrize(
    ("update", "version", "actions"),
    [
        (DONE, "2026.8.0", ["update to 2026.8.0"]),
        ({**DONE, "changed": False, "before": NEW}, "2026.8.0", []),
        (
            {**DONE, "before": {**NEW, "key_connector": None}, "after": {**NEW, "key_connector": "1"}},
            "2026.8.0",
            ["scripts"],
        ),
        ({**DONE, "failed": True, "rolled_back": True}, "2026.7.0", ["update to 2026.8.0", "rollback"]),
        ({**DONE, "failed": True}, None, ["update to 2026.8.0"]),
        (
            {**DONE, "failed": True, "downtime": 0.0, "images": ["api"], "backup": "/b"},
            "2026.7.0",
            ["images", "backup"],
        ),
        ({**DONE, "failed": True, "downtime": 0.0, "changed": False}, "2026.7.0", []),
        ({"failed": True, "changed": False}, None, []),
    ],
)
def test_version_and_actions(update, version, actions):
    status = summarize({"update": update}, "It failed." if update.get("failed") else "")
    assert (status["version"], status["actions"], status["changed"]) == (version, actions, update["changed"])


def test_a_prediction_shows_what_is_running_and_its_warnings():
    warnings = [
        "2026.2.0 is 6 months older.",
        "Host bw1 is using the discovered Python interpreter at /usr/bin/python3",
    ]
    status = summarize({"update": {**DONE, "downtime": 0.0, "warnings": warnings}}, predicted=True)
    assert (status["version"], status["actions"]) == ("2026.7.0", ["update to 2026.8.0"])
    assert status["warnings"] == warnings[:1]


REJECTED = 'The server rejected the license: "Version 15 is not supported." The license is newer than the server.'
UNKNOWN = "Version 17 of licenses is unknown to the server, which is 2026.8.0. It was not sent."


@pytest.mark.parametrize(
    ("result", "helps"),
    [
        ({"cause": "version", "msg": REJECTED}, True),
        ({"cause": "version", "msg": UNKNOWN}, True),
        ({"cause": "license_rejected", "msg": REJECTED.replace("rejected", "rejected, of the sync,")}, True),
        ({"layer": "license", "msg": "The server does not know … (/x.json): Version 15 is not supported."}, True),
        # A license of which it reads nothing.
        ({"cause": "version", "msg": UNKNOWN.replace("17", "0")}, False),
        ({"layer": "license", "msg": "… Version 0 is not supported."}, False),
        ({"cause": "expired", "layer": "license", "msg": "The license has expired."}, False),
        ({"cause": "unknown", "layer": "request", "msg": "TLS Version 1 is not supported."}, False),
    ],
)
def test_whether_an_update_helps(result, helps):
    assert update_helps({**result, "failed": True}) is helps
    assert not update_helps({**result, "failed": False})


def test_what_is_told_of_a_server_that_is_too_old():
    assert "playbook selfhosted.bitwarden.update" in update_advice({})
    assert update_advice({**DONE, "changed": False, "before": NEW}).startswith(
        "It is on 2026.8.0, which is the release"
    )
