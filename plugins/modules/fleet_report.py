# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module fleet_report: documentation; its action plugin does it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_report
short_description: Print the table of a fleet of Bitwarden servers
version_added: 0.2.0
description:
  - Prints the status of a fleet of Bitwarden servers as a table, and stores it in the run's statistics for AWX.
  - Never fails because of what it reports.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.info_module
options:
  hosts:
    description:
      - The hosts by name, each with its C(bitwarden_status). Empty where a host has none.
      - Either O(hosts) or O(results) is required.
    type: dict
  results:
    description:
      - The steps that ran by name, each with its registered results by host. Empty where a step did not run on a host.
      - The steps are C(update), C(backup), C(restore), C(install) and C(server), named after the modules, and
        C(failure) for the C(ansible_failed_result) that a C(rescue) has recorded.
      - Columns of the Families sync are shown only if they have a value.
    type: dict
notes:
  - The table is that of the filter P(selfhosted.bitwarden.fleet_table#filter). It is printed even if the run hides the
    output of other tasks, for instance with E(ANSIBLE_DISPLAY_OK_HOSTS).
  - The data is set with C(set_stats) as C(bitwarden_fleet), which AWX keeps as artifacts of the job.
  - A callback that prints JSON shows the lines in the result of the task instead.
seealso:
  - plugin: selfhosted.bitwarden.fleet_table
    plugin_type: filter
  - module: selfhosted.bitwarden.families_sync_status
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Show the fleet
  selfhosted.bitwarden.fleet_report:
    hosts: "{{ dict(ansible_play_hosts_all | zip(states)) }}"
  vars:
    states: "{{ ansible_play_hosts_all | map('extract', hostvars) | map(attribute='bitwarden_status', default={}) }}"
  run_once: true

- name: Show what backing up the fleet has done
  selfhosted.bitwarden.fleet_report:
    results:
      backup: "{{ dict(ansible_play_hosts_all | zip(made)) }}"
  vars:
    made: "{{ ansible_play_hosts_all | map('extract', hostvars) | map(attribute='bitwarden_backup', default={}) }}"
  run_once: true
"""

RETURN = r"""
lines:
  description: The lines of the table, and the problems and warnings below it.
  returned: success
  type: list
  elements: str
  sample:
    - "host | version  | cloud | token | last sync        | license expiry   | sponsorships | changed | result"
    - "-----+----------+-------+-------+------------------+------------------+--------------+---------+-------"
    - "bw1  | 2026.8.0 | on    | set   | 2026-11-22 14:16 | 2027-12-28 00:00 | none         | no      | ok"
hosts:
  description: The status of each host, by name.
  returned: success
  type: dict
  sample:
    bw1:
      version: 2026.8.0
      changed: true
      actions: [backup]
      predicted: false
      backup: {created: "2026-11-26T21:37:16Z", age: 46, verified: checksum}
      warnings: []
      problem: ""
failing:
  description:
    - The problem of each host that a playbook should let fail, by name of the host. Hosts without a problem are left
      out.
  returned: success
  type: dict
  sample:
    bw2: "The key ring is incomplete: key-0f3c7e21-9a4b-4c5d-8e6f-7a8b9c0d1e2f.xml is missing."
"""
