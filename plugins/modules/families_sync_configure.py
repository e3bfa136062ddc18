# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module families_sync_configure: documentation; its action plugin does it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: families_sync_configure
short_description: Configure an organization as the role families_sync has planned
version_added: 0.1.0
description:
  - Runs M(selfhosted.bitwarden.organization) on the controller, and returns what that returns. All its options can be
    given except O(selfhosted.bitwarden.organization#module:steps), O(selfhosted.bitwarden.organization#module:force),
    O(selfhosted.bitwarden.organization#module:keep_last_sync),
    O(selfhosted.bitwarden.organization#module:assume_ready) and
    O(selfhosted.bitwarden.organization#module:defer_without_license), which follow from the plan and from what earlier
    tasks of the role P(selfhosted.bitwarden.families_sync#role) registered.
  - Takes the billing sync token from the host that fetched it. Where that failed, does what needs no token, and then
    fails.
  - It is not meant for use outside of the role.
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
      - Whether the license was uploaded and the token rotated by tasks before, so that only token and license sync are
        left.
    type: bool
    default: false
seealso:
  - module: selfhosted.bitwarden.families_sync_plan
  - module: selfhosted.bitwarden.organization
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Check the variables
  selfhosted.bitwarden.families_sync_plan:
  vars:
    bitwarden_offline: true
  register: families_sync_plan

- name: Configure through the API
  selfhosted.bitwarden.families_sync_configure:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    ca_path: "{{ bitwarden_ca_path }}"
    license_max_age: 7d
  register: families_sync_organization

- name: Do what the first pass could not do
  selfhosted.bitwarden.families_sync_configure:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    ca_path: "{{ bitwarden_ca_path }}"
    license_max_age: 7d
    second_pass: true
  register: families_sync_completion
"""

RETURN = r"""
step:
  description: The step that failed. V(fetch) where the token could not be fetched, otherwise as the module says.
  returned: failure
  type: str
  sample: sync
"""
