# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module update_plan: documentation; its action plugin does it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: update_plan
short_description: Order the hosts of an update in batches, the canary first
version_added: 0.2.0
description:
  - Checks the variables of the role P(selfhosted.bitwarden.update#role) on all hosts, and orders the hosts in batches,
    the canary first.
  - Sets the facts C(update_order) and C(update_batches).
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.info_module
options:
  hosts:
    description:
      - The hosts to update, as a pattern or a list of patterns. The limit of the run applies.
    type: raw
    required: true
  canary:
    description:
      - The hosts that are updated before all others, as a pattern or a list of patterns.
      - The default is the first host, also if the limit of the run excludes all of these.
    type: raw
  serial:
    description:
      - How many of the other hosts are updated at a time, as a number, a percentage of all hosts, or a list of these,
        of which the last repeats.
    type: raw
    default: 1
notes:
  - The checks run on the controller, for all hosts, those of later batches included. They fail with every fault of
    every host.
  - The facts are for C(hosts) and C(serial) of the next play. The canary has its own batch.
seealso:
  - module: selfhosted.bitwarden.update_apply
  - module: selfhosted.bitwarden.fleet_report
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Order the hosts
  selfhosted.bitwarden.update_plan:
    hosts: bitwarden
    serial: [2, "20%"]
  run_once: true
  delegate_to: localhost
  delegate_facts: true
  register: plan

- name: Show who is updated first
  ansible.builtin.debug:
    msg: "{{ plan.order[0] }}"
  run_once: true
"""

RETURN = r"""
order:
  description: The hosts in the order in which they are updated.
  returned: success
  type: list
  elements: str
  sample: [vault-nyc.example.com, vault-fra.example.com]
batches:
  description: The sizes of the batches, that of the canary first. The last one repeats.
  returned: success
  type: list
  elements: str
  sample: ["1", "2", "20%"]
faults:
  description: What is wrong with the variables of each host that has a fault.
  returned: failure
  type: dict
  sample:
    vault-nyc.example.com:
      - "bitwarden_update_version: 2026.8 is not a version such as 2026.8.0."
"""
