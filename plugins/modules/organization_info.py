# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module organization_info: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: organization_info
short_description: Gather facts about an organization of a self-hosted Bitwarden server
version_added: 0.1.0
description:
  - Reads an organization of a self-hosted server from its API, with its license, its connection to Bitwarden's cloud,
    and the dates of its syncs.
  - Never fails because of a license problem, and never returns the billing sync token.
extends_documentation_fragment:
  - selfhosted.bitwarden.api
  - selfhosted.bitwarden.api.assume_ready
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.api
  - selfhosted.bitwarden.attributes.info_module
options:
  wait_timeout:
    description:
      - How long to wait for a server that does not answer yet, as V(<n>[s|m|h|d|w]). That is one that cannot be
        reached, or whose web server says that the service behind it is down (502, 503, 504).
      - Check mode with O(assume_ready=true) does not wait.
    type: str
    default: 0s
  license_expiry_warning:
    version_added: 0.2.0
    description:
      - How long before its end a license counts as V(expiring), with a warning, as V(<n>[s|m|h|d|w]).
    type: str
    default: 30d
  sponsorships_max_age:
    description:
      - How old the last sync of sponsorships may be before it counts as overdue, as V(<n>[s|m|h|d|w]). The server syncs
        them once a day.
    type: str
    default: 26h
notes:
  - Problems of the license are in RV(license.state). The other facts are returned all the same.
seealso:
  - module: selfhosted.bitwarden.sponsorships_info
  - module: selfhosted.bitwarden.server_info
  - module: selfhosted.bitwarden.billing_sync
  - module: selfhosted.bitwarden.license_sync
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Read the organization and its connection to the cloud
  selfhosted.bitwarden.organization_info:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"
  register: bitwarden_organization_facts

- name: Show what is wrong with the license, from a month before it expires
  ansible.builtin.debug:
    msg: "{{ bitwarden_organization_facts.license.message }}"
  when: bitwarden_organization_facts.license.state != 'ok'

- name: Require a license sync within the last ten days
  ansible.builtin.assert:
    that:
      - bitwarden_organization_facts.last_license_sync is not none
      - bitwarden_organization_facts.last_license_sync_age < 10 * 86400
    fail_msg: "The last license sync was on {{ bitwarden_organization_facts.last_license_sync }}."

- name: Wait until the API answers
  selfhosted.bitwarden.organization_info:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"
    wait_timeout: 5m
"""

RETURN = r"""
reachable:
  description:
    - Whether the server answered. V(false) only in check mode with O(assume_ready=true). The other facts are then null.
  returned: success
  type: bool
  sample: true
organization:
  description:
    - The organization. RV(organization.seats) is null where seats are not limited.
  returned: success
  type: dict
  contains:
    id:
      description:
        - Id on this server. The id in the cloud is a different one.
      type: str
      returned: success
      sample: 7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003
    name:
      description: Name.
      type: str
      returned: success
      sample: Example Enterprise
    enabled:
      description:
        - Whether the organization is enabled. The server disables it when its license has expired or is missing.
      type: bool
      returned: success
      sample: true
    plan:
      description: V(Free), V(Families), V(Teams), V(Enterprise) or V(Teams Starter).
      type: str
      returned: success
      sample: Enterprise
    seats:
      description: Seats of the license.
      type: int
      returned: success
      sample: 10
version:
  description: Version of the server.
  returned: success
  type: str
  sample: 2026.8.0
server_time:
  description: Time by the server's clock, UTC.
  returned: success
  type: str
  sample: '2026-11-22T10:00:00Z'
cloud_communication:
  description:
    - Whether cloud communication is on in the running server. Its files may say otherwise until it is restarted.
  returned: success
  type: bool
  sample: true
connection:
  description:
    - The connection to the cloud. Null if there is none.
  returned: success
  type: dict
  contains:
    id:
      description: Id of the connection.
      type: str
      returned: success
      sample: 0e6f4a52-9a35-4a7e-93a2-b2e500f1e001
    enabled:
      description:
        - Whether the connection is enabled.
      type: bool
      returned: success
      sample: true
    billing_sync_token_set:
      description: Whether it holds a billing sync token. The server does not check the token when it is saved.
      type: bool
      returned: success
      sample: true
    cloud_organization_id:
      description: Id of the organization in the cloud, from the license file.
      type: str
      returned: success
      sample: ac5d6e7f-9081-4c23-9e4f-b2e500f1d003
    last_license_sync:
      description: The same as RV(last_license_sync).
      type: str
      returned: success
      sample: '2026-11-21T22:00:00Z'
