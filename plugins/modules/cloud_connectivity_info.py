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
  - Checks the connections from a server to Bitwarden's cloud, on the settings that the server is meant to have. With
    O(region) or O(settings) these are what M(selfhosted.bitwarden.server) with the same options would write.
  - Requests each of C(api), C(identity) and C(push) from the host and from the network of the container C(api). Name,
    proxy, connection, TLS and response are checked one after the other, all addresses at once.
  - As root it enters the container's own network and uses its name servers, its proxy settings and the authorities that
    it trusts. The image needs nothing for that.
  - As another user it requests with the C(wget) of the image, where there is one, and tells less. That C(wget) knows no
    proxy, so where the server has one the container's checks are skipped.
  - Then it looks the installation up in the cloud, logs in with its credentials once, and checks that region, addresses
    and installation belong together.
  - Changes nothing. A check that finds something wrong does not fail the task.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.host
  - selfhosted.bitwarden.attributes.info_module
  - selfhosted.bitwarden.host
options:
  settings:
    description:
      - Settings that the server is to have, as in M(selfhosted.bitwarden.server). A proxy can be tried out here, for
        instance as C(HTTPS_PROXY).
    type: dict
    default: {}
  secret_settings:
    description:
      - The same as O(settings), for secrets. Their values never show in output or logs.
    type: dict
    default: {}
  cloud_communication:
    description:
      - Whether the server is to talk to Bitwarden's cloud. It only matters for O(unless_current).
    type: bool
  region:
    description:
      - The cloud that the server is to talk to, as in M(selfhosted.bitwarden.server).
    type: str
    choices: [EU, US]
  timeout:
    description:
      - How long the request of one address may take, as V(<n>[s|m|h|d|w]).
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
      - Check nothing where the server already runs on the desired settings with cloud communication on.
    type: bool
    default: false
notes:
  - From the host, the authorities in C(ca-certificates) below O(bwdata) are trusted beside those of the host, since the
    services trust them, too.
  - The proxies of the host are those of the task's environment, see the keyword C(environment).
  - What the host cannot reach is not a problem for the server as long as the container can. Nor is it one where the
    server goes through a proxy that the host does not have and the container could not be checked, for instance while
    the stack is down.
  - A proxy with an address that starts with C(https://) or names SOCKS is not tried, though the server may use it.
  - An address of the cloud that starts with C(http://) is not requested, as keys and licenses would travel in clear.
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
  description: What was checked.
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
        - V(api), V(identity) or V(push) for the connections to these.
        - V(installation) for what the cloud knows about the installation, V(credentials) for its login, V(settings) for
          what does not fit together.
      type: str
      returned: always
    from:
      description: From where, V(host) or V(container).
      type: str
      returned: always
    target:
      description: Address or setting that it is about.
      type: str
      returned: always
    ok:
      description: V(false) where something is wrong. What was skipped is not wrong.
      type: bool
      returned: always
    layer:
      description:
        - Where it failed, V(dns), V(proxy), V(tcp), V(tls), V(http), V(installation), V(login) or V(settings).
        - Empty where it did not.
      type: str
      returned: always
    detail:
      description: What was seen, or why it was skipped.
      type: str
      returned: always
    advice:
      description: What to do about it.
      type: str
      returned: always
    skipped:
      description: Whether it was not tried, because the stack is down, for instance.
      type: bool
      returned: always
ok:
  description:
    - Whether nothing is wrong that the server needs. What only the host cannot reach does not count, see the notes.
  returned: success
  type: bool
  sample: false
problems:
  description: One readable line for everything that is wrong, with what to do about it.
  returned: success
  type: list
  elements: str
  sample:
    - "installation from the host (https://api.bitwarden.com): this installation id is not known in US, but it is in EU.
      Set region to EU, or use an installation id and key of US (from https://bitwarden.com/host)."
certain:
  description:
    - Those of the problems that no wait and no change of the network can mend, as Bitwarden itself says so. The
      installation is unknown or disabled, of the other region, or its key is missing or refused.
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
      description: The region whose cloud knows it. Null where none does or none was reached.
      type: str
      returned: always
    enabled:
      description: Whether it is enabled there, null where that is not known.
      type: bool
      returned: always
    credentials_ok:
      description: Whether the cloud accepted id and key, null where that was not tried.
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
