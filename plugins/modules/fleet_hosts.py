# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module fleet_hosts: documentation; its action plugin does it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_hosts
short_description: Require the hosts of a run over a fleet
version_added: 0.2.0
description:
  - Fails where no host of the run matches, as Ansible would skip the next plays and end well.
  - Fails where C(serial) of the next play could not be used, which Ansible would end with a traceback.
  - With O(role) it checks on the controller what can be known of the variables of that role, for all hosts, those of
    later batches included. It fails with every fault of every host.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.info_module
options:
  hosts:
    description:
      - The hosts of the next play, as a pattern or a list of patterns. The limit of the run counts, too.
    type: raw
    required: true
  serial:
    description:
      - How many hosts the next play takes at a time. A number, a percentage, or a list of these.
    type: raw
    default: 100%
  role:
    description:
      - The role whose variables are checked. For V(restore) each host that is not for a drill needs a confirmation of
        its own.
    type: str
    choices: [restore]
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
