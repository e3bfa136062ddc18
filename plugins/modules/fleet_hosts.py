# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module fleet_hosts: documentation; its action plugin does it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_hosts
short_description: Check the hosts of a run over a fleet before its first play
version_added: 0.2.0
description:
  - Fails if no host matches, which Ansible would skip without an error, or if C(serial) of the next play is not valid.
  - Checks the variables of a role on all hosts if O(role) is given.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.info_module
options:
  hosts:
    description:
      - The hosts of the next play, as a pattern or a list of patterns. The limit of the run applies.
    type: raw
    required: true
  serial:
    description:
      - How many hosts the next play takes at a time, as a number, a percentage, or a list of these.
    type: raw
    default: 100%
  role:
    description:
      - The role whose variables are checked. For V(restore), each host needs its own confirmation, except for a drill.
    type: str
    choices: [restore]
notes:
  - An invalid C(serial) would end the run with a traceback of Ansible.
  - O(role) checks on the controller, for all hosts, those of later batches included, and fails with every fault of
    every host.
seealso:
  - module: selfhosted.bitwarden.update_plan
  - module: selfhosted.bitwarden.fleet_report
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Require hosts
  selfhosted.bitwarden.fleet_hosts:
    hosts: bitwarden
    serial: [1, "20%"]
  run_once: true
  delegate_to: localhost
  register: fleet

- name: Show how many there are
  ansible.builtin.debug:
    msg: "{{ fleet.hosts | length }} hosts"
  run_once: true
"""

RETURN = r"""
hosts:
  description: The names of the hosts.
  returned: success
  type: list
  elements: str
  sample: [vault-fra.example.com, vault-nyc.example.com]
faults:
  description: What is wrong with the variables of each host that has a fault.
  returned: failure, with O(role)
  type: dict
  sample:
    vault-nyc.example.com:
      - "bitwarden_restore_rollback is not of type bool."
"""
