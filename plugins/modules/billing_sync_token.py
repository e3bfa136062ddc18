#!/usr/bin/python
# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module billing_sync_token: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: billing_sync_token
short_description: Fetch or rotate the billing sync token of an organization in Bitwarden's cloud
version_added: 0.1.0
description:
  - Returns the token that a self-hosted server needs to sync with the organization in the cloud. It is made if there is
    none yet, and replaced on request.
  - There is one token for an organization. Replacing it stops all servers that hold the old one from syncing until they
    get the new one.
  - The organization's public API key is another key, which this module never touches.
  - The whole result of a task that succeeds is hidden, as with C(no_log), because it is the token. It can be registered
    and used. A failure can be read.
extends_documentation_fragment:
  - selfhosted.bitwarden.cloud
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.cloud
attributes:
  check_mode:
    support: full
    details:
      - It reads, and makes or rotates nothing. A token that there is already is returned.
  diff_mode:
    support: none
    details:
      - The result is hidden as a whole.
  idempotent:
    support: partial
    details:
      - Not with O(state=rotated) without O(max_age) and O(rotated_before), which rotates each time.
options:
  state:
    description:
      - V(present) returns the token, and makes it if there is none.
      - V(rotated) replaces it by a new one; with O(max_age) or O(rotated_before) only if it is older.
    type: str
    choices: [present, rotated]
    default: present
  max_age:
    description:
      - With O(state=rotated), how old the token may be, as V(<n>[s|m|h|d|w]). Cannot be combined with
        O(rotated_before), and cannot be empty.
    type: str
  rotated_before:
    description:
      - With O(state=rotated), rotate a token that is from before that time, such as V(2026-11-22T10:00:00Z). It can be
        run again until it has worked, and rotates once. It cannot be empty or in the future.
    type: str
  otp:
    description:
      - A one-time password that the cloud has mailed to the account, in place of O(master_password). For accounts that
        have no master password.
    type: str
requirements:
  - Python library C(argon2-cffi) on the controller, for accounts whose master password is hashed with Argon2id
seealso:
  - module: selfhosted.bitwarden.billing_sync
  - module: selfhosted.bitwarden.cloud_license
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Get the token of the organization
  selfhosted.bitwarden.billing_sync_token:
    cloud: "{{ bitwarden_cloud }}"
    client_id: "{{ bitwarden_cloud_client_id }}"
    client_secret: "{{ bitwarden_cloud_client_secret }}"
    master_password: "{{ bitwarden_cloud_password }}"
    organization: "{{ bitwarden_cloud_organization }}"
    ca_path: "{{ bitwarden_cloud_ca_path }}"
  register: cloud_token

- name: Give it to the server
  selfhosted.bitwarden.billing_sync:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"
    billing_sync_token: "{{ cloud_token.billing_sync_token }}"

- name: Have a token that is not older than a year
  selfhosted.bitwarden.billing_sync_token:
    cloud: "{{ bitwarden_cloud }}"
    client_id: "{{ bitwarden_cloud_client_id }}"
    client_secret: "{{ bitwarden_cloud_client_secret }}"
    master_password: "{{ bitwarden_cloud_password }}"
    organization: "{{ bitwarden_cloud_organization }}"
    ca_path: "{{ bitwarden_cloud_ca_path }}"
    state: rotated
    max_age: 365d
  register: cloud_token
"""

RETURN = r"""
billing_sync_token:
  description: The token. Null where check mode would make or rotate it.
  returned: success
  type: str
  sample: vNPiSdD0mq7rXfN6cVtYbA8gKzW3hE
revision_date:
  description: Since when the token is what it is, UTC; in check mode that of the present one, and null without one.
  returned: success
  type: str
  sample: '2026-11-22T10:00:00Z'
action:
  description: What was done to the token (in check mode, would be). V(none), V(created) or V(rotated).
  returned: success
  type: str
  sample: none
organization:
  description: The organization in the cloud.
  returned: success
  type: dict
  sample:
    id: ac5d6e7f-9081-4c23-9e4f-b2e500f1d003
    name: Example Enterprise
cause:
  description:
    - Why it failed. V(not_owner), V(plan_without_billing_sync), V(wrong_password), V(wrong_otp), V(no_master_password),
      V(login) (the login was refused), V(version_header) (a proxy removes a header), V(rate_limit),
      V(unusual_traffic) (the cloud has flagged this address), or V(unknown_outcome) when the answer of the cloud was
      lost, and asking again did not bring the token.
  returned: failure, where one of these is the cause
  type: str
  sample: wrong_password
layer:
  description:
    - "Which layer failed: V(network), V(tls), V(login), V(permission), V(request) or V(server)."
  returned: failure
  type: str
  sample: login
status:
  description: HTTP status of the answer that made it fail; null if there was none.
  returned: failure
  type: int
  sample: 400
advice:
  description: What to do about the failure.
  returned: failure
  type: str
  sample: It is the password of the account in the cloud, which may differ from that on the server.
"""
