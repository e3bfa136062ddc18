#!/usr/bin/python
# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module cloud_license: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_license
short_description: Download an organization's license from Bitwarden's cloud
version_added: 0.1.0
description:
  - Downloads an organization's license for one self-hosted installation, to a file on the controller or as a result.
  - Replaces the file only if its license differs, or was issued more than 30 days earlier.
extends_documentation_fragment:
  - selfhosted.bitwarden.cloud
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.cloud
attributes:
  check_mode:
    support: full
    details:
      - The license is downloaded and compared, and nothing is written. A file that cannot be written is a failure here,
        too.
  diff_mode:
    support: full
    details:
      - The license key is masked.
  idempotent:
    support: full
options:
  installation_id:
    description:
      - The installation that the license is for. M(selfhosted.bitwarden.server) and M(selfhosted.bitwarden.server_info)
        return that of a server.
      - Capitals and braces make no difference.
    type: str
    required: true
  dest:
    description:
      - File on the controller for the license. Its folder must exist.
      - A relative path is searched as for O(selfhosted.bitwarden.license#module:src), so both can name one file. A new
        file is created beside the playbook, or beside the inventory where the playbook belongs to a collection.
      - Only its owner may read the file. An unencrypted file with permissions for others is written again.
      - A file encrypted with C(ansible-vault) is decrypted for the comparison, and never replaced by plain text. If its
        license differs the task fails. Download to another file then, and encrypt that one.
    type: path
notes:
  - Licenses are compared by their meaning. What differs with each issue (token, signature, time of issue) does not
    count.
  - Without O(dest) the result is hidden as with C(no_log), since a license holds secrets. It can still be registered
    and used. Failures are shown.
  - A license is made for one installation, so each host needs its own task and login. If many hosts exceed the cloud's
    limit of ten logins a minute, O(retry_timeout) must be long enough for them to take turns.
seealso:
  - module: selfhosted.bitwarden.license
  - module: selfhosted.bitwarden.server_info
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Gather facts about the server
  selfhosted.bitwarden.server_info:
    show_settings: false
  become: true
  register: bitwarden_server

- name: Keep the server's license on the controller
  selfhosted.bitwarden.cloud_license:
    cloud: "{{ bitwarden_cloud }}"
    client_id: "{{ bitwarden_cloud_client_id }}"
    client_secret: "{{ bitwarden_cloud_client_secret }}"
    organization: "{{ bitwarden_cloud_organization }}"
    ca_path: "{{ bitwarden_cloud_ca_path }}"
    installation_id: "{{ bitwarden_server.installation_id }}"
    dest: "/tmp/{{ inventory_hostname }}-license.json"
  register: bitwarden_cloud_license

- name: Require a license that is valid today
  ansible.builtin.assert:
    that: bitwarden_cloud_license.expires > now(utc=true, fmt='%Y-%m-%dT%H:%M:%SZ')
    fail_msg: "The license of {{ bitwarden_cloud_license.organization.name }} has expired."

- name: Download the license without a file
  selfhosted.bitwarden.cloud_license:
    cloud: "{{ bitwarden_cloud }}"
    client_id: "{{ bitwarden_cloud_client_id }}"
    client_secret: "{{ bitwarden_cloud_client_secret }}"
    organization: "{{ bitwarden_cloud_organization }}"
    ca_path: "{{ bitwarden_cloud_ca_path }}"
    installation_id: "{{ bitwarden_server.installation_id }}"
  register: bitwarden_cloud_license

- name: Upload that license
  selfhosted.bitwarden.license:
    url: "{{ bitwarden_url }}"
    client_id: "{{ bitwarden_client_id }}"
    client_secret: "{{ bitwarden_client_secret }}"
    organization: "{{ bitwarden_organization }}"
    ca_path: "{{ bitwarden_ca_path }}"
    content: "{{ bitwarden_cloud_license.license }}"
"""

RETURN = r"""
license:
  description: The license, as JSON text.
  returned: success, without O(dest)
  type: str
  sample: '{"licenseKey": "...", "installationId": "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"}'
dest:
  description:
    - Path of the file.
  returned: success, with O(dest)
  type: str
  sample: /tmp/vault.example.com-license.json
changes:
  description:
    - What differed in the file, without values.
  returned: success, with O(dest)
  type: list
  elements: dict
  sample:
    - key: Expires
      action: changed
  contains:
    key:
      description:
        - Field of the license, or C(file), or C(mode) where others have permissions for the file.
      type: str
      returned: always
    action:
      description: V(added), V(changed) or V(removed).
      type: str
      returned: always
organization:
  description: The organization in the cloud.
  returned: success
  type: dict
  sample:
    id: ac5d6e7f-9081-4c23-9e4f-b2e500f1d003
    name: Example Enterprise
installation_id:
  description: The installation that the license is for.
  returned: success
  type: str
  sample: b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b
plan:
  description:
    - Plan of the license.
  returned: success
  type: str
  sample: Enterprise (Annually)
seats:
  description:
    - Seats of the license. Null for no limit.
  returned: success
  type: int
  sample: 10
expires:
  description:
    - When the license expires, grace period included, UTC.
  returned: success
  type: str
  sample: '2027-12-28T00:00:00Z'
expires_without_grace:
  description:
    - When the subscription ends, UTC. Null where the license has no grace period.
  returned: success
  type: str
  sample: '2027-10-28T00:00:00Z'
issued:
  description: When the license was issued, UTC.
  returned: success
  type: str
  sample: '2026-11-22T10:00:00Z'
cause:
  description:
    - Why it failed. V(installation) (not known in this region, or disabled), V(no_subscription), V(payment),
      V(not_owner), V(login), V(version_header), V(rate_limit), V(unusual_traffic), or V(encrypted) (O(dest) is
      encrypted and differs).
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
  sample: Check installation_id, and that it is of this region (option cloud).
"""
