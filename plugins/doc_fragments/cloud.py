# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation shared by modules: cloud."""

from __future__ import annotations


class ModuleDocFragment:
    """Which cloud, and as whom."""

    DOCUMENTATION = r"""
options:
  cloud:
    description:
      - The Bitwarden cloud of the organization, V(US) or V(EU), in any case.
      - For another connection to it, a mapping with C(api_url) and C(identity_url). The API key is sent only after that
        address was found to be the cloud.
    type: raw
    default: US
  client_id:
    description:
      - Client id of the personal API key of an owner of the organization in the cloud, C(user.) followed by an id. This
        is not the account on the self-hosted server.
      - Two-step login and single sign-on do not apply to this key.
      - The default is E(BW_CLOUD_CLIENTID), from the task's C(environment) or that of the controller.
    type: str
  client_secret:
    description:
      - Client secret of the personal API key.
      - The default is E(BW_CLOUD_CLIENTSECRET), from the task's C(environment) or that of the controller.
    type: str
  master_password:
    description:
      - Master password of that account. It never leaves the controller. Where the cloud requires proof of it, the hash
        is sent that a web vault would send.
      - The default is E(BW_CLOUD_PASSWORD), from the task's C(environment) or that of the controller.
    type: str
  organization:
    description:
      - Name or id of the organization in the cloud. The id is not that on a self-hosted server.
      - Can be omitted if the account owns only one organization.
    type: str
  validate_certs:
    description:
      - Whether the cloud's TLS certificate must be valid. Disable this only for tests.
    type: bool
    default: true
  ca_path:
    description:
      - File (PEM) with the certificates of the authorities to trust, or a directory of these prepared by C(c_rehash).
        Required for instance behind a proxy that intercepts TLS.
      - By default, those of the Python library C(certifi) are trusted, or those of the system if it is not installed.
    type: path
  client_cert:
    description:
      - File (PEM) with a client certificate, for a proxy that requires one. It can include the key.
    type: path
  client_key:
    description:
      - File (PEM) with the key of O(client_cert), without a password.
    type: path
  timeout:
    description:
      - How long to wait for an answer, as V(<n>[s|m|h|d|w]). A connection must be made within 10 seconds of it.
    type: str
    default: 30s
  retry_timeout:
    description:
      - How long to retry in total while rate limited by the cloud, as V(<n>[s|m|h|d|w]). The cloud allows ten logins a
        minute from an address.
    type: str
    default: 300s
requirements:
  - Python library C(urllib3) 1.26 or later on the controller
notes:
  - It runs on the controller. No host is required.
  - The variables E(HTTPS_PROXY), E(HTTP_PROXY), E(NO_PROXY) and E(REQUESTS_CA_BUNDLE) are honoured, from the task's
    C(environment) or that of the controller.
  - An empty string and null mean that an option is not set. Secrets that look like YAML's numbers, booleans or dates
    must be quoted.
  - Each task logs in once. The access token is kept in memory only.
  - Redirects are not followed.
"""
