# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter families_sync_status: the status of a host, from the results of its tasks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: families_sync_status
short_description: Summarize the results of the steps of a Families sync for one host
version_added: 0.1.0
author:
  - selfhosted.bitwarden contributors (@selfhosted)
description:
  - Turns the results of the steps into the fact C(bitwarden_status) of one host, for playbooks that call the modules
    themselves.
  - The role P(selfhosted.bitwarden.families_sync#role) sets the fact with M(selfhosted.bitwarden.families_sync_status).
options:
  _input:
    description:
      - The results by step. A step that did not run is left out or empty.
      - C(preflight) of M(selfhosted.bitwarden.cloud_connectivity_info), C(server) of M(selfhosted.bitwarden.server),
        C(organization) of M(selfhosted.bitwarden.organization), C(fetch) of M(selfhosted.bitwarden.billing_sync_token).
      - In place of C(organization), C(info) of M(selfhosted.bitwarden.organization_info), C(log) of
        M(selfhosted.bitwarden.sync_log_info), C(upload) of M(selfhosted.bitwarden.license), C(billing) of
        M(selfhosted.bitwarden.billing_sync), C(license) of M(selfhosted.bitwarden.license_sync).
      - C(server_info) of M(selfhosted.bitwarden.server_info) adds what only the host knows.
    type: dict
    required: true
  problem:
    description: What went wrong on the host. Empty where nothing did.
    type: str
    default: ""
  predicted:
    version_added: 0.2.0
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
    - The state of the host after the steps. In check mode as it would be, as far as that can be predicted.
    - A value is null, and C(last_sync) and C(license_expires) are absent, where no step returned it.
    - C(sponsorships) has how many sponsorships the account sees, when they were last synced, and whether that is
      overdue.
    - C(available_version), C(backup) (time of the last verified one, age in seconds, and how it was verified) and
      C(certificate) (time of its expiry, and days left) are there if C(server_info) ran, and null where it could not
      find out.
    - C(actions) is what was done, for instance C(settings), C(restart), C(token rotated) or C(license sync).
      C(predicted) means that check mode predicts it.
    - C(problem) is what went wrong, or what keeps the organization from being used and no step has solved, for instance
      a disabled organization, or a license that has expired or that the server cannot read.
    - C(warnings) is what needs attention, although nothing has failed.
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
    actions: []
    predicted: false
    warnings: []
    problem: ""
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.status import STEPS, summarize


def families_sync_status(
    results: Mapping[str, Mapping[str, Any]], problem: str = "", predicted: bool = False
) -> dict[str, Any]:
    """Return ``bitwarden_status`` of the steps' results."""
    if not isinstance(results, Mapping) or set(results) - set(STEPS):
        raise AnsibleFilterError(f"families_sync_status needs a dictionary of results with the keys {', '.join(STEPS)}")
    return dict(summarize(results, problem, predicted))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"families_sync_status": families_sync_status}
