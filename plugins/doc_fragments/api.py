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
      - Address of the self-hosted server, for example V(https://vault.example.com), not that of one of its services
        and not that of Bitwarden's cloud.
      - Not needed where both O(api_url) and O(identity_url) are given.
    type: str
  api_url:
    description:
      - Address of the server's Api, where it is not O(url) followed by C(/api).
    type: str
  identity_url:
    description:
      - Address of the server's Identity, where it is not O(url) followed by C(/identity).
    type: str
  client_id:
    description:
      - Client id of a user's personal API key, C(user.) followed by an id. The user must be an owner of the
        organization.
      - Two-step login and single sign-on do not concern this key.
      - If not given, E(BW_CLIENTID) is used, as the task's C(environment) sets it or the environment of the controller.
    type: str
  client_secret:
    description:
      - Client secret of the personal API key.
      - If not given, E(BW_CLIENTSECRET) is used, as the task's C(environment) sets it or the environment of the controller.
    type: str
  headers:
    version_added: 0.2.0
    description:
      - Additional headers of each request to the server, where something in front of it requires them, for example an
        access portal. They are sent only to the server, and their values are treated as secrets.
    type: dict
  organization:
    description:
      - Name or id of the organization, as the self-hosted server knows it.
      - May be left out where the account owns just one organization.
    type: str
  validate_certs:
    description:
      - Whether the server's TLS certificate must be valid. Turn it off for tests only.
    type: bool
    default: true
  ca_path:
    description:
      - File (PEM) with the certificates of the authorities to trust, or a directory of such prepared by C(c_rehash).
      - By default those of the Python library C(certifi), or those of the system where it is not installed.
    type: path
  client_cert:
    description:
      - File (PEM) with a client certificate, where a reverse proxy asks for one. May hold the key, too.
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
  run_on:
    description:
      - Where the requests are sent from.
      - V(controller) needs no access to the host and no Python library there, and never uses C(become).
      - V(host) sends them from the host, which then needs the Python library C(urllib3); O(ca_path), O(client_cert)
        and O(client_key) are files of the host then.
    type: str
    choices:
      - controller
      - host
    default: controller
requirements:
  - Python library C(urllib3) 1.26 or later, on the controller or, with O(run_on=host), on the host
notes:
  - Bitwarden 2023.2.0 or later is needed.
  - The variables E(HTTPS_PROXY), E(HTTP_PROXY), E(NO_PROXY) and E(REQUESTS_CA_BUNDLE) are honoured, as the task's
    C(environment) sets them or the environment of the controller.
  - An empty text and null mean that an option is not set. Secrets in the form of YAML's numbers, booleans and dates must be
    quoted.
  - Each task logs in once. The access token is kept in memory only.
  - Redirects are not followed.
  - The key is sent only after the server has proved that it is not Bitwarden's cloud.
"""

    # For what the role does after it has changed and restarted the server.
    ASSUME_READY = r"""
options:
  assume_ready:
    description:
      - In check mode, take as done what earlier tasks of the same play would have done by now (the server started,
        cloud communication switched on, a connection made). A server that does not answer is then a warning, no
        failure.
      - Has no effect outside of check mode.
    type: bool
    default: false
"""
