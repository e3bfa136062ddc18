# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module fleet_status: documentation; its action plugin does it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_status
short_description: Evaluate the status of a fleet of Bitwarden servers and write it for monitoring
version_added: 0.2.0
description:
  - Evaluates the facts of M(selfhosted.bitwarden.server_info) and M(selfhosted.bitwarden.organization_info) for a
    fleet, and prints them as a table.
  - Writes the status as JSON and for Prometheus.
  - Does not fail because of a host.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
attributes:
  check_mode:
    support: full
    details:
      - The files are compared, but not written.
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - The files contain the time of their writing.
options:
  server_info:
    description:
      - The hosts by name, each with its result of M(selfhosted.bitwarden.server_info), also a failed one.
    type: dict
    required: true
  organization_info:
    description:
      - The same with the results of M(selfhosted.bitwarden.organization_info).
      - A host whose API was not asked can be left out. Its licenses are then those on its disk.
    type: dict
    default: {}
  expiring_within:
    description:
      - How long before its end a license or a certificate counts as a problem, as V(<n>[s|m|h|d|w]).
    type: str
    default: 30d
  backup_older_than:
    description:
      - The age from which the last verified backup counts as a problem, as V(<n>[s|m|h|d|w]). A missing backup is a
        problem then, too.
      - Without it, backups are shown and never count as a problem.
    type: str
  sync_older_than:
    description:
      - The age from which the last license sync counts as a problem, as V(<n>[s|m|h|d|w]).
      - Without it, the date is shown and never counts as a problem.
    type: str
  fail_when_outdated:
    description:
      - Whether an available newer version of Bitwarden counts as a problem.
    type: bool
    default: false
  fail_on_warnings:
    description:
      - Whether warnings count as problems, too.
    type: bool
    default: false
  status_file:
    description:
      - A file on the controller for the status of the fleet as JSON. Its folder must exist.
      - A relative path starts at the playbook, or at the inventory where the playbook belongs to a collection.
    type: path
  prometheus_file:
    description:
      - A file on the controller for the status of the fleet in Prometheus's text format, for the textfile collector of
        node_exporter. It must end in C(.prom).
      - Its folder is the one that C(--collector.textfile.directory) names.
    type: path
notes:
  - Runs on the controller. The table is printed as by M(selfhosted.bitwarden.fleet_report).
  - The files are replaced as a whole. They hold no secrets, and every user can read a new file.
  - RV(failing) names the hosts that should fail. The playbook C(selfhosted.bitwarden.fleet_status) fails on these.
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

- name: Gather facts about the organization
  selfhosted.bitwarden.organization_info:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"
  register: bitwarden_organization_facts
  ignore_errors: true

- name: Show the fleet, and write its status for programs
  selfhosted.bitwarden.fleet_status:
    server_info: "{{ dict(ansible_play_hosts_all | zip(servers)) }}"
    organization_info: "{{ dict(ansible_play_hosts_all | zip(organizations)) }}"
    expiring_within: 60d
    status_file: bitwarden-fleet.json
    prometheus_file: bitwarden.prom
  vars:
    hosts: "{{ ansible_play_hosts_all | map('extract', hostvars) }}"
    servers: "{{ hosts | map(attribute='bitwarden_server', default={}) }}"
    organizations: "{{ hosts | map(attribute='bitwarden_organization_facts', default={}) }}"
  register: bitwarden_fleet_status
  run_once: true
  delegate_to: localhost

- name: Show the hosts that should fail, with the reason
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
        - The licenses by organization, those on the disk and the one that the API returned (C(asked)).
      type: list
      elements: dict
      returned: always
failing:
  description:
    - Why hosts should fail, by name of the host. Empty where none should.
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
  description:
    - The files that have the status of this run, or would have it in check mode.
  returned: success
  type: list
  elements: str
  sample:
    - /var/lib/node_exporter/bitwarden.prom
"""
