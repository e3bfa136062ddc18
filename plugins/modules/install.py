#!/usr/bin/python
# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module install: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: install
short_description: Install a self-hosted Bitwarden server
version_added: 0.2.0
author:
  - selfhosted.bitwarden contributors (@selfhosted)
description:
  - Installs a standard deployment (C(bitwarden.sh), Docker Compose) without prompts, starts it, and waits until all
    services are healthy.
  - Leaves an installed server as it is, and starts it if it is stopped.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.host
  - selfhosted.bitwarden.host
  - selfhosted.bitwarden.host.unreachable
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - The installation key is not shown.
  idempotent:
    support: full
options:
  script:
    description:
      - Path for C(bitwarden.sh).
      - The default is C(bitwarden.sh) in the folder that contains O(bwdata).
    type: path
  domain:
    description:
      - The DNS name of the server, such as V(vault.example.com), without scheme and port. It cannot be an IP address.
    type: str
    required: true
  installation_id:
    description:
      - The installation id, from U(https://bitwarden.com/host). Each server needs its own.
    type: str
    required: true
  installation_key:
    description:
      - The key of O(installation_id).
    type: str
    required: true
  verify_installation:
    description:
      - Whether to check the installation id and key with the cloud. The setup tool checks the id, too.
      - V(false) is for air-gapped hosts, and sends nothing to the cloud. The setup tool then runs on the network of the
        host, and this module answers its request.
    type: bool
    default: true
  region:
    description:
      - The cloud that issued the installation id and key, V(EU) or V(US), in any case.
      - V(EU) also sets the three URLs of that cloud, which the setup tool leaves out.
    type: str
    choices: [EU, US]
    default: US
  database_name:
    description:
      - Name of the database. It cannot be changed later.
    type: str
    default: vault
  certificate:
    description:
      - The certificate of the server. V(self_signed) has the setup tool create one, which clients do not trust.
        V(files) uses O(certificate_files).
      - V(lets_encrypt) obtains one from Let's Encrypt. O(domain) must lead to the host, and port 80 must be open to the
        Internet.
      - V(none) serves HTTP, for a reverse proxy that terminates TLS. Set C(url) in O(config) to the C(https) address.
    type: str
    choices: [self_signed, files, lets_encrypt, none]
    default: self_signed
  certificate_files:
    description:
      - PEM files of the certificate on the controller, for O(certificate=files).
      - They can be encrypted with Ansible Vault.
    type: dict
    suboptions:
      cert:
        description: The certificate of the server, followed by those of its issuers.
        type: str
        required: true
      key:
        description:
          - The private key, without a passphrase.
        type: str
        required: true
      ca:
        description:
          - The certificate of the authority. It turns on OCSP stapling, so leave it out for a private CA and in closed
            networks.
        type: str
  config:
    description:
      - Keys of C(config.yml) by name, such as C(http_port), C(real_ips) or C(enable_scim), with values of the key's
        type.
      - A C(url) must be an address of O(domain).
    type: dict
    default: {}
  version:
    description:
      - The version to install, such as V(2026.8.0), or V(latest).
      - With a folder in O(source), its scripts must have this version. V(latest) accepts any.
    type: str
    default: latest
  source:
    description:
      - Where C(bitwarden.sh) and C(run.sh) come from.
      - V(download) has the host download them with curl, from C(func.bitwarden.com), or from the tag of O(version) at
        C(raw.githubusercontent.com).
      - Any other value is a folder with both scripts of one release, on the controller, or with O(remote_src) on the
        host.
    type: str
    default: download
  remote_src:
    description:
      - Whether the folder O(source) is on the host.
    type: bool
    default: false
  owner:
    description:
      - The user who owns the installation and runs Docker for it, a member of the group V(docker). The user must exist,
        and cannot be root.
      - The default is the owner of the folder that contains O(bwdata), or V(bitwarden) where that is root or the folder
        does not exist.
    type: str
  start:
    description:
      - Whether to start the server. With V(false), M(selfhosted.bitwarden.server) can start it after settings were
        written.
    type: bool
    default: true
  wait:
    description:
      - Wait until every service passes its health check, and those without one are running.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long each step may take, as V(<n>[s|m|h|d|w]). A step is the pull of an image, certbot, a run of the setup
        tool, the start, or the wait for healthy services.
      - A command that takes longer is killed, and the message names it. The first start creates the database and pulls
        all images.
    type: str
    default: 600s
  pull:
    description:
      - Whether to pull images that are not local. With V(false) all images must be local.
    type: bool
    default: true
  lock_timeout:
    description:
      - How long to wait while another run works on the same server, as V(<n>[s|m|h|d|w]).
    type: str
    default: 15m
notes:
  - A server counts as installed if its O(bwdata) has a C(config.yml). Its settings, configuration and certificate are
    managed by M(selfhosted.bitwarden.server).
  - Everything that can be known is checked before anything is created, also in check mode, and all problems are
    reported at once. These checks cover the user, folders, Docker and Compose, container names, ports, the scripts, the
    image of the setup tool, and whether the cloud accepts the installation id and key.
  - Bitwarden's setup tool is run as C(bitwarden.sh install) runs it, but without a terminal. It reads the installation
    id and key from its standard input.
  - The installation is created in a temporary folder inside O(bwdata), and moved into place once all files are there. A
    run that fails or is ended by a signal removes what it created. The next run completes or removes what a killed run
    left.
  - Leftovers of a manual installation that the setup tool refused are removed. The module fails if O(bwdata) has other
    files and no C(config.yml).
  - Docker Engine 20.10 or later with Compose 2, bash, and curl are required on the host. The module installs none of
    them.
  - A host can run only one standard deployment, since its container names are fixed.
seealso:
  - module: selfhosted.bitwarden.server
  - module: selfhosted.bitwarden.override_env
  - module: selfhosted.bitwarden.cloud_connectivity_info
"""

EXAMPLES = r"""
- name: Install a server with a self-signed certificate
  selfhosted.bitwarden.install:
    domain: vault.example.com
    installation_id: b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b
    installation_key: "{{ vault_installation_key | default('AbCdEfGhIjKlMnOpQrSt') }}"
  become: true

- name: Install a server of the European Union behind a reverse proxy
  selfhosted.bitwarden.install:
    domain: vault.example.com
    installation_id: b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b
    installation_key: "{{ vault_installation_key | default('AbCdEfGhIjKlMnOpQrSt') }}"
    region: EU
    certificate: none
    config:
      url: https://vault.example.com
      http_port: 8080
      real_ips:
        - 10.0.0.0/8
  become: true

- name: Install an exact version without starting it
  selfhosted.bitwarden.install:
    domain: vault.example.com
    installation_id: b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b
    installation_key: "{{ vault_installation_key | default('AbCdEfGhIjKlMnOpQrSt') }}"
    version: 2026.8.0
    database_name: bitwarden
    start: false
  become: true

- name: Install a server on an air-gapped host from scripts and images on that host
  selfhosted.bitwarden.install:
    domain: vault.example.com
    installation_id: b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b
    installation_key: "{{ vault_installation_key | default('AbCdEfGhIjKlMnOpQrSt') }}"
    verify_installation: false
    source: /srv/bitwarden-2026.8.0
    remote_src: true
    pull: false
  become: true
"""

RETURN = r"""
installed:
  description: Whether this run installed the server, or would in check mode.
  returned: always
  type: bool
  sample: true
version:
  description:
    - The installed version of Bitwarden.
  returned: when it is known
  type: str
  sample: 2026.8.0
url:
  description:
    - Address of the server in C(config.yml).
  returned: always
  type: str
  sample: https://vault.example.com
bwdata:
  description: Data folder of the server.
  returned: always
  type: str
  sample: /opt/bitwarden/bwdata
script:
  description: Path of C(bitwarden.sh).
  returned: always
  type: str
  sample: /opt/bitwarden/bitwarden.sh
removed:
  description:
    - What was removed from O(bwdata) of incomplete installations.
  returned: always
  type: list
  elements: str
  sample: [docker, env, scripts]
restarted:
  description: Whether the server was started, or would be in check mode.
  returned: always
  type: bool
  sample: true
services:
  description: The services after the run, sorted by name.
  returned: when the deployment could be read
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
"""

import contextlib
import os
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.lock import server_lock
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._host_module import run_host_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install.apply import install
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install.data_folder import inspect_folder
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install.installed import Installed
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install.made_folders import (
    data_folder,
    removed_if_empty,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install.plan import plan_installation
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install.request import install_request
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import (
    HOST_MODULES,
    read_durations,
)

# What a failed result has where the run did not get so far.
FAILURE = {"installed": False, "restarted": False, "removed": []}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=HOST_MODULES["install"], supports_check_mode=True)
    run_host_module(module, run, FAILURE)


def run(module: AnsibleModule) -> Dict[str, Any]:
    """Install the server where there is none, start it, and return the result."""
    durations = read_durations(module.params)
    request = install_request(module.params, durations["wait_timeout"])
    with contextlib.ExitStack() as held:
        lock = -1
        if os.path.isdir(request.bwdata):
            lock = held.enter_context(server_lock(request.bwdata, durations["lock_timeout"]))
        planned = plan_installation(request, os.environ)
        if planned.changed and not module.check_mode:
            if lock >= 0:
                held.enter_context(removed_if_empty(request.bwdata))
            else:
                lock = held.enter_context(data_folder(request.bwdata, planned.account, durations["lock_timeout"]))
                if inspect_folder(request.bwdata) != planned.folder._replace(exists=True):
                    # Another run was quicker.
                    planned = plan_installation(request, os.environ)
        done = Installed(planned, module.params["start"], module.params["wait"])
        if not module.check_mode:
            if planned.changed:
                install(planned, lock)
            done.start(os.environ, lock)
        elif not planned.changed:
            done.predict(os.environ)
        return done.result(module._diff)


if __name__ == "__main__":
    main()
