# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules return on a host on which nothing is wrong."""

from __future__ import annotations

import copy
from datetime import datetime, timezone
from typing import Any

NOW = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
ORGANIZATION_ID = "7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003"
OTHER_ID = "0a1b2c3d-6d5e-4f90-8b1c-b2e500f1c004"
SERVER: dict[str, Any] = {
    "changed": False,
    "services": [
        {"name": "api", "state": "running", "health": "healthy", "image": "ghcr.io/bitwarden/api:2026.8.0"},
        # As on a host without the Internet, which its health check requires.
        {"name": "icons", "state": "running", "health": "unhealthy", "image": "ghcr.io/bitwarden/icons:2026.8.0"},
        {"name": "cleanup", "state": "exited", "health": None, "image": "example.com/cleanup:1"},
    ],
    "version": "2026.8.0",
    "stale_services": {},
    "available_versions": {"core": "2026.8.0", "web": "2026.8.0", "key_connector": "2026.6.0"},
    "certificate": {"expires": "2027-02-24T12:00:00Z", "days_left": 90, "names": ["vault.example.com"]},
    "backup": {"created": "2026-11-26T02:00:00Z", "age": 36000, "verified": "checksum"},
    "licenses": [{"organization_id": ORGANIZATION_ID, "expires": "2027-12-28T00:00:00Z", "state": "ok", "problem": ""}],
    "unknown": {},
}
ORGANIZATION: dict[str, Any] = {
    "changed": False,
    "reachable": True,
    "organization": {"id": ORGANIZATION_ID, "name": "Example Enterprise", "enabled": True},
    "version": "2026.8.0",
    "cloud_communication": True,
    "connection": {"billing_sync_token_set": True},
    "last_license_sync": "2026-11-22T14:16:19Z",
    "sponsorships": {
        "visible": 3,
        "counts": {"offered": 1, "active": 2, "waiting": 0, "to_be_removed": 0, "expired": 0},
        "last_sync": "2026-11-26T02:00:00Z",
        "overdue": False,
        "obstacles": [],
        "note": "",
    },
    "license": {"state": "ok", "expires": "2027-12-28T00:00:00Z", "message": "", "advice": ""},
    "problems": [],
    "sync_problem": None,
}


def server(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(SERVER), **changes}


def organization(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(ORGANIZATION), **changes}
