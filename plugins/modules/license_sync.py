# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module license_sync: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: license_sync
short_description: Sync an organization's license from the cloud to a self-hosted Bitwarden server
version_added: 0.1.0
description:
  - Has a self-hosted server sync an organization's license from Bitwarden's cloud, if the last sync is older than
    O(max_age) or the license has a problem.
  - Reports the cause of a failed sync from the server's log.
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
      - In check mode the new date is shown as C(now).
  idempotent:
    support: partial
    details:
      - Not with O(max_age=0s) or O(force=true), which sync each time.
options:
  max_age:
    description:
      - How old the last sync may be by the server's clock, as V(<n>[s|m|h|d|w]). V(0s) syncs each time.
    type: str
    default: 7d
  license_expiry_warning:
    version_added: 0.2.0
    description:
      - How long before its end a license counts as V(expiring), with a warning, as V(<n>[s|m|h|d|w]).
      - From then on it is synced once a day, even if the cloud has nothing newer.
    type: str
    default: 30d
  force:
    description:
      - Sync in any case, for instance after the token, the region or the installation has changed.
    type: bool
    default: false
  retry_timeout:
    description:
      - How long to retry after a transient failure (rate limit, outage of the cloud or the network), as
        V(<n>[s|m|h|d|w]). V(0s) tries once.
      - O(timeout) is separate, and applies to a single answer. For a sync the server has at least 130 seconds.
    type: str
    default: 300s
  diagnose:
    description:
      - Whether to read the server's log on the host after a failure, with M(selfhosted.bitwarden.sync_log_info). Where
        the server cannot read its license file, that file is inspected with M(selfhosted.bitwarden.server_info).
      - This requires the same permissions (root, or the owner of O(bwdata)). Set C(become) on the task where the
        connection lacks them.
      - Otherwise, or without access to the host, likely causes are named, and only failures to reach the server itself
        are retried.
    type: bool
    default: true
  bwdata:
    description:
      - Path of the data folder on the host. Used only with O(diagnose).
    type: path
    default: /opt/bitwarden/bwdata
  egress:
    description:
      - A name for the address from which the server's requests reach the cloud. Servers behind one address have the
        same.
    type: str
    default: ''
  syncs_per_minute:
    description:
      - How many syncs may start in a minute for servers of one O(egress). V(0) sets no limit.
      - The others wait for their turn on the controller, across hosts, batches and runs. Has no effect with
        O(run_on=host).
      - The cloud allows ten logins a minute from an address, and each sync is one. A sync beyond that is retried (see
        O(retry_timeout)).
    type: int
    default: 0
notes:
  - The server syncs sponsorships once a day, but never the license. This module does.
  - A recently synced license is synced again where that can solve a problem. RV(due) names the reason. Problems that
    remain are in RV(problems), and a warning.
  - A sync counts as successful only when the date of the last sync on the server has moved.
  - The API gives the same answer to every failure between server and cloud. So the log of the service C(api) is read on
    the host (see O(diagnose)), and the task fails with the cause and with advice.
  - Transient failures, such as the cloud's rate limit, are retried (see O(retry_timeout)).
seealso:
  - module: selfhosted.bitwarden.billing_sync
  - module: selfhosted.bitwarden.sync_log_info
  - module: selfhosted.bitwarden.organization_info
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Sync a license whose last sync is older than a week
  selfhosted.bitwarden.license_sync:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"
    max_age: 7d
  become: true
  register: bitwarden_license_sync

- name: Show what keeps the organization from being used
  ansible.builtin.debug:
    var: bitwarden_license_sync.problems
  when: bitwarden_license_sync.problems | length > 0

- name: Require a license for the next two weeks
  ansible.builtin.assert:
    that: bitwarden_license_sync.license.days_left | default(0, true) >= 14
    fail_msg: "The license expires on {{ bitwarden_license_sync.license.expires }}."
  when: not ansible_check_mode

- name: Sync now, and retry for up to ten minutes during an outage of the cloud
  selfhosted.bitwarden.license_sync:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"
    force: true
    retry_timeout: 10m
  become: true

- name: Sync the servers behind one address without exceeding the rate limit of the cloud
  selfhosted.bitwarden.license_sync:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"
    egress: branch-office
    syncs_per_minute: 8
  become: true
