# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter families_sync_status: the status of a host, from the results of its tasks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: families_sync_status
short_description: Sum up what the steps of a Families sync returned
version_added: 0.1.0
author:
  - selfhosted.bitwarden contributors (@selfhosted)
description:
  - Turns the results of the steps into the fact C(bitwarden_status) of one host.
  - The role P(selfhosted.bitwarden.families_sync#role) uses it; a playbook that calls the modules itself can, too.
options:
  _input:
    description:
      - The results by step.
      - C(preflight) of M(selfhosted.bitwarden.cloud_connectivity_info), C(server) of M(selfhosted.bitwarden.server),
        C(info) of M(selfhosted.bitwarden.organization_info), C(log) of M(selfhosted.bitwarden.sync_log_info),
        C(fetch) of M(selfhosted.bitwarden.billing_sync_token), C(upload) of M(selfhosted.bitwarden.license),
        C(billing) of M(selfhosted.bitwarden.billing_sync), C(license) of M(selfhosted.bitwarden.license_sync).
      - A step that did not run is left out or empty.
    type: dict
    required: true
  problem:
    description: What went wrong on the host. Empty where nothing did.
    type: str
    default: ""
  predicted:
    description: Whether the results are those of check mode, so that C(info) is from before the changes of C(server).
    type: bool
    default: false
seealso:
  - plugin: selfhosted.bitwarden.fleet_table
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Look at the organization
  selfhosted.bitwarden.organization_info:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"
  register: info

- name: Note the state of the server
  ansible.builtin.set_fact:
    bitwarden_status: "{{ {'info': info} | selfhosted.bitwarden.families_sync_status }}"
"""

RETURN = r"""
_value:
  description:
    - The state of the host after the steps; in check mode as it would be, as far as that can be told.
    - A value is null, and C(last_sync) and C(license_expires) are absent, where no step could tell.
    - C(sponsorships) says how many sponsorships the account sees, when they were last synced, and whether that is
      overdue.
    - C(warnings) is what should be looked at, although nothing has failed.
  type: dict
  sample:
    version: 2026.8.0
    cloud_communication: true
    token: true
    last_sync: "2026-11-22T14:16:19Z"
    license_expires: "2027-12-28T00:00:00Z"
    sponsorships:
      visible: 3
      last_sync: "2026-11-22T02:00:00Z"
      overdue: false
    changed: false
    restarted: false
    warnings: []
    problem: ""
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

STEPS = ("preflight", "server", "info", "log", "fetch", "upload", "billing", "license")


def families_sync_status(
    results: Mapping[str, Mapping[str, Any]], problem: str = "", predicted: bool = False
) -> dict[str, Any]:
    """Return ``bitwarden_status`` of the steps' results."""
    if not isinstance(results, Mapping) or set(results) - set(STEPS):
        raise AnsibleFilterError(f"families_sync_status needs a dictionary of results with the keys {', '.join(STEPS)}")
    preflight, server, info, log, fetch, upload, billing, license_ = (results.get(step) or {} for step in STEPS)
    connection = _part(billing, "connection").get("after") or _part(info, "connection")
    status: dict[str, Any] = {
        "version": info.get("version") or server.get("version"),
        "cloud_communication": _cloud_communication(server, info, predicted),
        "token": connection.get("billing_sync_token_set", False if info.get("reachable") else None),
        "sponsorships": _sponsorships(info),
        "changed": any(bool(result.get("changed")) for result in (server, fetch, upload, billing, license_)),
        "restarted": bool(server.get("restarted")),
        "warnings": [*(preflight.get("problems") or []), *_not_synced(info, log)],
        "problem": problem,
    }
    if info.get("reachable"):
        status["last_sync"] = info.get("last_license_sync")
        status["license_expires"] = _part(info, "license").get("expires")
    after = _part(_part(upload, "license"), "after")
    if after.get("expires"):
        status["license_expires"] = after["expires"]
    # The billing step can set the last sync back to never.
    if _part(billing, "connection").get("after"):
        status["last_sync"] = billing["connection"]["after"].get("last_license_sync")
    for key, name in (("last_sync", "last_license_sync"), ("license_expires", "license_expires")):
        # A prediction knows no time after the sync: what stands is that of before.
        times = _part(license_, name)
        if times:
            status[key] = times.get("after") or times.get("before")
    return status


def _cloud_communication(server: Mapping[str, Any], info: Mapping[str, Any], predicted: bool) -> bool | None:
    """What the running server says; in check mode the opposite where the server step would change it."""
    value = info.get("cloud_communication")
    touched = [
        change for change in server.get("changes") or []
        if str(change.get("key", "")).lower().endswith("enablecloudcommunication")
    ]  # fmt: skip
    if not touched or (value is not None and not predicted):
        return None if value is None else bool(value)
    return touched[-1].get("action") != "removed" if value is None else not value


def _sponsorships(info: Mapping[str, Any]) -> dict[str, Any] | None:
    found = _part(info, "sponsorships")
    return {name: found.get(name) for name in ("visible", "last_sync", "overdue")} if found else None


def _not_synced(info: Mapping[str, Any], log: Mapping[str, Any]) -> list[str]:
    """What to say of sponsorships that are not synced: the newest cause in the server's log, where it was read."""
    found = _part(info, "sponsorships")
    overdue, waiting = found.get("overdue"), found.get("visible") and not found.get("last_sync")
    causes = [failure for failure in log.get("failures") or [] if failure.get("kind") == "sponsorship"]
    if not overdue and not (waiting and causes):
        return []
    text = "The sponsorships' daily sync is overdue." if overdue else "The sponsorships were never synced."
    if causes:
        return [f"{text} It failed: {causes[-1].get('message')} {causes[-1].get('advice') or ''}".rstrip()]
    return [f"{text} {found.get('note') or ''}".rstrip()]


def _part(result: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return result.get(name) or {}


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"families_sync_status": families_sync_status}
