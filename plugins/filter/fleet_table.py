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
  - Turns the C(bitwarden_status) of each host into the lines of a table.
  - The columns are host, version, cloud communication, token, last sync, license expiry, sponsorships
    (when they were last synced), changed and problem. A warning is shown where there is no problem.
  - A host without a status was not touched in this run and is shown as such.
options:
  _input:
    description:
      - The hosts by name, each with the C(bitwarden_status) that the role
        P(selfhosted.bitwarden.families_sync#role) set.
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
  description: The lines of the table, the heading first.
  type: list
  elements: str
  sample:
    - "host | version  | cloud communication | token | last sync        | license expiry   | sponsorships | changed |
      problem"
    - "-----+----------+---------------------+-------+------------------+------------------+--------------+---------+-\
      -------"
    - "bw1  | 2026.8.0 | on                  | set   | 2026-11-22 14:16 | 2027-12-28 00:00 | none         | no      |"
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

COLUMNS = (
    "host",
    "version",
    "cloud communication",
    "token",
    "last sync",
    "license expiry",
    "sponsorships",
    "changed",
    "problem",
)
UNKNOWN = "-"
UNTOUCHED = "not touched in this run"
LONGEST_PROBLEM = 100


def fleet_table(hosts: Mapping[str, Mapping[str, Any] | None]) -> list[str]:
    """Return the table's lines for ``{host: bitwarden_status or None}``."""
    if not isinstance(hosts, Mapping):
        raise AnsibleFilterError(
            f"fleet_table needs a dictionary of host to bitwarden_status, not {type(hosts).__name__}"
        )
    rows = [COLUMNS, *(_row(name, status) for name, status in hosts.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    lines.insert(1, "-+-".join("-" * width for width in widths))
    return lines


def _row(name: str, status: Mapping[str, Any] | None) -> Sequence[str]:
    if not status:
        return (name, *[UNKNOWN] * (len(COLUMNS) - 2), UNTOUCHED)
    return (
        name,
        str(status.get("version") or UNKNOWN),
        _word(status.get("cloud_communication"), "on", "off"),
        _word(status.get("token"), "set", "none"),
        _time(status, "last_sync", "never"),
        _time(status, "license_expires", "none"),
        _sponsorships(status.get("sponsorships")),
        _word(status.get("changed"), "yes", "no"),
        _short(_problem(status)),
    )


def _sponsorships(found: Mapping[str, Any] | None) -> str:
    if not found:
        return UNKNOWN
    # Other members' own sponsorships are not visible, but they have a date.
    if not found.get("visible") and not found.get("last_sync"):
        return "none"
    return _time(found, "last_sync", "never") + (" (overdue)" if found.get("overdue") else "")


def _problem(status: Mapping[str, Any]) -> str:
    warnings = status.get("warnings") or []
    return str(status.get("problem") or (f"warning: {warnings[0]}" if warnings else ""))


def _word(value: Any, yes: str, no: str) -> str:
    return UNKNOWN if value is None or value == "" else yes if value else no


def _time(status: Mapping[str, Any], key: str, null: str) -> str:
    """Format a UTC ISO 8601 time to the minute; ``null`` where the server has none, ``-`` where it was not asked."""
    if key not in status:
        return UNKNOWN
    value = status[key]
    return str(value)[:16].replace("T", " ") if value else null


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_PROBLEM else line[: LONGEST_PROBLEM - 3] + "..."


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"fleet_table": fleet_table}
