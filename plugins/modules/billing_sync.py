# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module billing_sync: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: billing_sync
short_description: Apply the billing sync token to an organization of a self-hosted Bitwarden server
version_added: 0.1.0
description:
  - Creates, changes or removes the connection of an organization to Bitwarden's cloud, which holds the billing sync
    token.
  - The server does not check the token; M(selfhosted.bitwarden.license_sync) does.
extends_documentation_fragment:
  - selfhosted.bitwarden.api
  - selfhosted.bitwarden.api.assume_ready
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.api
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - The token is masked.
  idempotent:
    support: partial
    details:
      - Not with O(keep_last_sync=false), after each sync.
options:
  state:
    description:
      - V(present) requires a connection with this token, V(absent) requires none.
      - Several connections, which clients that write at the same time can leave, are reduced to one (or none).
    type: str
    choices:
      - present
      - absent
    default: present
  billing_sync_token:
    description:
      - The token from the organization in the cloud (Billing, Subscription, Manage billing sync). Required with
        O(state=present).
      - A different token resets the date of the last license sync to never, as that sync says nothing about the new
        token.
    type: str
  enabled:
    description:
      - Whether the connection is enabled.
    type: bool
    default: true
  keep_last_sync:
    version_added: 0.2.0
    description:
      - Whether the date of the last license sync is kept while the token stays the same, also when the connection is
        enabled again.
      - V(false) resets it to never, so that a sync is due until one has succeeded. Use it after the server has got
        another region or installation.
    type: bool
    default: true
notes:
  - Run M(selfhosted.bitwarden.license_sync) afterwards to check the token.
  - Cloud communication does not have to be enabled.
  - Writes only what differs.
seealso:
  - module: selfhosted.bitwarden.license_sync
  - module: selfhosted.bitwarden.organization_info
  - module: selfhosted.bitwarden.server
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Apply the billing sync token
  selfhosted.bitwarden.billing_sync:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"
    billing_sync_token: "{{ bitwarden_billing_sync_token }}"

- name: Sync the license, which checks a new token
  selfhosted.bitwarden.license_sync:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"

- name: Disable the connection, and keep its token and last sync
  selfhosted.bitwarden.billing_sync:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"
    billing_sync_token: "{{ bitwarden_billing_sync_token }}"
    enabled: false

- name: Remove the connection
  selfhosted.bitwarden.billing_sync:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"
    state: absent
"""

RETURN = r"""
changes:
  description: What changed (or would), by name.
  returned: success
  type: list
  elements: dict
  sample:
    - key: billing_sync_token
      action: changed
    - key: last_license_sync
      action: changed
organization:
  description: The organization. Null when check mode found a server that does not answer (see O(assume_ready)).
  returned: success
  type: dict
  sample:
    id: 7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003
    name: Example Enterprise
connection:
  description: The connection, never with its token.
  returned: success
  type: dict
  contains:
    before:
      description:
        - As it was. Null if there was none.
      type: dict
      returned: success
      sample:
        id: 0e6f4a52-9a35-4a7e-93a2-b2e500f1e001
        enabled: true
        billing_sync_token_set: true
        cloud_organization_id: ac5d6e7f-9081-4c23-9e4f-b2e500f1d003
        last_license_sync: '2026-11-21T22:00:00Z'
    after:
      description:
        - As it is, or would be in check mode, where the ids of a new connection are null. Null if there is none.
      type: dict
      returned: success
      sample:
        id: 0e6f4a52-9a35-4a7e-93a2-b2e500f1e001
        enabled: true
        billing_sync_token_set: true
        cloud_organization_id: ac5d6e7f-9081-4c23-9e4f-b2e500f1d003
        last_license_sync: null
layer:
  description:
    - "Which layer failed: V(network), V(tls), V(login), V(permission), V(request), V(license) or V(server)."
  returned: failure
  type: str
  sample: license
status:
  description: HTTP status of the answer that made it fail; null if there was none.
  returned: failure
  type: int
  sample: 400
advice:
  description: What to do about the failure.
  returned: failure
  type: str
  sample: Use the personal API key of an owner of the organization.
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.session import run_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.billing_sync import (
    OPTIONS,
    REQUIRED_IF,
    perform,
)


def main() -> None:
    """Run the module."""
    run_module(AnsibleModule(argument_spec=OPTIONS, required_if=REQUIRED_IF, supports_check_mode=True), perform)


if __name__ == "__main__":
    main()
