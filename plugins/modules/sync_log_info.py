#!/usr/bin/python
# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module sync_log_info: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sync_log_info
short_description: Gather failed syncs from the log of a self-hosted Bitwarden server
version_added: 0.1.0
author:
  - selfhosted.bitwarden contributors (@selfhosted)
description:
  - Reads failed license and sponsorship syncs from the log of the service C(api) on the host, each with its cause and
    advice.
  - Changes nothing.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.host
  - selfhosted.bitwarden.attributes.info_module
  - selfhosted.bitwarden.host
options:
  organization:
    description:
      - Return only the failures of this organization, by its id on this server.
      - For a sponsorship sync the log has only the organization's name. Such a failure is returned if the license file
        of this organization has that name, or if no license file has it.
    type: str
  kind:
    description: Return only the failures of this kind.
    type: str
    choices:
      - license
      - sponsorship
  since:
    description:
      - How far to look back, as V(<n>[s|m|h|d|w]).
      - The log begins with the container, which each restart of the server recreates.
    type: str
    default: 2d
notes:
  - Only this log has the cause. The API gives the same answer to every failed license sync, and does not show failed
    daily syncs of sponsorships.
  - The server does not log successful syncs, so a result without failures does not prove that a sync succeeded.
seealso:
  - module: selfhosted.bitwarden.license_sync
  - module: selfhosted.bitwarden.billing_sync
  - module: selfhosted.bitwarden.server_info
"""

EXAMPLES = r"""
- name: Gather the failed syncs of the last week
  selfhosted.bitwarden.sync_log_info:
    since: 7d
  become: true
  register: bitwarden_sync_log

- name: Gather the failed license syncs of one organization
  selfhosted.bitwarden.sync_log_info:
    organization: 7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003
    kind: license
  become: true
  register: bitwarden_license_failures

- name: Require that no sync failed
  ansible.builtin.assert:
    that: bitwarden_sync_log.state != "failed"

- name: Show the last failure
  ansible.builtin.debug:
    msg: "{{ bitwarden_sync_log.failures[-1].message }} {{ bitwarden_sync_log.failures[-1].advice }}"
  when: bitwarden_sync_log.failures | length > 0
"""

RETURN = r"""
failures:
  description: The failed syncs, oldest first.
  returned: success
  type: list
  elements: dict
  sample:
    - time: "2026-11-22T10:00:00Z"
      kind: license
      organization: 7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003
      cause: billing_sync_token
      message: "Request to https://api.bitwarden.com/licenses/organization/ac5d6e7f-9081-4c23-9e4f-b2e500f1d003 is
        unsuccessful with status of BadRequest-Bad Request: Invalid Billing Sync Key"
      advice: The cloud does not accept the billing sync token.
      transient: false
  contains:
    time:
      description: When it was logged (UTC).
      type: str
      returned: always
    kind:
      description: V(license) or V(sponsorship).
      type: str
      returned: always
    organization:
      description:
        - Id of the organization on this server. For sponsorships, its name where no license file on disk has that name.
      type: str
      returned: always
    cause:
      description:
        - V(billing_sync_token), V(installation_credentials) (wrong id, key or region), V(license_key),
          V(no_subscription), V(payment), V(organization_unknown), V(license_rejected), V(rate_limit),
          V(identity_unreachable), V(api_unreachable), V(identity_url), V(api_url), V(uri_malformed),
          V(body_removed) (by a proxy), V(blocked) (by a proxy or firewall), V(not_the_cloud) (another answers),
          V(cloud_error), V(duplicate_sponsorships) (of one member, for which all of the organization's fail), or
          V(unknown).
      type: str
      returned: always
    message:
      description: The line of the log that has the cause, with secrets masked.
      type: str
      returned: always
    advice:
      description: What to do about it.
      type: str
      returned: always
    transient:
      description:
        - Whether the cause disappears by itself, so that a later retry helps.
      type: bool
      returned: always
log_since:
  description:
    - The time at which the log begins (UTC). Null without a container.
  returned: success
  type: str
  sample: "2026-11-21T08:15:00Z"
state:
  description: V(failed) when failures were found, otherwise V(unknown).
  returned: success
  type: str
  sample: failed
"""

import os
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.deployment import Deployment
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._host_module import run_host_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import HOST_MODULES, read_durations
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.types import guid_text
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._sync_log.reader import sync_failures


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=HOST_MODULES["sync_log_info"], supports_check_mode=True)
    run_host_module(module, run)


def run(module: AnsibleModule) -> Dict[str, Any]:
    """Return the failed syncs that the options ask for."""
    params = module.params
    since = read_durations(params)["since"]
    deployment = Deployment(params["bwdata"], None, os.environ)
    return sync_failures(deployment, since, guid_text(params["organization"]), params["kind"])


if __name__ == "__main__":
    main()
