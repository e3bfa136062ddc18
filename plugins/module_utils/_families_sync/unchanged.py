# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role keeps of the results of hosts on which nothing was done: of most hosts of most runs.

The controller keeps what a task registers, of each host for itself, to the end of the run.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping

Result = Mapping[str, Any]

# What is interesting of a server that something was done to; of others module server_info tells it.
_OF_CHANGES = ("services", "rolled_back", "invocation")
_KEPT = ("changed", "changes", "status")
_NOTHING: tuple[Any, ...] = (None, "", [], {})


def short_server(result: Result) -> Dict[str, Any]:
    """Return what is kept of the result of module server: all of one that changed something, or failed."""
    if result.get("changed") or result.get("failed") or result.get("unreachable"):
        return dict(result)
    return {
        key: value
        for key, value in result.items()
        if key in _KEPT or not (key in _OF_CHANGES or any(value == nothing for nothing in _NOTHING))
    }


def short_organization(result: Result) -> Dict[str, Any]:
    """Return what is kept of the result of module organization with ``status``: no more where that says it all."""
    status = result["status"]
    if result.get("failed") or status["changed"] or status["problem"] or status["warnings"]:
        return dict(result)
    if result.get("planned") or not result.get("reachable"):
        return dict(result)
    kept = (*_KEPT, "ansible_facts", "warnings", "diff", "server_info")
    return {key: value for key, value in result.items() if key in kept}


def as_organization(result: Result) -> Result:
    """Return a registered result with the facts that the status of the host is made of, where only that was kept."""
    status = result.get("status") or {}
    if "reachable" in result or "last_sync" not in status:
        return result
    return {
        "changed": False,
        "changes": [],
        "reachable": True,
        "version": status["version"],
        "cloud_communication": status["cloud_communication"],
        "connection": {"billing_sync_token_set": status["token"]},
        "last_license_sync": status["last_sync"],
        "license": {"expires": status["license_expires"]},
        "sponsorships": status["sponsorships"],
        "problems": [],
    }
