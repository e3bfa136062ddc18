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
  - Returns the billing sync token that a self-hosted server needs to sync with its organization in the cloud.
  - Creates the token if there is none, or rotates it on request.
extends_documentation_fragment:
  - selfhosted.bitwarden.cloud
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.cloud
attributes:
  check_mode:
    support: full
    details:
      - Reads only. Returns an existing token, and creates or rotates none.
  diff_mode:
    support: none
    details:
      - The whole result is hidden.
  idempotent:
    support: partial
    details:
      - Not with O(state=rotated) without O(max_age) and O(rotated_before), which rotates each time.
options:
  state:
    description:
      - V(present) returns the token, and creates it if there is none.
      - V(rotated) replaces the token by a new one. With O(max_age) or O(rotated_before) it does so only if the token is
        older.
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
      - With O(state=rotated), rotate a token from before that time, such as V(2026-11-22T10:00:00Z). It cannot be empty
        or in the future.
      - The task can be repeated until it has succeeded, and still rotates only once.
    type: str
  otp:
    description:
      - A one-time password that the cloud has mailed to the account, in place of O(master_password). For accounts
        without a master password.
    type: str
requirements:
  - Python library C(argon2-cffi) on the controller, for accounts whose master password is hashed with Argon2id
notes:
  - An organization has one token. After a rotation, servers with the old token cannot sync until they get the new one.
  - The organization's public API key is a different key, which this module never touches.
  - The result of a successful task is hidden as with C(no_log), since it is the token. It can still be registered and
    used. Failures are shown.
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

- name: Apply the token to the server
  selfhosted.bitwarden.billing_sync:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"
    billing_sync_token: "{{ cloud_token.billing_sync_token }}"

- name: Rotate a token that is older than a year
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

- name: Rotate the token once, after it was exposed on that day
  selfhosted.bitwarden.billing_sync_token:
    cloud: "{{ bitwarden_cloud }}"
    client_id: "{{ bitwarden_cloud_client_id }}"
    client_secret: "{{ bitwarden_cloud_client_secret }}"
    master_password: "{{ bitwarden_cloud_password }}"
    organization: "{{ bitwarden_cloud_organization }}"
    ca_path: "{{ bitwarden_cloud_ca_path }}"
    state: rotated
    rotated_before: "2026-03-31T18:00:00Z"
  register: cloud_token
"""

RETURN = r"""
billing_sync_token:
  description:
    - The token. Null where check mode would create or rotate it.
  returned: success
  type: str
  sample: vNPiSdD0mq7rXfN6cVtYbA8gKzW3hE
revision_date:
  description:
    - Since when the token is valid, UTC. In check mode that of the present token. Null without one.
  returned: success
  type: str
  sample: '2026-11-22T10:00:00Z'
action:
  description:
    - What was done to the token, or would be in check mode. V(none), V(created) or V(rotated).
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
