# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the status of a host says of an update."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.status import summarize

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
