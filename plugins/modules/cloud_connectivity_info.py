#!/usr/bin/python
# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module cloud_connectivity_info: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_connectivity_info
short_description: Check connectivity to Bitwarden's cloud
version_added: 0.1.0
author:
  - selfhosted.bitwarden contributors (@selfhosted)
description:
  - Checks whether a self-hosted server can reach Bitwarden's cloud.
  - Checks DNS, proxy, TCP, TLS and HTTP from host and containers, and the installation's credentials.
  - Changes nothing, and does not fail when it finds problems.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.host
  - selfhosted.bitwarden.attributes.info_module
  - selfhosted.bitwarden.host
options:
  settings:
    description:
      - Settings that the server is to have, as in M(selfhosted.bitwarden.server).
      - A proxy can be tried out, for instance as C(HTTPS_PROXY).
    type: dict
    default: {}
  secret_settings:
    description:
      - The same as O(settings), for secrets. Their values never show in output or logs.
    type: dict
    default: {}
  cloud_communication:
    description:
      - Whether the server is to communicate with Bitwarden's cloud. Used only with O(unless_current).
    type: bool
  region:
    description:
      - The cloud that the server is to use, as in M(selfhosted.bitwarden.server).
    type: str
    choices: [EU, US]
  timeout:
    description:
      - How long the request to one address may take, as V(<n>[s|m|h|d|w]).
    type: str
    default: 10s
  login:
    description:
      - Whether to log in with the credentials of the installation. The cloud allows ten logins a minute from one
        address.
    type: bool
    default: true
  unless_current:
    description:
      - Check nothing if the server already runs on the desired settings with cloud communication on.
    type: bool
    default: false
