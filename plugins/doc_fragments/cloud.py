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
      - The cloud of Bitwarden that the organization is in, V(US) or V(EU), in any case.
      - For another connection to it a mapping with C(api_url) and C(identity_url). What answers there has to prove that
        it is the cloud before the key is sent.
    type: raw
    default: US
  client_id:
    description:
      - Client id of the personal API key of an owner of the organization in the cloud, C(user.) followed by an id. It is
        another account than the one on the self-hosted server.
      - Two-step login and single sign-on do not concern this key.
      - If not given, E(BW_CLOUD_CLIENTID) is used, as the task's C(environment) sets it or the environment of the controller.
    type: str
  client_secret:
    description:
      - Client secret of the personal API key.
      - If not given, E(BW_CLOUD_CLIENTSECRET) is used, as the task's C(environment) sets it or the environment of the controller.
    type: str
  master_password:
    description:
      - Master password of that account. It never leaves the controller; where the cloud requires proof, it is sent the hash
        that a web vault would send.
      - If not given, E(BW_CLOUD_PASSWORD) is used, as the task's C(environment) sets it or the environment of the controller.
    type: str
  organization:
    description:
      - Name or id of the organization, as the cloud knows it. Its id there is another one than on a self-hosted server.
      - May be left out where the account owns just one organization.
    type: str
  validate_certs:
    description:
      - Whether the cloud's TLS certificate must be valid. Turn it off for tests only.
    type: bool
    default: true
  ca_path:
    description:
      - File (PEM) with the certificates of the authorities to trust, or a directory of such prepared by C(c_rehash); for
        instance where a proxy looks into connections.
      - By default those of the Python library C(certifi), or those of the system where it is not installed.
    type: path
  client_cert:
    description:
      - File (PEM) with a client certificate, where a proxy asks for one. May hold the key, too.
    type: path
  client_key:
    description:
      - File (PEM) with the key of O(client_cert), not protected by a password.
    type: path
  timeout:
    description:
      - How long to wait for an answer, as V(<n>[s|m|h|d|w]). A connection has to be made within 10 seconds of it.
    type: str
    default: 30s
  retry_timeout:
    description:
      - How long to wait in all when the cloud says that it was asked too often from this address, as V(<n>[s|m|h|d|w]).
        It takes ten logins a minute.
    type: str
    default: 300s
requirements:
  - Python library C(urllib3) 1.26 or later on the controller
notes:
  - It runs on the controller; no host is needed.
  - The variables E(HTTPS_PROXY), E(HTTP_PROXY), E(NO_PROXY) and E(REQUESTS_CA_BUNDLE) are honoured, as the task's
    C(environment) sets them or the environment of the controller.
  - An empty text and null mean that an option is not set. Secrets in the form of YAML's numbers, booleans and dates must be
    quoted.
  - Each task logs in once. The access token is kept in memory only.
  - Redirects are not followed.
"""
