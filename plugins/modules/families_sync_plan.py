# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module families_sync_plan: documentation; its action plugin does it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: families_sync_plan
short_description: Check the variables of the role families_sync on all hosts and plan its run
version_added: 0.2.0
description:
  - Checks the variables of the role P(selfhosted.bitwarden.families_sync#role) on all hosts before any host is touched,
    and plans what each task does.
  - It is a step of that role, and not meant for other use.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.info_module
notes:
  - Fails with every fault of every host.
  - Runs on the controller, once for all hosts, those of later batches included (C(run_once)). It has no options.
  - Checks types and durations, addresses, credentials, files on the controller, variables that contradict each other on
    a host or within an organization, and the strategy of the play.
  - Warns of a variable that the role does not read and whose name resembles one that it does.
  - The tags of the run count as they do for tasks.
seealso:
  - module: selfhosted.bitwarden.organization
  - module: selfhosted.bitwarden.server
author:
  - selfhosted.bitwarden contributors (@selfhosted)
options: {}
"""

EXAMPLES = r"""
- name: Run the role, of which families_sync_plan is a step
  ansible.builtin.import_role:
    name: selfhosted.bitwarden.families_sync

- name: Show where the license comes from
  ansible.builtin.debug:
    msg: "{{ families_sync_plan.hosts[inventory_hostname].license }}"
"""

RETURN = r"""
hosts:
  description: The plan of each host on which the role runs.
  returned: success
  type: dict
  sample:
    vault-nyc.example.com:
      cloud_communication: true
      pull: null
      preflight: ""
      cloud: us
      configure: true
      wait: true
      steps: [token, sync]
      license: none
      license_file: ""
      token_source: 'of ["us", "user.3d0c4f5e-0000-4000-8000-000000000001", "Example Enterprise"]'
      fetch: true
      rotate: false
second_pass:
  description: Whether a host may need the second pass, for a license from the cloud or a rotation.
  returned: success
  type: bool
  sample: false
faults:
  description: What is wrong with the variables of each host that has a fault.
  returned: failure
  type: dict
  sample:
    vault-nyc.example.com:
      - "bitwarden_retry_timeout: 'soon' is not a duration. Write a number and a unit: 30s, 10m, 26h, 7d or 2w."
"""
