#!/usr/bin/python
# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module server: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: server
short_description: Bring a self-hosted Bitwarden server to a state, on the settings it is meant to have
version_added: 0.1.0
author:
  - selfhosted.bitwarden contributors (@selfhosted)
description:
  - Writes settings, starts, restarts or stops the standard deployment of Bitwarden (C(bitwarden.sh), Docker Compose),
    waits until it is well, and takes the settings back when it does not get well. All in one run.
  - Whether a restart is needed is read from the containers. Their environment is compared with what Compose would give
    them now, C(docker-compose.override.yml) included. So a server that runs on older settings than its files say is
    found whatever the reason, be it a file edited by hand or a play that was cut off before the restart.
  - The restart itself is C(bitwarden.sh restart), run as the owner of O(bwdata). It pulls the images of the
    installed version. Should a pull fail, the images at hand are started on the wanted settings, with a warning.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.host
  - selfhosted.bitwarden.host
  - selfhosted.bitwarden.settings
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Values of settings whose names look secret, and those of O(secret_settings), are masked.
  idempotent:
    support: partial
    details:
      - With O(state=restarted) every run restarts the server.
options:
  script:
    description:
      - Path of C(bitwarden.sh).
      - The default is C(bitwarden.sh) in the folder that holds O(bwdata).
    type: path
  state:
    description:
      - V(started) makes the server run, on the settings in its files. It is restarted when a service is missing or
        runs on other settings. One that is sick on the current settings is not restarted but reported.
      - V(restarted) restarts it in any case.
      - V(stopped) takes it down.
    type: str
    choices:
      - started
      - restarted
      - stopped
    default: started
  wait:
    description:
      - Wait until every service answers its health check, asked directly, and all others run.
      - The service C(icons) only has to run, as its health check needs the Internet.
      - A service that keeps dying is reported at once, with its last words.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait, as C(<n>[s|m|h|d|w]).
    type: str
    default: 600s
  rollback:
    description:
      - When the server does not get well on the settings that this run wrote, put the old file back, bring the server
        up again on it, and fail.
      - What this run did not write is never touched.
    type: bool
    default: true
  pull:
    description:
      - Whether a restart fetches the images of the installed version.
      - With V(false) the images at hand are used, by Docker Compose instead of C(bitwarden.sh). Only the services whose
        settings changed are made anew then.
    type: bool
    default: true
seealso:
  - module: selfhosted.bitwarden.override_env
  - module: selfhosted.bitwarden.server_info
  - module: selfhosted.bitwarden.sync_log_info
"""

EXAMPLES = r"""
- name: Let the server talk to the cloud of the European Union
  selfhosted.bitwarden.server:
    cloud_communication: true
    region: EU
  become: true

- name: Heal a server that does not run on the settings in its files
  selfhosted.bitwarden.server:
    state: started
  become: true

- name: Set a mail server without fetching images
  selfhosted.bitwarden.server:
    settings:
      globalSettings__mail__smtp__host: mail.example.com
      globalSettings__mail__smtp__port: 587
    secret_settings:
      globalSettings__mail__smtp__password: "{{ bitwarden_smtp_password | default('correct horse battery staple') }}"
    pull: false
    wait_timeout: 10m
  become: true
"""

RETURN = r"""
restarted:
  description: Whether containers were started or restarted (in check mode, whether they would be).
  returned: always
  type: bool
  sample: true
changes:
  description: What changes in the settings file, without values.
  returned: always
  type: list
  elements: dict
  sample:
    - key: globalSettings__enableCloudCommunication
      action: added
  contains:
    key:
      description: Name of the setting.
      type: str
      returned: always
    action:
      description: One of V(added), V(changed), V(removed), V(normalized) (the same value, written anew).
      type: str
      returned: always
stale_services:
  description: The services that did not run on their settings before this run, with the names of those settings.
  returned: when the deployment could be read
  type: dict
  sample:
    api:
      - globalSettings__enableCloudCommunication
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
      description: The image it was made from, or would be.
      type: str
      returned: always
version:
  description: Version of Bitwarden, by the image of its service C(api). Null where the image does not tell.
  returned: when the deployment could be read
  type: str
  sample: 2026.8.0
installation_id:
  description: The installation id that the server is set to.
  returned: when the deployment could be read
  type: str
  sample: b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b
backup_file:
  description: Path of the copy that O(backup) made.
  returned: when the deployment could be read
  type: str
  sample: /opt/bitwarden/bwdata/env/global.override.env.2026-11-22T10-00-00Z.bak
rolled_back:
  description: Whether the settings that this run wrote were taken back, because the server was not well with them.
  returned: always
  type: bool
  sample: false
rc:
  description: Exit status of C(bitwarden.sh), or of Compose with O(pull=false). Null when neither was run.
  returned: when the deployment could be read
  type: int
  sample: 0
stdout:
  description: What it printed, with secrets masked. At most the last 256 KiB.
  returned: when the deployment could be read
  type: str
  sample: ""
stderr:
  description: What it printed as errors, with secrets masked. At most the last 256 KiB.
  returned: when the deployment could be read
  type: str
  sample: ""
"""

import os
from typing import Any, Dict, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.durations import parse_duration
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.deployment import Deployment
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.lock import server_lock
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.server_state import (
    Options,
    Plan,
    ServerState,
    StateError,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._host_module import run_host_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import (
    HOST_OPTIONS,
    SETTINGS_OPTIONS,
    request_from,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.override_file import OverrideFile
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.resolve import SettingsRequest

FAILURE = {"restarted": False, "changes": [], "rolled_back": False}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **HOST_OPTIONS,
            **SETTINGS_OPTIONS,
            "script": {"type": "path"},
            "state": {"type": "str", "choices": ["started", "restarted", "stopped"], "default": "started"},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "str", "default": "600s"},
            "rollback": {"type": "bool", "default": True},
            "pull": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    request = request_from(module.params)
    run_host_module(module, lambda module: run(module, request), FAILURE)


def run(module: AnsibleModule, request: SettingsRequest) -> Dict[str, Any]:
    """Bring the server to the state that the options describe, and return the result."""
    params = module.params
    options = Options(
        state=params["state"],
        wait=params["wait"],
        wait_timeout=parse_duration(params["wait_timeout"]),
        rollback=params["rollback"],
        pull=params["pull"],
        backup=params["backup"],
    )
    lock_timeout = parse_duration(params["lock_timeout"])
    deployment = Deployment(params["bwdata"], params["script"], os.environ)
    override = None
    if wants_settings(request):
        override = OverrideFile(params["bwdata"], request.file, module.atomic_move, module.tmpdir)
    state = ServerState(deployment, options, override, request)
    plan = None
    try:
        with server_lock(params["bwdata"], lock_timeout) as lock:
            # Should this run be killed, bitwarden.sh goes on; the next run waits for it.
            deployment.commands.inherited = (lock,)
            plan = state.plan()
            if not module.check_mode:
                state.apply(plan)
    except StateError as error:
        error.keys = report(module, state, plan)
        raise
    return report(module, state, plan)


def wants_settings(request: SettingsRequest) -> bool:
    return bool(
        request.settings or request.secret_settings or request.region or request.cloud_communication is not None
    )


def report(module: AnsibleModule, state: ServerState, plan: Optional[Plan]) -> Dict[str, Any]:
    result = {**state.outcome(plan, done=not module.check_mode), "warnings": state.warnings}
    if module._diff and plan is not None and plan.changed:
        result["diff"] = plan.diff()
    return result


if __name__ == "__main__":
    main()
