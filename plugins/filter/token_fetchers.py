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
  - Hosts of one cloud organization share its billing sync token. It is fetched once in a run, for one of them.
  - The role P(selfhosted.bitwarden.families_sync#role) uses it, on the variables that its steps register.
  - The host that was chosen already, in an earlier batch, stays the one, also where it failed. Otherwise it is the
    first that has come so far in the role that it wants the token, and on which no step has failed.
options:
  _input:
    description:
      - The variables of the hosts, in order.
      - C(families_sync_source) names whose token a host wants; empty where it needs none. C(families_sync_server) and
        C(families_sync_info) are the results of the steps before.
    type: list
    elements: dict
    required: true
  chosen:
    description: What this filter returned for earlier batches.
    type: dict
    default: {}
seealso:
  - module: selfhosted.bitwarden.billing_sync_token
"""

EXAMPLES = r"""
- name: Show who would fetch
  ansible.builtin.debug:
    msg: "{{ ansible_play_batch | map('extract', hostvars) | selfhosted.bitwarden.token_fetchers }}"
"""

RETURN = r"""
_value:
  description: The name of the host that fetches, for each value of C(families_sync_source).
  type: dict
  sample:
    'of ["us", "user.3d0c4f5e-0000-4000-8000-000000000001", "Example Enterprise"]': vault-nyc.example.com
"""

from collections.abc import Iterable, Mapping
from typing import Any

_STEPS_BEFORE = ("families_sync_server", "families_sync_info")


def token_fetchers(hosts: Iterable[Mapping[str, Any]], chosen: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return ``{source: host}``; ``hosts`` are the variables of each host, ``inventory_hostname`` among them."""
    fetchers = dict(chosen or {})
    for host in hosts:
        source = host.get("families_sync_source")
        if source and not any(_failed(host.get(step)) for step in _STEPS_BEFORE):
            fetchers.setdefault(source, str(host["inventory_hostname"]))
    return fetchers


def _failed(result: Any) -> bool:
    return bool(result) and bool(result.get("failed") or result.get("unreachable"))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"token_fetchers": token_fetchers}
