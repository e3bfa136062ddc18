# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module update_apply: documentation; its action plugin does it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: update_apply
short_description: Update a server as the variables of the role update say
version_added: 0.2.0
description:
  - Runs M(selfhosted.bitwarden.update) with the options that the variables of the role
    P(selfhosted.bitwarden.update#role) set, and returns its result.
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
  - The first host of the play that asks for the latest release looks it up. The other hosts get the same one.
  - Options that no variable sets are left to the C(module_defaults) of the play.
  - A host that cannot be reached is a failed host.
seealso:
  - module: selfhosted.bitwarden.update
  - module: selfhosted.bitwarden.update_plan
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Run the role, of which update_apply is the step
  ansible.builtin.import_role:
    name: selfhosted.bitwarden.update

- name: Show how long the server was down
  ansible.builtin.debug:
    var: update_made.downtime
"""

RETURN = r"""
release:
  description:
    - What was requested, and the release that it is. Later hosts that request the same get this one.
  returned: when the module ran on the host
  type: dict
  sample: {version: latest, source: download, found: 2026.8.0}
downtime:
  description: Seconds without a server. All other keys are those of M(selfhosted.bitwarden.update), too.
  returned: when the module ran on the host
  type: float
  sample: 41.5
"""