notes:
  - The checks use the settings in the server's files. With O(region) or O(settings) they use those that
    M(selfhosted.bitwarden.server) would write with the same options.
  - C(api), C(identity) and C(push) are each requested from the host and from the network of the container C(api). Name,
    proxy, connection, TLS and response are checked in this order, for all addresses at once.
  - As root, the module checks in the container's own network, with the container's name servers, proxy settings and
    trusted authorities. The image needs nothing for that.
  - As another user, it uses the C(wget) of the image, where there is one, and can tell less. That C(wget) supports no
    proxy, so the container's checks are skipped where the server has one.
  - The installation is then looked up in the cloud, its credentials are used for one login (see O(login)), and region,
    addresses and installation are compared.
  - On the host, the authorities in C(ca-certificates) below O(bwdata) are trusted in addition to those of the host,
    since the services trust them, too.
  - The proxies of the host are those of the task's environment, see the keyword C(environment).
  - What only the host cannot reach is not a problem for the server. The same holds if the server uses a proxy that the
    host does not have and the container could not be checked, for instance while the stack is down.
  - A proxy whose address starts with C(https://) or names SOCKS is not tried, although the server may use it.
  - An address of the cloud that starts with C(http://) is not requested, since keys and licenses would be sent
    unencrypted.
seealso:
  - module: selfhosted.bitwarden.server
  - module: selfhosted.bitwarden.server_info
  - module: selfhosted.bitwarden.sync_log_info
"""

EXAMPLES = r"""
- name: Check cloud connectivity on the settings that the server has
  selfhosted.bitwarden.cloud_connectivity_info:
  become: true
  register: bitwarden_connectivity

- name: Report connectivity problems
  ansible.builtin.debug:
    var: bitwarden_connectivity.problems

- name: Check connectivity to the cloud of the European Union before moving there
  selfhosted.bitwarden.cloud_connectivity_info:
    region: EU
  become: true

- name: Try a proxy, without logging in
  selfhosted.bitwarden.cloud_connectivity_info:
    settings:
      HTTPS_PROXY: http://proxy.example.com:3128
    login: false
    timeout: 5s
  become: true
"""

RETURN = r"""
checks:
  description:
    - The checks.
  returned: success
  type: list
  elements: dict
  sample:
    - name: api
      from: container
      target: https://api.bitwarden.com
      ok: false
      layer: tcp
      detail: "no connection to api.bitwarden.com port 443: connection refused"
      advice: This host itself gets through, so the containers' traffic is blocked.
      skipped: false
  contains:
    name:
      description:
        - V(api), V(identity) or V(push) for a connection to one of these.
        - V(installation) for what the cloud knows about the installation, V(credentials) for its login, V(settings) for
          settings that do not match.
      type: str
      returned: always
    from:
      description:
        - Where the check was made, V(host) or V(container).
      type: str
      returned: always
    target:
      description:
        - The address or setting that was checked.
      type: str
      returned: always
    ok:
      description:
        - V(false) where something is wrong. A skipped check counts as V(true).
      type: bool
      returned: always
    layer:
      description:
        - Where the check failed, V(dns), V(proxy), V(tcp), V(tls), V(http), V(installation), V(login) or V(settings).
        - Empty where it did not.
      type: str
      returned: always
    detail:
      description:
        - What was seen, or why the check was skipped.
      type: str
      returned: always
    advice:
      description: What to do about it.
      type: str
      returned: always
    skipped:
      description:
        - Whether the check was skipped, for instance because the stack is down.
      type: bool
      returned: always
ok:
  description:
    - Whether everything that the server needs is in order. What only the host cannot reach does not count, see the
      notes.
  returned: success
  type: bool
  sample: false
problems:
  description:
    - One line for each problem, with what to do about it.
  returned: success
  type: list
  elements: str
  sample:
    - "installation from the host (https://api.bitwarden.com): this installation id is not known in US, but it is in EU.
      Set region to EU, or use an installation id and key of US (from https://bitwarden.com/host)."
certain:
  description:
    - Those of RV(problems) that neither waiting nor a change of the network can solve, since Bitwarden itself reports
      them.
    - The installation is unknown or disabled, of the other region, or its key is missing or refused.
  returned: success
  type: list
  elements: str
  sample: []
current:
  description: Whether nothing was checked because of O(unless_current).
  returned: success
  type: bool
  sample: false
region:
  description: The region that the server is meant to be set to.
  returned: success
  type: str
  sample: EU
installation:
  description: The installation, as the cloud knows it.
  returned: success
  type: dict
  sample:
    id: b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b
    known_in: EU
    enabled: true
    credentials_ok: true
  contains:
    id:
      description: The installation id that the server is meant to have, null without one.
      type: str
      returned: always
    known_in:
      description:
        - The region whose cloud knows the installation. Null where none does or none was reached.
      type: str
      returned: always
    enabled:
      description:
        - Whether the installation is enabled there. Null where that is not known.
      type: bool
      returned: always
    credentials_ok:
      description:
        - Whether the cloud accepted id and key. Null where no login was tried.
      type: bool
      returned: always
"""

import os
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.setting_names import CLOUD_COMMUNICATION
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.endpoints import DesiredCloud
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.report import Installation, Report
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.run import check_connectivity
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.deployment import Deployment
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.plan import (
    Plan,
    Request,
    SettingsChange,
    plan,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._host_module import run_host_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import (
    HOST_MODULES,
    read_durations,
    request_from,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.resolve import SettingsRequest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.types import is_true


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=HOST_MODULES["cloud_connectivity_info"], supports_check_mode=True)
    request = request_from(module.params)
    run_host_module(module, lambda module: run(module, request))


def run(module: AnsibleModule, request: SettingsRequest) -> Dict[str, Any]:
    """Check what the options ask for, and return the report."""
    params = module.params
    timeout = read_durations(params)["timeout"]
    deployment = Deployment(params["bwdata"], None, os.environ)
    settings = SettingsChange.requested(request, params["bwdata"])
    # Only a plan: it never pulls, so it needs no bitwarden.sh.
    planned = plan(deployment, Request(settings=settings, pull=False))
    if params["unless_current"] and is_current(planned):
        cloud = DesiredCloud.of(planned.stack.setting)
        report = Report([], Installation(cloud.installation_id or None), cloud.region)
        return {"current": True, **report.result(planned.mask)}
    report = check_connectivity(
        deployment, planned.stack, planned.removed, environ=os.environ, timeout=timeout, login=params["login"]
    )
    return {"current": False, **report.result(planned.mask)}


def is_current(planned: Plan) -> bool:
    """Tell whether the server already runs on the desired settings, with cloud communication on.

    One that has not been let out to the cloud yet has not proved anything.
    """
    switched_on = is_true(planned.stack.setting(CLOUD_COMMUNICATION))
    return switched_on and not planned.writes and not planned.stack.missing() and not planned.stack.stale()


if __name__ == "__main__":
    main()
