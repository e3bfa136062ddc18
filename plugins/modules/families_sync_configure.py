# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module families_sync_configure: documentation; its action plugin does it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: families_sync_configure
short_description: Configure an organization as the role families_sync has planned
version_added: 0.2.0
description:
  - Runs M(selfhosted.bitwarden.organization) as the variables and the plan of the role
    P(selfhosted.bitwarden.families_sync#role) say, and returns its result.
  - Sets the fact C(bitwarden_status).
  - It is a step of that role, and not meant for other use.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.api
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - As M(selfhosted.bitwarden.organization).
options:
  second_pass:
    description:
      - Whether earlier tasks have uploaded the license and rotated the token, so that only token and license sync are
        left.
    type: bool
    default: false
  after_update:
    description:
      - Whether the server was updated because it was too old for its license, so that what was refused is tried again.
    type: bool
    default: false
notes:
  - Runs on the controller, and uses what earlier tasks of the role registered.
  - Options that no variable sets are left to the C(module_defaults) of the play.
  - The billing sync token comes from M(selfhosted.bitwarden.families_sync_fetch). If that failed, the module does what
    needs no token, and then fails.
  - The fact is that of M(selfhosted.bitwarden.families_sync_status). It is set even if nothing has to be done through
    the API.
seealso:
  - module: selfhosted.bitwarden.families_sync_plan
  - module: selfhosted.bitwarden.organization
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Run the role, of which families_sync_configure is a step
  ansible.builtin.import_role:
    name: selfhosted.bitwarden.families_sync

- name: Show the state of the host
  ansible.builtin.debug:
    var: families_sync_organization.status
"""

RETURN = r"""
step:
  description:
    - The step that failed. V(fetch) where the token could not be fetched, otherwise as
      RV(selfhosted.bitwarden.organization#module:step).
  returned: failure
  type: str
  sample: sync
status:
  description:
    - The same as the fact C(bitwarden_status).
    - Where nothing was changed, no step failed and there are no warnings, only this and C(changes) are returned.
      Otherwise the keys of M(selfhosted.bitwarden.organization) are returned, too.
      M(selfhosted.bitwarden.organization_info) returns the facts at any time.
  returned: always
  type: dict
  sample:
    problem: ""
planned:
  description: The plan of the host, where the second pass is needed.
  returned: a second pass is needed
  type: dict
  sample:
    rotate: true
update_required:
  description: Why the server has to be updated first, with C(bitwarden_update) set to V(if_needed).
  returned: the server is to be updated
  type: str
  sample: 'The server rejected the license: "Version 15 is not supported."'
first_pass:
  description:
    - The results of the earlier calls, as one.
  returned: O(second_pass=true) or O(after_update=true)
  type: dict
  sample:
    changed: true
"""
