# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module restore_apply: documentation; its action plugin does it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_apply
short_description: Restore a server as the variables of the role restore say
version_added: 0.2.0
description:
  - Runs M(selfhosted.bitwarden.restore) with the options that the variables of the role
    P(selfhosted.bitwarden.restore#role) set, and returns its result.
  - It is a step of that role, and not meant for other use.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: none
    details:
      - Every run restores. Only a drill that is verified and running is unchanged.
options: {}
notes:
  - A drill gets the folder C(bitwarden_restore_drill_bwdata) instead of that of the server.
  - Options that no variable sets are left to the C(module_defaults) of the play.
  - A host that cannot be reached is a failed host.
seealso:
  - module: selfhosted.bitwarden.restore
  - module: selfhosted.bitwarden.fleet_hosts
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Run the role, of which restore_apply is the step
  ansible.builtin.import_role:
    name: selfhosted.bitwarden.restore
  when: bitwarden_restore_set is defined

- name: Show what was verified
  ansible.builtin.debug:
    var: restore_made.proof
"""

RETURN = r"""
proof:
  description: The checks after the restore. All other keys are those of M(selfhosted.bitwarden.restore), too.
  returned: when the module ran on the host
  type: list
  elements: dict
  sample:
    - check: row counts
      ok: true
      detail: Cipher 2310, Migration 482, Organization 3, User 57
"""
