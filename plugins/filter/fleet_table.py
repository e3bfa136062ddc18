# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter fleet_table: the table of a fleet, from the status of its hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_table
short_description: Show the state of a fleet of Bitwarden servers as a table
version_added: 0.1.0
author:
  - selfhosted.bitwarden contributors (@selfhosted)
description:
  - Turns the C(bitwarden_status) of each host into the lines of a table, for output.
  - Problems and warnings follow the table in full, each once.
options:
  _input:
    description:
      - The hosts by name, each with the C(bitwarden_status) that the role P(selfhosted.bitwarden.families_sync#role)
        set.
      - Empty where a host has none.
    type: dict
    required: true
seealso:
  - module: selfhosted.bitwarden.organization_info
"""

EXAMPLES = r"""
- name: Show the fleet
  ansible.builtin.debug:
    msg: "{{ dict(names | zip(states)) | selfhosted.bitwarden.fleet_table }}"
  vars:
    names: "{{ ansible_play_hosts_all }}"
    states: "{{ ansible_play_hosts_all | map('extract', hostvars) | map(attribute='bitwarden_status', default={}) }}"
"""

RETURN = r"""
_value:
  description:
    - The lines of the table, the heading first.
    - The columns are host, version, cloud communication, token, last sync, license expiry, last sync of sponsorships,
      what changed, and the result. In check mode, what would change is in brackets.
    - Columns for the available version, the age of the last verified backup, and the days until the certificate expires
      are shown if a host has a value.
    - The result is V(ok), V(warning), V(failed), or V(not touched) for a host without a status.
  type: list
  elements: str
  sample:
    - "host | version  | cloud | token | last sync        | license expiry   | sponsorships | changed  | result"
    - "-----+----------+-------+-------+------------------+------------------+--------------+----------+-------"
    - "bw1  | 2026.8.0 | on    | set   | 2026-11-22 14:16 | 2027-12-28 00:00 | none         | settings | ok"
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.table import table_lines


def fleet_table(hosts: Mapping[str, Mapping[str, Any] | None]) -> list[str]:
    """Return the table's lines for ``{host: bitwarden_status or None}``."""
    if not isinstance(hosts, Mapping):
        raise AnsibleFilterError(
            f"fleet_table needs a dictionary of host to bitwarden_status, not {type(hosts).__name__}"
        )
    return table_lines(hosts)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"fleet_table": fleet_table}
