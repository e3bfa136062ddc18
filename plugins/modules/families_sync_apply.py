# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module families_sync_apply: documentation; its action plugin does it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: families_sync_apply
short_description: Apply the settings of a server as the role families_sync has planned
version_added: 0.2.0
description:
  - Runs M(selfhosted.bitwarden.server) as the variables and the plan of the role
    P(selfhosted.bitwarden.families_sync#role) say, and returns its result.
  - It is a step of that role, and not meant for other use.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options: {}
notes:
  - Options that no variable sets are left to the C(module_defaults) of the play.
  - A host that cannot be reached is a failed host.
seealso:
  - module: selfhosted.bitwarden.families_sync_plan
  - module: selfhosted.bitwarden.server
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Run the role, of which families_sync_apply is a step
  ansible.builtin.import_role:
    name: selfhosted.bitwarden.families_sync

- name: Show what changed in the settings
  ansible.builtin.debug:
    var: families_sync_server.changes
"""

RETURN = r"""
restarted:
  description:
    - Whether services were restarted. The other keys are those of M(selfhosted.bitwarden.server), too.
    - Where nothing was changed and nothing failed, those are C(changes), C(version), C(cloud_communication),
      C(installation_id) and any warnings. M(selfhosted.bitwarden.server_info) returns the services.
  returned: always
  type: bool
  sample: false
"""