last_license_sync:
  description:
    - Date of the last license sync, UTC. Null for never.
  returned: success
  type: str
  sample: '2026-11-21T22:00:00Z'
last_license_sync_age:
  description:
    - Seconds since the last license sync, by the server's clock. Null for never.
  returned: success
  type: int
  sample: 43200
last_sponsorship_sync:
  description:
    - Date of the last sync of sponsorships (Free Families), UTC. Null for never, and while there are no sponsorships.
  returned: success
  type: str
  sample: '2026-11-22T03:00:00Z'
sponsorships:
  description:
    - Summary of the Families sponsorships. Null, with a warning, where the server does not return them.
    - M(selfhosted.bitwarden.sponsorships_info) returns them one by one.
  returned: success
  type: dict
  contains:
    visible:
      description:
        - How many of them this account sees. Those that other members gave are not among them.
      type: int
      returned: success
      sample: 3
    counts:
      description: How many of them are in each state.
      type: dict
      returned: success
      sample:
        offered: 1
        active: 2
        waiting: 0
        to_be_removed: 0
        expired: 0
    last_sync:
      description:
        - Date of their last sync, UTC. Null for never, and while there are no sponsorships.
      type: str
      returned: success
      sample: '2026-11-22T03:00:00Z'
    overdue:
      description:
        - Whether the last sync is older than O(sponsorships_max_age).
      type: bool
      returned: success
      sample: false
    obstacles:
      description:
        - What keeps the server's daily sync from syncing them, as far as the API shows. The server's log does not tell.
      returned: success
      type: list
      elements: str
      sample: []
    note:
      description:
        - What limits these facts. Empty where nothing does.
      type: str
      returned: success
      sample: ''
problems:
  description:
    - What keeps the organization from being used, or soon will. Empty where nothing does.
  returned: success
  type: list
  elements: str
  sample:
    - "The organization is disabled on the server: its members cannot use it. A license sync or upload enables it again,
      where its subscription is active."
sync_problem:
  description:
    - Why no license can be synced although the organization has a connection to the cloud. Null if one can.
    - Cloud communication is off in the running server, or the connection is disabled or holds no token.
  returned: success
  type: str
  sample: "No license can be synced: The organization's connection to the cloud is disabled. Enable it
    (selfhosted.bitwarden.billing_sync with enabled=true)."
license:
  description: The license of the organization, as the server reads it from its license file.
  returned: success
  type: dict
  contains:
    state:
      description:
        - V(ok). V(expiring) within O(license_expiry_warning). V(grace) when the subscription has ended and the grace
          period runs. V(expired).
        - V(unreadable) when the server may not read the file. V(invalid) when its signature is not valid, or no longer.
        - V(unknown) when the server cannot read the license, or shows no expiry date. A file that is missing, corrupt,
          or has field names in camel case is among the causes. M(selfhosted.bitwarden.server_info) returns the state of
          the file.
      type: str
      returned: success
      sample: ok
    expires:
      description:
        - When it expires, grace period included, UTC. Null if not known.
      type: str
      returned: success
      sample: '2027-12-27T00:00:00Z'
    expires_without_grace:
      description:
        - When the subscription ends, without the grace period, UTC. Null if the license does not say.
      type: str
      returned: success
      sample: '2027-10-28T00:00:00Z'
    days_left:
      description:
        - Whole days until RV(license.expires), negative afterwards. Null if not known.
      type: int
      returned: success
      sample: 399
    message:
      description:
        - What is wrong in states other than V(ok), otherwise empty.
      type: str
      returned: success
      sample: ''
    advice:
      description: What to do about RV(license.message).
      type: str
      returned: success
      sample: ''
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.session import run_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.organization_info import OPTIONS, perform


def main() -> None:
    """Run the module."""
    run_module(AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True), perform)


if __name__ == "__main__":
    main()
