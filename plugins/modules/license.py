#!/usr/bin/python
# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module license: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: license
short_description: Upload a license to an organization of a self-hosted Bitwarden server
version_added: 0.1.0
description:
  - Uploads a license to an organization of a self-hosted server if the server's license differs, or is missing, older
    or broken.
  - Checks the license first, and refuses one that would do harm.
  - For servers that cannot sync with the cloud.
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
      - The license key is masked.
  idempotent:
    support: partial
    details:
      - Not with O(force=true) for a license that is older than the server's, while a sync brings the newer one back.
options:
  src:
    description:
      - A license file on the controller, as downloaded from the cloud. It is decrypted if it is a vault.
      - A relative path is searched as M(ansible.builtin.copy) searches its sources, then beside the inventory and in
        the working directory.
      - In check mode a missing file does not fail the task on the controller, since an earlier task may create it.
      - Either O(src) or O(content) is required.
    type: path
  content:
    description:
      - The license itself, as text, as a mapping, or as C(base64:) followed by the encoded file.
    type: raw
  force:
    description:
      - Upload a license even if it would do harm (see the notes), or is older than the server's.
      - What the server would refuse anyway is still not sent.
    type: bool
    default: false
  inspect:
    description:
      - Whether to inspect the license file on the host, with M(selfhosted.bitwarden.server_info). It has what the API
        does not show (installation, license key, organization in the cloud).
      - This requires the same permissions. Set C(become) on the task where the connection lacks them.
      - Otherwise, or without access to the host, the license is compared with what the API shows, and a warning says
        so.
    type: bool
    default: true
  bwdata:
    description:
      - Path of the data folder on the host. Used only with O(inspect).
    type: path
    default: /opt/bitwarden/bwdata
notes:
  - Servers that can reach the cloud get their license with M(selfhosted.bitwarden.license_sync). This module is for
    air-gapped servers, and for those on which a sync cannot start.
  - A license is also uploaded if the server has it but does not use it, for instance after it has disabled the
    organization. Otherwise an equal license is not uploaded, and neither is one that is older than the server's.
  - What the server would refuse is reported before anything is sent.
  - Harm is done by the license of another organization, by one of a Free or Families plan for a company's organization,
    and by one whose subscription has expired, as the server would disable the organization within twelve hours. The
    server would accept these.
seealso:
  - module: selfhosted.bitwarden.cloud_license
  - module: selfhosted.bitwarden.license_sync
  - module: selfhosted.bitwarden.server_info
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Upload a license file
  selfhosted.bitwarden.license:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"
    src: "{{ inventory_hostname }}-license.json"
  become: true
  register: bitwarden_license

- name: Show what the upload changed
  ansible.builtin.debug:
    var: bitwarden_license.changes
  when: bitwarden_license.uploaded

- name: Gather facts about the server
  selfhosted.bitwarden.server_info:
    show_settings: false
  become: true
  register: bitwarden_server

- name: Download the license for the server
  selfhosted.bitwarden.cloud_license:
    cloud: "{{ bitwarden_cloud }}"
    client_id: "{{ bitwarden_cloud_client_id }}"
    client_secret: "{{ bitwarden_cloud_client_secret }}"
    organization: "{{ bitwarden_cloud_organization }}"
    ca_path: "{{ bitwarden_cloud_ca_path }}"
    installation_id: "{{ bitwarden_server.installation_id }}"
    dest: "/tmp/{{ inventory_hostname }}-license.json"

- name: Upload the downloaded license
  selfhosted.bitwarden.license:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"
    src: "/tmp/{{ inventory_hostname }}-license.json"
  become: true
"""

RETURN = r"""
uploaded:
  description:
    - Whether the license was sent. False in check mode.
  returned: success
  type: bool
  sample: true
reason:
  description:
    - Why it was uploaded. V(missing), V(corrupt), V(camel_case), V(unreadable) or V(invalid) for the state of the
      server's license, V(unknown) where the server cannot read its license and the file could not be inspected,
      V(differs), or V(token) where only the validity of the given one is longer, by a month or more.
    - Why it was not uploaded. V(equal), or V(older) than the server's. V(unknown) when check mode found no O(src), or a
      server that does not answer (see O(assume_ready)).
  returned: success
  type: str
  sample: differs
compared:
  description:
    - What it was compared with. V(file) is the file on the host together with the API, V(api) only the API.
  returned: success
  type: str
  sample: file
changes:
  description: What the upload changes, without values.
  returned: success
  type: list
  elements: dict
  sample:
    - key: Seats
      action: changed
  contains:
    key:
      description:
        - Field of the license, or C(license) where there was none to compare with.
      type: str
      returned: always
    action:
      description: V(added), V(changed) or V(removed).
      type: str
      returned: always
organization:
  description: The organization. Null when check mode found a server that does not answer (see O(assume_ready)).
  returned: success
  type: dict
  sample:
    id: 7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003
    name: Example Enterprise
license:
  description: The license of the server, before and after.
  returned: success
  type: dict
  contains:
    before:
      description:
        - Before the task. Null where no license could be read.
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
        - After the task. In check mode as it would be.
      type: dict
      returned: success
      sample:
        plan: Enterprise (Annually)
        seats: 12
        expires: '2027-12-28T00:00:00Z'
        expires_without_grace: null
        issued: '2026-11-22T10:00:00Z'
cause:
  description:
    - Why the license was not sent, or not taken.
    - Of the text V(too_large), V(encoding), V(empty), V(not_json), V(trailing) (something follows it),
      V(not_a_license), V(premium) (of a person, not of an organization), V(token_invalid).
    - Of the license V(disabled), V(not_self_hosted), V(installation), V(token_expired), V(token_not_yet), V(version),
      V(not_issued), V(signature), V(expired), V(other_organization), V(lower_plan).
    - Of the server V(in_use), V(seats), V(collections), V(groups), V(policies), V(sso), V(key_connector), V(scim),
      V(custom_permissions), V(password_reset), V(unreadable), V(not_owner), V(invalid).
  returned: failure, where one of these is the cause
  type: str
  sample: installation
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
  sample: Download the license again from the organization in the cloud.
"""

from typing import Any, Dict, Mapping

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.session import run_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import license as license_backend
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.host_reading import inspection_by
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.on_host import read_file, read_here
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._licenses.content import content_of


def perform(params: Mapping[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Run the module's code on the host. Raises ``ApiError``."""
    content = content_of(params, read_file)
    inspect = inspection_by(read_here, params["bwdata"], params["inspect"])
    return license_backend.perform(params, check_mode, content, inspect)


def main() -> None:
    """Run the module."""
    run_module(AnsibleModule(argument_spec=license_backend.OPTIONS, supports_check_mode=True), perform)


if __name__ == "__main__":
    main()
