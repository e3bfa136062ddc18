# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module fleet_status: documentation; its action plugin does it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_status
short_description: Judge the status of a fleet of Bitwarden servers and write it for monitoring
version_added: 0.2.0
description:
  - Judges on the controller what M(selfhosted.bitwarden.server_info) and M(selfhosted.bitwarden.organization_info)
    gathered on the hosts of a fleet, and prints its table as M(selfhosted.bitwarden.fleet_report) does.
  - Writes the status to a JSON file, and to a file for the textfile collector of Prometheus's node_exporter. Each is
    replaced as a whole. Neither holds a secret, and every user can read a new one.
  - Does not fail because of a host, and says in RV(failing) which hosts should. The playbook
    C(selfhosted.bitwarden.fleet_status) fails on those.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
attributes:
  check_mode:
    support: full
    details:
      - The files are compared, and not written.
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - The files say when they were written.
options:
  server_info:
    description:
      - The hosts by name, each with its result of M(selfhosted.bitwarden.server_info), also a failed one.
    type: dict
    required: true
  organization_info:
    description:
      - The same with the results of M(selfhosted.bitwarden.organization_info). A host whose API was not asked can be
        left out; its licenses are those on its disk.
    type: dict
    default: {}
  expiring_within:
    description:
      - How long before its end a license or a certificate is a problem, as V(<n>[s|m|h|d|w]).
    type: str
    default: 30d
  backup_older_than:
    description:
      - From which age on the last verified backup is a problem, as V(<n>[s|m|h|d|w]). So is a missing one.
      - Without it backups are shown, and are never a problem.
    type: str
  sync_older_than:
    description:
      - How long ago the last license sync has to be to be a problem, as V(<n>[s|m|h|d|w]).
      - Without it the date is shown, and is never a problem.
    type: str
  fail_when_outdated:
    description: Whether it is a problem that a newer version of Bitwarden is available.
    type: bool
    default: false
  fail_on_warnings:
    description: Whether a host fails because of a warning, too.
    type: bool
    default: false
  status_file:
    description:
      - A file on the controller for the status of the fleet as JSON. Its folder must exist.
      - A relative path is that of a file beside the playbook, or in the folder of the inventory.
    type: path
  prometheus_file:
    description:
      - A file on the controller for the status of the fleet in Prometheus's text format, in the folder that
        node_exporter's C(--collector.textfile.directory) names. It must end in C(.prom).
    type: path
seealso:
  - module: selfhosted.bitwarden.server_info
  - module: selfhosted.bitwarden.organization_info
  - module: selfhosted.bitwarden.fleet_report
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Gather facts about the server
  selfhosted.bitwarden.server_info:
    show_settings: false
  become: true
  register: bitwarden_server
  ignore_errors: true
  ignore_unreachable: true

- name: Show the fleet, and write its status for programs
  selfhosted.bitwarden.fleet_status:
    server_info: "{{ dict(ansible_play_hosts_all | zip(results)) }}"
    expiring_within: 60d
    status_file: bitwarden-fleet.json
    prometheus_file: bitwarden.prom
  vars:
    results: "{{ ansible_play_hosts_all | map('extract', hostvars) | map(attribute='bitwarden_server', default={}) }}"
  register: bitwarden_fleet_status
  run_once: true
  delegate_to: localhost

- name: Show where something is wrong
  ansible.builtin.debug:
    var: bitwarden_fleet_status.failing
  run_once: true
"""

RETURN = r"""
hosts:
  description:
    - The status of each host, as P(selfhosted.bitwarden.families_sync_status#filter) describes it, and RV(hosts.up),
      RV(hosts.services) and RV(hosts.licenses).
  returned: success
  type: dict
  sample:
    bw1:
      up: true
      version: 2026.8.0
      available_version: 2026.9.0
      cloud_communication: true
      token: true
      last_sync: "2026-11-22T14:16:19Z"
      license_expires: "2027-12-28T00:00:00Z"
      licenses:
        - organization_id: 7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003
          organization: Example Enterprise
          expires: "2027-12-28T00:00:00Z"
          problem: ""
          asked: true
      sponsorships:
        visible: 3
        last_sync: "2026-11-22T02:00:00Z"
        overdue: false
        counts:
          active: 3
      services:
        count: 11
        unhealthy: {}
      backup:
        created: "2026-11-26T02:00:00Z"
        age: 28800
        verified: checksum
      certificate:
        expires: "2027-02-24T09:12:00Z"
        days_left: 89
      changed: false
      restarted: false
      actions: []
      predicted: false
      warnings: []
      problem: ""
  contains:
    up:
      description: Whether the host was reached, its services are healthy, and its API answered where it was asked.
      type: bool
      returned: always
    services:
      description: How many services there are, and which of Bitwarden's own are not healthy, with their state.
      type: dict
      returned: always
    licenses:
      description:
        - The licenses by organization, those on the disk and the one that the API told of (C(asked)).
      type: list
      elements: dict
      returned: always
failing:
  description: Why hosts are to fail, by the name of the host. Empty where none is.
  returned: success
  type: dict
  sample:
    bw2: "The certificate for vault.example.com expires in 12d, on 2026-12-08. Replace the certificate on the server,
      and reload nginx."
lines:
  description: The lines of the table, and the problems and warnings below it.
  returned: success
  type: list
  elements: str
  sample:
    - "host | version  | available | cloud | token | last sync        | license expiry   | sponsorships | result"
    - "-----+----------+-----------+-------+-------+------------------+------------------+--------------+-------"
    - "bw1  | 2026.8.0 | 2026.9.0  | on    | set   | 2026-11-22 14:16 | 2027-12-28 00:00 | none         | ok"
files:
  description: The files that are on the status of this run; in check mode that would be.
  returned: success
  type: list
  elements: str
  sample:
    - /var/lib/node_exporter/bitwarden.prom
"""
