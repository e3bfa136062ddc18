# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter token_fetchers: the host that fetches the token of each organization in the cloud."""

from __future__ import annotations

DOCUMENTATION = r"""
name: token_fetchers
short_description: Choose the host that fetches the billing sync token of each cloud organization
version_added: 0.1.0
author:
  - selfhosted.bitwarden contributors (@selfhosted)
description:
  - Hosts of one cloud organization share its billing sync token. It is fetched once in a run, by one of them.
  - The role P(selfhosted.bitwarden.families_sync#role) uses it, on the variables that its steps register.
  - A host chosen in an earlier batch or play stays the one, also where it failed, so that nobody asks the cloud again.
    Otherwise it is the first host that needs the token and on which no step has failed so far.
options:
  _input:
    description:
      - The variables of the hosts, in order.
      - C(families_sync_plan) says which token a host needs. C(families_sync_server), C(families_sync_organization) and
        C(families_sync_upload) are the results of the steps before.
    type: list
    elements: dict
    required: true
  noted:
    description: What this filter returned earlier in the run.
    type: dict
    default: {}
  rotate:
    description: Whether to choose among the hosts that rotate their token, rather than among those that only fetch it.
    type: bool
    default: false
seealso:
  - module: selfhosted.bitwarden.billing_sync_token
  - module: selfhosted.bitwarden.families_sync_plan
"""

EXAMPLES = r"""
- name: Show who would fetch
  ansible.builtin.debug:
    msg: "{{ ansible_play_batch | map('extract', hostvars) | selfhosted.bitwarden.token_fetchers }}"
"""

RETURN = r"""
_value:
  description:
    - The name of the host that fetches, for each token (C(hosts)).
    - When hosts were chosen for the first time in this run, UTC (C(began)). A token rotated later is not rotated again.
  type: dict
  sample:
    began: "2026-11-22T10:00:00Z"
    hosts:
      'of ["us", "user.3d0c4f5e-0000-4000-8000-000000000001", "Example Enterprise"]': vault-nyc.example.com
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.fetchers import (
    Candidate,
    choose_fetchers,
)

_STEPS_BEFORE = ("families_sync_server", "families_sync_organization", "families_sync_upload")


def token_fetchers(
    hosts: Iterable[Mapping[str, Any]], noted: Mapping[str, Any] | None = None, rotate: bool = False
) -> dict[str, Any]:
    """Return ``{"began": time, "hosts": {token source: host}}``; ``hosts`` are the variables of each host."""
    noted = noted or {}
    candidates = (
        Candidate(
            name=str(host["inventory_hostname"]),
            plan=host.get("families_sync_plan") or {},
            results=[host.get(step) or {} for step in _STEPS_BEFORE],
        )
        for host in hosts
    )
    return {
        "began": noted.get("began") or datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "hosts": choose_fetchers(candidates, noted.get("hosts") or {}, rotate),
    }


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"token_fetchers": token_fetchers}
