#!/usr/bin/python
# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module server_info: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: server_info
short_description: Gather facts about a self-hosted Bitwarden server on its host
version_added: 0.1.0
author:
  - selfhosted.bitwarden contributors (@selfhosted)
description:
  - Gathers facts about a standard deployment on its host, without using the server's API.
  - Returns services, versions, settings, licenses, certificate and backup, and which services need a restart.
  - Changes nothing.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.host
  - selfhosted.bitwarden.attributes.info_module
  - selfhosted.bitwarden.host
options:
  script:
    version_added: 0.2.0
    description:
      - Path of C(bitwarden.sh).
      - The default is C(bitwarden.sh) in the folder that contains O(bwdata).
    type: path
  organization:
    description:
      - Return only the license file of this organization, by the organization's id on this server (not in the cloud).
      - If there is no such file, it is returned with the state V(missing).
    type: str
  show_settings:
    description:
      - Whether to return RV(settings). Values are masked where names look secret. A secret under another name is
        returned.
    type: bool
    default: true
  gather:
    version_added: 0.2.0
    description:
      - What to gather in addition to the deployment itself.
      - V(available_versions) asks U(https://selfhost.bitwarden.com/version.json) from the host, with the proxy of the
        task's environment. Leave it out for air-gapped servers.
      - V(certificate) connects to the port that nginx publishes on the host.
      - V(backup) reads O(backup_dest).
    type: list
    elements: str
    choices: [available_versions, certificate, backup]
    default: [available_versions, certificate, backup]
  backup_dest:
    version_added: 0.2.0
    description: The folder of the backup sets on the host, an absolute path.
    type: path
    default: /var/backups/bitwarden
  timeout:
    version_added: 0.2.0
    description: How long to wait for an answer over the network, as V(<n>[s|m|h|d|w]).
    type: str
    default: 10s
notes:
  - Facts of O(gather) that cannot be known are null, with the reason in RV(unknown), and do not fail the task.
  - If anything else cannot be read, the task fails with the reason, and its result has the other facts.
seealso:
  - module: selfhosted.bitwarden.server
  - module: selfhosted.bitwarden.organization_info
  - module: selfhosted.bitwarden.sync_log_info
"""

EXAMPLES = r"""
- name: Gather facts about the server
  selfhosted.bitwarden.server_info:
  become: true
  register: bitwarden_server

- name: Require that all services run on the settings in the files
  ansible.builtin.assert:
    that: not bitwarden_server.stale_services

- name: Gather facts about an air-gapped server
  selfhosted.bitwarden.server_info:
    gather: [certificate, backup]
  become: true

- name: Gather facts about one organization's license file
  selfhosted.bitwarden.server_info:
    organization: 7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003
    show_settings: false
  become: true
  register: bitwarden_license_file

- name: Show license files that the server cannot use
  ansible.builtin.debug:
    var: item
  loop: "{{ bitwarden_server.licenses | rejectattr('state', 'equalto', 'ok') }}"
  loop_control:
    label: "{{ item.organization_id }}"
"""

RETURN = r"""
services:
  description: The services, sorted by name.
  returned: when it can be read, else null
  type: list
  elements: dict
  sample:
    - name: api
      state: running
      health: healthy
      image: ghcr.io/bitwarden/api:2026.8.0
  contains:
    name:
      description: Name of the service.
      type: str
      returned: always
    state:
      description: State of its container as Docker names it, or V(absent).
      type: str
      returned: always
    health:
      description: V(healthy), V(unhealthy), V(starting), or null where the service has no health check.
      type: str
      returned: always
    image:
      description: The image of its container, or the one that Compose would use.
      type: str
      returned: always
version:
  description:
    - Version of Bitwarden, from the image of the service C(api). Null where the image does not tell.
  returned: when it can be read, else null
  type: str
  sample: 2026.8.0
versions:
  description:
    - The installed versions, from the tags of the images. Null where a tag does not tell, or a service is not
      installed.
  returned: always
  type: dict
  sample:
    core: 2026.7.0
    web: 2026.7.0
    key_connector: null
script_versions:
  description: The versions that C(bitwarden.sh) installs with its commands V(update) and V(rebuild).
  returned: when it can be read, else null
  type: dict
  sample:
    core: 2026.7.0
    web: 2026.7.0
    key_connector: 2026.6.0
available_versions:
  description: The newest versions that Bitwarden has published for self-hosted servers.
  returned: when asked for and known, else null
  type: dict
  sample:
    core: 2026.8.0
    web: 2026.8.0
    key_connector: 2026.6.0
certificate:
  description: The certificate that nginx serves on the host. A proxy in front of the server may serve another one.
  returned: when asked for and known, else null
  type: dict
  sample:
    expires: "2027-02-24T09:12:00Z"
    days_left: 89
    names:
      - vault.example.com
    issuer: Let's Encrypt, R11
    path: /opt/bitwarden/bwdata/ssl/vault.example.com/certificate.crt
    loaded: true
  contains:
    expires:
      description: When it expires, UTC.
      type: str
      returned: always
    days_left:
      description: Whole days until then by the host's clock, negative afterwards.
      type: int
      returned: always
    names:
      description: The host names and addresses that it is for.
      type: list
      elements: str
      returned: always
    issuer:
      description: Who issued it, organization and name.
      type: str
      returned: always
    path:
      description: The file that nginx is configured with, null where that is not known.
      type: str
      returned: always
    loaded:
      description:
        - Whether nginx serves what the file holds. False after the file was replaced, until nginx is reloaded. Null
          where the file cannot be read.
      type: bool
      returned: always
backup:
  description: The newest backup set of this installation that was verified and is complete.
  returned: when asked for and known, else null
  type: dict
  sample:
    path: /var/backups/bitwarden/bitwarden-b4d6f8a0-20261126T020000Z
    created: "2026-11-26T02:00:00Z"
    age: 28800
    verified: checksum
    version: 2026.8.0
  contains:
    path:
      description: Path of the set.
      type: str
      returned: always
    created:
      description: When it was made, UTC.
      type: str
      returned: always
    age:
      description: Seconds since then by the host's clock.
      type: int
      returned: always
    verified:
      description: How it was verified, V(checksum) or V(restore).
      type: str
      returned: always
    version:
      description: The version of Bitwarden that it is of.
      type: str
      returned: always
unknown:
  description:
    - Why a fact of O(gather), or RV(script_versions), is null, by name of the fact.
  returned: always
  type: dict
  sample:
    backup: /var/backups/bitwarden has no verified backup of this installation.
settings:
  description: The settings in C(env/global.override.env) as the containers get them. Secret ones are masked. Empty with
    O(show_settings=false).
  returned: when it can be read, else null
  type: dict
  sample:
    globalSettings__enableCloudCommunication: "true"
    globalSettings__installation__key: "********"
stale_services:
  description: The services that do not run on the settings in the files, with the names of those settings.
  returned: when it can be read, else null
  type: dict
  sample:
    api:
      - globalSettings__enableCloudCommunication
installation_id:
  description: The installation id in the server's settings, null without one.
  returned: when it can be read, else null
  type: str
  sample: b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b
region:
  description: The cloud in the server's settings.
  returned: when it can be read, else null
  type: dict
  sample:
    configured: EU
    settings_fit: false
    mismatches:
      - globalSettings__installation__apiUri
  contains:
    configured:
      description: The value of C(globalSettings__baseServiceUri__cloudRegion), null without one.
      type: str
      returned: always
    settings_fit:
      description: Whether the region and the three URLs of the cloud belong together. A proxy's URL fits every region.
      type: bool
      returned: always
    mismatches:
      description: Names of the settings that point to another region's cloud.
      type: list
      elements: str
      returned: always
licenses:
  description: The license files of organizations on disk.
  returned: when it can be read, else null
  type: list
  elements: dict
  sample:
    - organization_id: 7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003
      cloud_organization_id: ac5d6e7f-9081-4c23-9e4f-b2e500f1d003
      plan: Enterprise (Annually)
      expires: "2027-12-28T00:00:00Z"
      expires_without_grace: null
      token_expires: "2027-11-23T00:06:19Z"
      path: /opt/bitwarden/bwdata/core/licenses/organization/7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003.json
      state: ok
      problem: ""
      issued: "2026-11-22T10:00:00Z"
      license_key_digest: 5f0c3e1b7a6d4c2f9e8b1a0d7c6f5e4d3b2a19087f6e5d4c3b2a1f0e9d8c7b6a
      fields:
        Seats: 10
        UseSso: true
  contains:
    organization_id:
      description: Id of the organization on this server, by the name of the file.
      type: str
      returned: always
    cloud_organization_id:
      description: Id of the organization in the cloud.
      type: str
      returned: always
    plan:
      description: Name of the plan.
      type: str
      returned: always
    expires:
      description: When the license expires, including its grace period.
      type: str
      returned: always
    expires_without_grace:
      description: When the subscription expires, null where the license does not say.
      type: str
      returned: always
    token_expires:
      description: Until when the server accepts the signed part of the license.
      type: str
      returned: always
    path:
      description: Path of the file.
      type: str
      returned: always
    state:
      description:
        - V(ok), V(missing), V(corrupt) (not complete JSON, or followed by something), V(unreadable) (for this task, or
          for the services), or V(camel_case) (a copy of the cloud's download, which the server cannot read from its
          disk).
      type: str
      returned: always
    problem:
      description: What is wrong with it, empty where there is no problem.
      type: str
      returned: always
    issued:
      description: When the cloud issued it.
      type: str
      returned: always
    license_key_digest:
      description: SHA-256 of the license key, which distinguishes keys without showing them. Null without a key.
      type: str
      returned: always
    fields:
      description: The license's fields without secret ones.
      type: dict
      returned: always
"""

import os
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.deployment import Deployment
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.facts import server_facts
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._host_module import run_host_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._server_status.facts import Request, StatusFacts
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import HOST_MODULES, read_durations


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=HOST_MODULES["server_info"], supports_check_mode=True)
    run_host_module(module, run)


def run(module: AnsibleModule) -> Dict[str, Any]:
    """Return the facts that the options ask for."""
    params = module.params
    durations = read_durations(params)
    deployment = Deployment(params["bwdata"], params["script"], os.environ)
    request = Request(tuple(params["gather"]), durations["timeout"], params["backup_dest"], os.environ)
    status = StatusFacts(deployment, request)
    return server_facts(deployment, params["organization"], params["show_settings"], status.gather)


if __name__ == "__main__":
    main()