"""

RETURN = r"""
due:
  description:
    - Why a sync was due. V(never) synced, V(forced), V(age), or V(future) for a date of the last sync in the future.
    - V(disabled) for a disabled organization, V(license) for a license that is missing, corrupt or not accepted,
      V(expired), and V(expiring) for one that ends within O(license_expiry_warning).
    - V(expired), V(expiring), and V(license) where only the API was asked, are due once a day if a sync brings nothing
      newer.
    - Null if no sync was due, and when check mode found a server that does not answer (see O(assume_ready)).
  returned: success, and when a sync that was due failed
  type: str
  sample: age
attempts:
  description: How often the server was asked to sync.
  returned: always
  type: int
  sample: 1
organization:
  description:
    - The organization after the task. Null when check mode found a server that does not answer (see O(assume_ready)).
  returned: success
  type: dict
  sample:
    id: 7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003
    name: Example Enterprise
    enabled: true
    plan: Enterprise
    seats: 10
last_license_sync:
  description:
    - Date of the last license sync, UTC. Null for never.
  returned: success
  type: dict
  contains:
    before:
      description: Before the task.
      type: str
      returned: success
      sample: '2026-11-01T10:00:00Z'
    after:
      description:
        - After the task. Null where check mode predicts a sync.
      type: str
      returned: success
      sample: '2026-11-22T10:00:00Z'
license_expires:
  description:
    - Expiry of the license, grace period included, UTC. Null if not known.
  returned: success
  type: dict
  contains:
    before:
      description: Before the task.
      type: str
      returned: success
      sample: '2026-12-28T00:00:00Z'
    after:
      description:
        - After the task. Null where check mode predicts a sync.
      type: str
      returned: success
      sample: '2027-12-28T00:00:00Z'
license_state:
  description:
    - State of the license after the task, as RV(selfhosted.bitwarden.organization_info#module:license.state).
  returned: success
  type: str
  sample: ok
license:
  description: The license after the task, as RV(selfhosted.bitwarden.organization_info#module:license).
  returned: success
  type: dict
  sample:
    state: ok
    expires: '2027-12-28T00:00:00Z'
    expires_without_grace: null
    days_left: 401
    message: ''
    advice: ''
problems:
  description:
    - What keeps the organization from being used after the task, or soon will. Empty where nothing does, and where
      check mode predicts a sync.
    - If the sync failed, what it was before.
  returned: success, and when a sync that was due failed
  type: list
  elements: str
  sample:
    - "The organization is disabled on the server: its members cannot use it. A license sync or upload enables it again,
      where its subscription is active."
cause:
  description:
    - Why the sync failed. From the server's log V(billing_sync_token), V(installation_credentials), V(license_key),
      V(no_subscription), V(payment), V(organization_unknown), V(rate_limit), V(identity_unreachable),
      V(api_unreachable), V(identity_url), V(api_url), V(uri_malformed), V(body_removed), V(blocked), V(not_the_cloud),
      V(cloud_error), V(license_rejected).
    - From the server's answer V(cloud_communication_off), V(no_connection), V(connection_disabled),
      V(license_rejected), V(unreadable) when it may not write its license file, V(not_moved) when the server claims
      success but its date has not moved, and V(server) when it did not answer.
    - V(unknown) when the log could not be read or says nothing, and for an answer of the server that is not known.
  returned: when the sync failed or could not begin
  type: str
  sample: billing_sync_token
layer:
  description:
    - "Which layer failed: V(network), V(tls), V(login), V(permission), V(request), V(license), V(server), or
      V(cloud) for what lies between the server and Bitwarden's cloud."
  returned: failure
  type: str
  sample: cloud
status:
  description: HTTP status of the answer that made it fail; null if there was none.
  returned: failure
  type: int
  sample: 400
advice:
  description: What to do about the failure.
  returned: failure
  type: str
  sample: Copy the token from the cloud again.
"""

from typing import Any, Dict, Mapping

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.session import run_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import license_sync
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.host_reading import (
    diagnosis_by,
    inspection_by,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.on_host import read_here


def perform(params: Mapping[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Run the module's code on the host. Raises ``ApiError``."""
    bwdata = params["bwdata"]
    inspect = inspection_by(read_here, bwdata, params["diagnose"])
    return license_sync.perform(params, check_mode, diagnosis_by(read_here, bwdata), inspect=inspect)


def main() -> None:
    """Run the module."""
    run_module(AnsibleModule(argument_spec=license_sync.OPTIONS, supports_check_mode=True), perform)


if __name__ == "__main__":
    main()
