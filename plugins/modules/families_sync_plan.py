# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module families_sync_plan: documentation; its action plugin does it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: families_sync_plan
short_description: Check the variables of the role families_sync and decide what it does
version_added: 0.1.0
description:
  - Checks on the controller what can be known before a host is touched, and names everything that is wrong with the
    variables at once.
  - Decides what the tasks of the role P(selfhosted.bitwarden.families_sync#role) do on the host. The tags of the run
    count, as they do for tasks.
  - Takes no options but reads the variables of the role. It is not meant for use outside of it.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.info_module
seealso:
  - module: selfhosted.bitwarden.organization
  - module: selfhosted.bitwarden.server
author:
  - selfhosted.bitwarden contributors (@selfhosted)
options: {}
"""

EXAMPLES = r"""
- name: Check the variables
  selfhosted.bitwarden.families_sync_plan:
  register: families_sync_plan

- name: Show where the license comes from
  ansible.builtin.debug:
    var: families_sync_plan.license
"""

RETURN = r"""
cloud_communication:
  description: What the settings of the server are to say of cloud communication. Null leaves it as it is.
  returned: success
  type: bool
  sample: true
pull:
  description: Whether a restart pulls images. Null where it is not set.
  returned: success
  type: bool
  sample: true
preflight:
  description: What happens where the cloud cannot be reached. V(fail), V(warn), V(skip), or empty where it is not set.
  returned: success
  type: str
  sample: warn
cloud:
  description: The cloud. V(us), V(eu), or a mapping with C(api_url) and C(identity_url).
  returned: success
  type: raw
  sample: us
configure:
  description: Whether the API of the server is asked.
  returned: success
  type: bool
  sample: true
wait:
  description: Whether to wait for an API that does not respond yet.
  returned: success
  type: bool
  sample: true
steps:
  description: The steps for M(selfhosted.bitwarden.organization).
  returned: success
  type: list
  elements: str
  sample: [token, sync]
license:
  description: Where the license comes from. V(none), V(file) or V(cloud).
  returned: success
  type: str
  sample: none
token_source:
  description: A text that is the same for hosts that share a billing sync token. Empty where none is fetched.
  returned: success
  type: str
  sample: 'of ["us", "user.3d0c4f5e-0000-4000-8000-000000000001", "Example Enterprise"]'
fetch:
  description: Whether that token is fetched as it is.
  returned: success
  type: bool
  sample: true
rotate:
  description: Whether that token is rotated.
  returned: success
  type: bool
  sample: false
"""
