# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module families_sync_fetch: documentation; its action plugin does it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: families_sync_fetch
short_description: Fetch the billing sync token of each organization of a run once
version_added: 0.2.0
description:
  - Runs M(selfhosted.bitwarden.billing_sync_token) once for each cloud organization whose token hosts of the role
    P(selfhosted.bitwarden.families_sync#role) need.
  - It is a step of that role, and not meant for other use.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - A rotation is done once in a run.
options:
  rotate:
    description:
      - Whether to rotate the tokens of the hosts with C(bitwarden_rotate), instead of fetching those of the other
        hosts.
    type: bool
    default: false
notes:
  - Runs on the controller, once for all hosts of a batch (C(run_once)), with the variables of the first of them that is
    healthy so far.
  - A token that an earlier batch or play has fetched, or failed to fetch, is not fetched again.
  - A token that cannot be fetched does not fail this task. M(selfhosted.bitwarden.families_sync_configure) then fails
    on the hosts that need it.
seealso:
  - module: selfhosted.bitwarden.billing_sync_token
  - module: selfhosted.bitwarden.families_sync_plan
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Run the role, of which families_sync_fetch is a step
  ansible.builtin.import_role:
    name: selfhosted.bitwarden.families_sync

- name: Show with which hosts the tokens were fetched
  ansible.builtin.debug:
    var: families_sync_tokens.hosts
"""

RETURN = r"""
hosts:
  description: The host whose variables were used, for each token.
  returned: success
  type: dict
  sample:
    'of ["us", "user.3d0c4f5e-0000-4000-8000-000000000001", "Example Enterprise"]': vault-nyc.example.com
tokens:
  description: The result of M(selfhosted.bitwarden.billing_sync_token) for each token. No callback shows it.
  returned: success
  type: dict
  sample: {}
"""
