#!/usr/bin/python
# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module sponsorships_info: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sponsorships_info
short_description: Gather Families sponsorships of an organization on a self-hosted Bitwarden server
version_added: 0.1.0
description:
  - Returns the Families sponsorships of an organization that this account sees, with their state.
  - Tells whether their daily sync with Bitwarden's cloud is overdue.
  - Changes nothing.
notes:
  - The server syncs sponsorships once a day, first up to 24 hours after its start, while cloud communication is on and
    the organization has a billing sync token.
  - The account sees all sponsorships that admins gave. One that a member gave is visible only to that member. RV(note)
    names the limits that apply.
  - Without a sponsorship nothing is synced. RV(last_sync) is null until the first one, and again after the last one is
    gone.
  - Failures of the daily sync appear only in the server's log, which M(selfhosted.bitwarden.sync_log_info) reads.
extends_documentation_fragment:
  - selfhosted.bitwarden.api
  - selfhosted.bitwarden.api.assume_ready
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.api
  - selfhosted.bitwarden.attributes.info_module
options:
  max_age:
    description:
      - How old the last sync may be by the server's clock before it counts as overdue, as V(<n>[s|m|h|d|w]).
    type: str
    default: 26h
seealso:
  - module: selfhosted.bitwarden.sync_log_info
  - module: selfhosted.bitwarden.organization_info
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Gather the sponsorships
  selfhosted.bitwarden.sponsorships_info:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"
  register: families

- name: Show how many families use their sponsorship
  ansible.builtin.debug:
    msg: "{{ families.counts.active }} of {{ families.sponsorships | length }} sponsorships are active."

- name: Show the sponsorships that end within 30 days
  ansible.builtin.debug:
    msg: "{{ item.friendly_name }} ends on {{ item.valid_until }}"
  loop: "{{ families.sponsorships | selectattr('valid_until') | selectattr('valid_until', 'lt', end) }}"
  loop_control:
    label: "{{ item.friendly_name }}"
  vars:
    end: "{{ '%Y-%m-%dT%H:%M:%SZ' | strftime(now().timestamp() + 30 * 86400, utc=true) }}"

- name: Gather the failures of an overdue sync
  selfhosted.bitwarden.sync_log_info:
    organization: "{{ families.organization.id }}"
    kind: sponsorship
  become: true
  when: families.overdue
"""

RETURN = r"""
sponsorships:
  description: The sponsorships that this account sees.
  returned: success
  type: list
  elements: dict
  sample:
    - friendly_name: Home of Ann
      email: ann@example.org
      admin_initiated: true
      own: false
      state: active
      last_sync: '2026-11-22T03:00:00Z'
      valid_until: '2027-11-22T00:00:00Z'
      to_delete: false
  contains:
    friendly_name:
      description:
        - The name of the sponsorship.
      type: str
      returned: always
    email:
      description:
        - The address that it was offered to. Null for the account's own.
      type: str
      returned: always
    admin_initiated:
      description: Whether an admin of the organization gave it.
      type: bool
      returned: always
    own:
      description: Whether this account gave it.
      type: bool
      returned: always
    state:
      description:
        - V(waiting) was never synced. V(offered) is known to the cloud, which has mailed the offer. V(active) pays for
          a family's organization.
        - V(to_be_removed) was revoked, and is removed by a sync or when it ends. V(expired) has ended.
      type: str
      returned: always
    last_sync:
      description:
        - When it was last synced, UTC. Null for never.
      type: str
      returned: always
    valid_until:
      description:
        - Until when it pays, UTC. Null where no family has accepted it yet.
      type: str
      returned: always
    to_delete:
      description: Whether it was revoked.
      type: bool
      returned: always
counts:
  description:
    - How many of them are in each state.
  returned: success
  type: dict
  sample:
    offered: 0
    active: 1
    waiting: 0
    to_be_removed: 0
    expired: 0
last_sync:
  description:
    - Date of the last sync, UTC, also of sponsorships that are not visible. Null for never, and while there are no
      sponsorships.
  returned: success
  type: str
  sample: '2026-11-22T03:00:00Z'
last_sync_age:
  description:
    - Seconds since the last sync, by the server's clock. Null without a date.
  returned: success
  type: int
  sample: 3600
overdue:
  description:
    - Whether the last sync is older than O(max_age).
  returned: success
  type: bool
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
  returned: success
  type: str
  sample: ''
server_time:
  description: The server's clock, UTC.
  returned: success
  type: str
  sample: '2026-11-22T04:00:00Z'
organization:
  description: The organization. Null when check mode found a server that does not answer (see O(assume_ready)).
  returned: success
  type: dict
  sample:
    id: 7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003
    name: Example Enterprise
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
  sample: Use the personal API key of an owner of the organization.
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.session import run_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import sponsorships_info as sponsorships


def main() -> None:
    """Run the module."""
    run_module(AnsibleModule(argument_spec=sponsorships.OPTIONS, supports_check_mode=True), sponsorships.perform)


if __name__ == "__main__":
    main()
