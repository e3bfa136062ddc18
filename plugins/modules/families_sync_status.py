# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module families_sync_status: documentation; its action plugin does it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: families_sync_status
short_description: Set the fact bitwarden_status from the steps of a Families sync
version_added: 0.2.0
description:
  - Summarizes what the tasks of the role P(selfhosted.bitwarden.families_sync#role) registered on a host, and sets the
    fact C(bitwarden_status).
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.info_module
options:
  failed:
    description:
      - Whether a task has failed on the host, for the C(rescue) of a block around the role. C(problem) of the fact is
        then the name of the task and its message.
    type: bool
    default: false
notes:
  - Playbooks that call the modules themselves use the filter P(selfhosted.bitwarden.families_sync_status#filter).
seealso:
  - plugin: selfhosted.bitwarden.families_sync_status
    plugin_type: filter
  - plugin: selfhosted.bitwarden.fleet_table
    plugin_type: filter
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Take the server through the flow, whatever happens
  block:
    - name: Run the steps
      ansible.builtin.import_role:
        name: selfhosted.bitwarden.families_sync
  rescue:
    - name: Note the problem
      selfhosted.bitwarden.families_sync_status:
        failed: true

- name: Show the state
  ansible.builtin.debug:
    var: bitwarden_status
"""

RETURN = r"""
status:
  description: The fact C(bitwarden_status), as P(selfhosted.bitwarden.families_sync_status#filter) describes it.
  returned: success
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
