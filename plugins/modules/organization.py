#!/usr/bin/python
# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module organization: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: organization
short_description: Manage license, billing sync token and license sync of a self-hosted Bitwarden organization
version_added: 0.2.0
description:
  - Brings license, billing sync token and license sync of a self-hosted organization to the desired state, in one
    session with one login.
  - What no option sets stays as it is.
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
      - Token and license key are masked. In check mode the date of a sync is shown as C(now).
  idempotent:
    support: partial
    details:
      - Not with O(force=true), O(license_max_age=0s), or O(keep_last_sync=false) after each sync.
options:
  license:
    description:
      - License to upload if it differs from the server's, by the rules of M(selfhosted.bitwarden.license).
      - The license file on the host is inspected for the comparison.
    type: dict
    suboptions:
      src:
        description:
          - License file on the controller, searched as M(ansible.builtin.copy) searches its sources, and decrypted if
            it is a vault.
          - In check mode a missing file is a warning.
        type: path
      content:
        description:
          - The license itself, as text, as a mapping, or as C(base64:) followed by the encoded file.
        type: raw
  billing_sync_token:
    description:
      - Token from the organization in the cloud (Billing, Subscription, Manage billing sync).
      - Without it the connection to the cloud stays as it is.
      - With O(license_max_age), a new or different token is checked by a license sync at once.
    type: str
  enabled:
    description:
      - Whether the connection is enabled. With V(false) the license is not synced.
      - Used only with O(billing_sync_token).
    type: bool
    default: true
  keep_last_sync:
    description:
      - Whether the date of the last license sync is kept while the token stays the same.
      - V(false) resets it to never, for a server whose region or installation has changed since.
    type: bool
    default: true
  license_max_age:
    description:
      - How old the last license sync may be before another one is started, as V(<n>[s|m|h|d|w]).
      - A recently synced license is synced again where that can solve a problem, see
        RV(selfhosted.bitwarden.license_sync#module:due).
      - Without it the license is not synced.
    type: str
  force:
    description:
      - Sync the license whatever its age, for instance after the region or the installation has changed.
      - Used only with O(license_max_age).
    type: bool
    default: false
  license_expiry_warning:
    description:
      - How long before its end a license counts as V(expiring), with a warning, as V(<n>[s|m|h|d|w]).
      - With O(license_max_age) it is synced once a day from then on, even if the cloud has nothing newer.
    type: str
    default: 30d
  sponsorships_max_age:
    description:
      - How old the last sync of sponsorships may be before it counts as overdue, as V(<n>[s|m|h|d|w]). The server syncs
        them once a day.
    type: str
    default: 26h
  wait_timeout:
    description:
      - How long to wait for a server that does not answer yet, as V(<n>[s|m|h|d|w]).
      - Check mode with O(assume_ready=true) does not wait.
    type: str
    default: 0s
  retry_timeout:
    description:
      - How long to retry a license sync after a transient failure (rate limit, outage of cloud or network), as
        V(<n>[s|m|h|d|w]). V(0s) tries once.
    type: str
    default: 300s
  egress:
    description:
      - A name for the address from which the server's requests reach the cloud. Servers behind one address have the
        same.
    type: str
    default: ''
  syncs_per_minute:
    description:
      - How many license syncs may start in a minute for servers of one O(egress). The others wait for their turn. V(0)
        sets no limit.
      - The cloud allows ten logins a minute from an address.
      - Has no effect with O(run_on=host).
    type: int
    default: 0
  steps:
    description:
      - The steps that may change something. The facts are read in any case.
    type: list
    elements: str
    choices:
      - license
      - token
      - sync
    default:
      - license
      - token
      - sync
  defer_without_license:
    description:
      - Change nothing if O(license) is not given and the server has no license from which a sync could start.
        RV(license_required) is then true.
      - Its license is then missing, broken or expired, has no expiry date, or was never synced.
      - For playbooks that download a license only where one is needed, and then run this module again.
    type: bool
    default: false
  bwdata:
    description:
      - Path of the data folder on the host.
      - The license file on the host is inspected if O(license) is given or the server cannot read its license. The
        server's log is read if a sync has failed.
      - This requires the permissions of M(selfhosted.bitwarden.sync_log_info). Set C(become) on the task where the
        connection lacks them.
    type: path
    default: /opt/bitwarden/bwdata
notes:
  - License, token and sync are handled in this order, as each needs the one before.
  - Returns the facts of M(selfhosted.bitwarden.organization_info) after the run, also when a step fails.
  - M(selfhosted.bitwarden.license), M(selfhosted.bitwarden.billing_sync) and M(selfhosted.bitwarden.license_sync) do
    the same in single steps, for your own playbooks.
  - If nothing has to change, the API is read four times. A fifth read is made where admins can give sponsorships and
    none that the account sees was synced within O(sponsorships_max_age).
  - The first run from the controller asks the server, without a login, whether it is self-hosted. The answer is stored
    in a folder of the user below E(TMPDIR). With O(run_on=host) each run asks.
seealso:
  - module: selfhosted.bitwarden.organization_info
  - module: selfhosted.bitwarden.billing_sync_token
  - module: selfhosted.bitwarden.cloud_license
  - module: selfhosted.bitwarden.server
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Keep token and license up to date
  selfhosted.bitwarden.organization:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"
    billing_sync_token: "{{ bitwarden_billing_sync_token }}"
    license_max_age: 7d

- name: Upload a license file to an air-gapped server
  selfhosted.bitwarden.organization:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"
    license:
      src: "{{ inventory_hostname }}-license.json"

- name: Sync now, after the server has moved to another region
  selfhosted.bitwarden.organization:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"
    billing_sync_token: "{{ bitwarden_billing_sync_token }}"
    keep_last_sync: false
    license_max_age: 7d
    force: true
    wait_timeout: 10m

- name: Disable the connection, and keep its token
  selfhosted.bitwarden.organization:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"
    billing_sync_token: "{{ bitwarden_billing_sync_token }}"
    enabled: false
"""

RETURN = r"""
changes:
  description:
    - What changed, or would in check mode, by name. After a failure, what was changed before it.
  returned: always
  type: list
  elements: dict
  sample:
    - key: billing_sync_token
      action: changed
    - key: last_license_sync
      action: changed
  contains:
    key:
      description:
        - V(license), V(enabled) (of the connection), V(billing_sync_token), V(last_license_sync), or
          V(organization_enabled) where a sync enables an organization that was disabled.
      type: str
      returned: always
    action:
      description: V(added) or V(changed).
      type: str
      returned: always
license_required:
  description: Whether nothing was changed because a license is needed first, see O(defer_without_license).
  returned: success
  type: bool
  sample: false
license_upload:
  description:
    - What was done about O(license). Null where none is given.
  returned: success
  type: dict
  contains:
    uploaded:
      description:
        - Whether the license was sent. False in check mode.
      type: bool
      returned: success
      sample: true
    reason:
      description: Why it was uploaded or not, as RV(selfhosted.bitwarden.license#module:reason).
      type: str
      returned: success
      sample: differs
    compared:
      description: What it was compared with, V(file) or V(api).
      type: str
      returned: success
      sample: file
    before:
      description:
        - The server's license before. Null where no license could be read.
      type: dict
      returned: success
      sample:
        plan: Enterprise (Annually)
        seats: 10
        expires: '2026-12-28T00:00:00Z'
        expires_without_grace: null
        issued: '2026-01-02T10:00:00Z'
    after:
      description:
        - The server's license afterwards. In check mode as it would be.
      type: dict
      returned: success
      sample:
        plan: Enterprise (Annually)
        seats: 12
        expires: '2027-12-28T00:00:00Z'
        expires_without_grace: null
        issued: '2026-11-22T10:00:00Z'
license_sync:
  description:
    - What was done about the license sync. Null where none was requested.
  returned: always
  type: dict
  contains:
    due:
      description:
        - Why a sync was due, as RV(selfhosted.bitwarden.license_sync#module:due). Null if it was not.
      type: str
      returned: success
      sample: age
    synced:
      description:
        - Whether the license was synced. False in check mode.
      type: bool
      returned: success
      sample: true
    attempts:
      description: How often the server was asked to sync.
      type: int
      returned: success
      sample: 1
    cause:
      description:
        - Why the sync failed or could not begin, as RV(cause). Null if it did not fail.
      type: str
      returned: success
      sample: null
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
  description:
    - Version of the server. Read only before a token is written or the license synced, otherwise null.
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
    - Read only before a license sync, and where the sync of sponsorships is in doubt. Otherwise null.
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
    failure:
      description:
        - The newest failed sync of sponsorships in the server's log. Null if there is none, or the log was not read.
        - The log is read on the host if the sync is overdue, or has never been done although there are sponsorships.
      type: dict
      returned: success
      sample:
        time: '2026-11-22T03:00:00Z'
        cause: installation_credentials
        message: Unsuccessful token response from https://identity.bitwarden.com/ with status BadRequest-Bad Request
        advice: Check the installation id and key.
        transient: false
problems:
  description:
    - What keeps the organization from being used, or soon will. Empty where nothing does, and where check mode predicts
      a sync.
  returned: success
  type: list
  elements: str
  sample:
    - "The organization is disabled on the server: its members cannot use it. A license sync or upload enables it again,
      where its subscription is active."
sync_problem:
  description:
    - Why no license can be synced, as far as that was read, although the organization has a connection to the cloud.
      Null if one can.
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
        - V(missing), V(corrupt) or V(camel_case) by the file on the host, which is inspected where the server cannot
          read the license or shows no expiry date. V(unknown) where the file cannot be inspected, or is good.
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
step:
  description: Which step failed, V(read), V(license), V(token) or V(sync).
  returned: failure
  type: str
  sample: sync
cause:
  description:
    - Why a license was not sent or not taken, as RV(selfhosted.bitwarden.license#module:cause), or why the sync failed,
      as RV(selfhosted.bitwarden.license_sync#module:cause).
  returned: failure, where one of these is the cause
  type: str
  sample: billing_sync_token
attempts:
  description: How often the server was asked to sync.
  returned: when the sync failed or could not begin
  type: int
  sample: 1
layer:
  description:
    - "Which layer failed: V(network), V(tls), V(login), V(permission), V(request), V(license), V(server), or V(cloud)
      for what lies between the server and Bitwarden's cloud."
  returned: failure
  type: str
  sample: cloud
status:
  description: HTTP status of the response that made it fail; null if there was none.
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
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import organization
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.on_host import read_file, read_here
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.organization_steps import Tools


def perform(params: Mapping[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Bring the organization to its state from the server's host. Raises ``ApiError``."""
    return organization.perform(params, check_mode, Tools(read_here, read_file))


def main() -> None:
    """Run the module."""
    run_module(AnsibleModule(argument_spec=organization.OPTIONS, supports_check_mode=True), perform)


if __name__ == "__main__":
    main()
