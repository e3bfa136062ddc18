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
  - Downloads the license of the organization for one installation, to a file on the controller or as a result.
  - A file is written only where its license differs in meaning, or was issued more than 30 days earlier. What differs
    with each issue (token, signature, time of issue) does not count.
  - Without O(dest) the whole result is hidden, as with C(no_log), because a license holds secrets. It can be registered
    and used. A failure can be read.
extends_documentation_fragment:
  - selfhosted.bitwarden.cloud
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.cloud
attributes:
  check_mode:
    support: full
    details:
      - The license is downloaded and compared, and nothing written. A file that could not be written fails here, too.
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
        return that of a server. Capitals and braces make no difference.
    type: str
    required: true
  dest:
    description:
      - File on the controller to keep the license in. Its folder must exist.
      - A relative path is found as O(selfhosted.bitwarden.license#module:src) is, so both can name one file. A new file
        is made beside the playbook, or beside the inventory where the playbook is that of a collection.
      - Only its owner may read it. A file on which others have any rights is written again, unless it is encrypted.
      - A file that is encrypted with C(ansible-vault) is decrypted for the comparison, and never replaced by plain
        text. Where its license differs the task fails; download to another file then, and encrypt that one.
    type: path
notes:
  - A license is made for one installation, so each host has a task, and a login, of its own. Where many hosts take more
    than the ten logins a minute of the cloud's limit, O(retry_timeout) must be long enough for them to take turns.
seealso:
  - module: selfhosted.bitwarden.license
  - module: selfhosted.bitwarden.server_info
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Look at the server
  selfhosted.bitwarden.server_info:
  register: bitwarden_server

- name: Have its license on the controller
  selfhosted.bitwarden.cloud_license:
    cloud: "{{ bitwarden_cloud }}"
    client_id: "{{ bitwarden_cloud_client_id }}"
    client_secret: "{{ bitwarden_cloud_client_secret }}"
    organization: "{{ bitwarden_cloud_organization }}"
    ca_path: "{{ bitwarden_cloud_ca_path }}"
    installation_id: "{{ bitwarden_server.installation_id }}"
    dest: "/tmp/{{ inventory_hostname }}-license.json"
"""

RETURN = r"""
license:
  description: The license, as JSON text.
  returned: success, without O(dest)
  type: str
  sample: '{"licenseKey": "...", "installationId": "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"}'
dest:
  description: The file.
  returned: success, with O(dest)
  type: str
  sample: /tmp/vault.example.com-license.json
changes:
  description: What the file lacked, without values.
  returned: success, with O(dest)
  type: list
  elements: dict
  sample:
    - key: Expires
      action: changed
  contains:
    key:
      description: Member of the license, or C(file), or C(mode) where others may use the file.
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
  description: The license's plan.
  returned: success
  type: str
  sample: Enterprise (Annually)
seats:
  description: The license's seats; null for no limit.
  returned: success
  type: int
  sample: 10
expires:
  description: When the license expires, days of grace included, UTC.
  returned: success
  type: str
  sample: '2027-12-28T00:00:00Z'
expires_without_grace:
  description: When the subscription ends, UTC; null where the license has no days of grace.
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
