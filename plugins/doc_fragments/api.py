# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation shared by modules: api."""

from __future__ import annotations


class ModuleDocFragment:
    """How to reach a server's API, and as whom."""

    DOCUMENTATION = r"""
options:
  url:
    description:
      - Address of the self-hosted server, for example V(https://vault.example.com). Neither that of one of its services
        nor that of Bitwarden's cloud.
      - Not required if both O(api_url) and O(identity_url) are given.
    type: str
  api_url:
    description:
      - Address of the server's Api, if it is not O(url) followed by C(/api).
    type: str
  identity_url:
    description:
      - Address of the server's Identity, if it is not O(url) followed by C(/identity).
    type: str
  client_id:
    description:
      - Client id of a user's personal API key, C(user.) followed by an id. The user must be an owner of the
        organization.
      - Two-step login and single sign-on do not apply to this key.
      - The default is E(BW_CLIENTID), from the task's C(environment) or that of the controller.
    type: str
  client_secret:
    description:
      - Client secret of the personal API key.
      - The default is E(BW_CLIENTSECRET), from the task's C(environment) or that of the controller.
    type: str
  headers:
    version_added: 0.2.0
    description:
      - Additional headers of each request to the server, for something in front of it that requires them, such as an
        access portal.
      - They are sent only to the server, and their values are treated as secrets.
    type: dict
  organization:
    description:
      - Name or id of the organization on the self-hosted server.
      - Can be omitted if the account owns only one organization.
    type: str
  validate_certs:
    description:
      - Whether the server's TLS certificate must be valid. Disable this only for tests.
    type: bool
    default: true
  ca_path:
    description:
      - File (PEM) with the certificates of the authorities to trust, or a directory of these prepared by C(c_rehash).
      - By default, those of the Python library C(certifi) are trusted, or those of the system if it is not installed.
    type: path
  client_cert:
    description:
      - File (PEM) with a client certificate, for a reverse proxy that requires one. It can include the key.
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
  run_on:
    description:
      - Where the requests are sent from.
      - V(controller) requires neither access to the host nor a Python library there, and never uses C(become).
      - V(host) sends them from the host, which then requires the Python library C(urllib3). O(ca_path), O(client_cert)
        and O(client_key) are then files on the host.
    type: str
    choices:
      - controller
      - host
    default: controller
requirements:
  - Python library C(urllib3) 1.26 or later, on the controller or, with O(run_on=host), on the host
notes:
  - Bitwarden 2023.2.0 or later is required.
  - The variables E(HTTPS_PROXY), E(HTTP_PROXY), E(NO_PROXY) and E(REQUESTS_CA_BUNDLE) are honoured, from the task's
    C(environment) or that of the controller.
  - An empty string and null mean that an option is not set. Secrets that look like YAML's numbers, booleans or dates
    must be quoted.
  - Each task logs in once. The access token is kept in memory only.
  - Redirects are not followed.
  - The API key is sent only after the server was found not to be Bitwarden's cloud.
"""

    # For what the role does after it has changed and restarted the server.
    ASSUME_READY = r"""
options:
  assume_ready:
    description:
      - In check mode, assume that earlier tasks of the same play have done what they predict (the server is started,
        cloud communication is on, there is a connection). A server that does not answer is then a warning and not a
        failure.
      - Has no effect outside check mode.
    type: bool
    default: false
"""
