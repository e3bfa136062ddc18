#!/usr/bin/python
# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module override_env: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: override_env
short_description: Set values in the override files of a self-hosted Bitwarden server
version_added: 0.1.0
author:
  - selfhosted.bitwarden contributors (@selfhosted)
description:
  - Sets values in the files C(bwdata/env/*.override.env) of a self-hosted Bitwarden server, quoted so that the services
    get exactly these values.
  - Changes no other line, and restarts nothing.
options:
  bwdata:
    description:
      - Data folder of the server, whose folder C(env) holds the file to change.
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
      - Secret values are masked; a changed one is marked as changed.
  idempotent:
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: full
notes:
  - Use M(selfhosted.bitwarden.server) to set values and restart the server with them in one task.
  - Other lines, comments and their order stay byte for byte, and so do owner, group and mode of the file.
  - Values are quoted so that Docker Compose passes exactly them to the services, before and after Bitwarden's own
    update, which rewrites the file.
  - Run it as the owner of the file or as root.
  - A value that refers to variables (C($NAME)) depends on the environment of each call of Compose. If such a line has a
    requested setting, the module replaces it by the plain value.
  - If several lines set one setting, Compose uses the last one. The module keeps that line and removes the others.
seealso:
  - module: selfhosted.bitwarden.server
  - module: selfhosted.bitwarden.server_info
  - name: Configure environment variables
    description: What the settings mean.
    link: https://bitwarden.com/help/environment-variables/
"""

EXAMPLES = r"""
- name: Allow communication with the cloud of the EU
  selfhosted.bitwarden.override_env:
    cloud_communication: true
    region: EU

- name: Turn off the registration of new users
  selfhosted.bitwarden.override_env:
    settings:
      globalSettings__disableUserRegistration: true

- name: Set a mail server, and back up the file first
  selfhosted.bitwarden.override_env:
    settings:
      globalSettings__mail__smtp__host: smtp.example.com
      globalSettings__mail__smtp__port: 587
      globalSettings__mail__smtp__ssl: true
      globalSettings__mail__smtp__username: bitwarden
    secret_settings:
      globalSettings__mail__smtp__password: "{{ bitwarden_smtp_password | default('pa$$word') }}"
    backup: true

- name: Remove a setting, and fail on names that the server does not know
  selfhosted.bitwarden.override_env:
    settings:
      globalSettings__disableEmailNewDevice: null
    unknown_settings: fail

- name: Turn off push notifications
  selfhosted.bitwarden.override_env:
    settings:
      globalSettings__pushRelayBaseUri: REPLACE
"""

RETURN = r"""
changes:
  description:
    - The settings that changed, or would in check mode, without their values.
    - V(normalized) means that the value stays the same but is written differently, for instance because several lines
      set it.
  returned: success
  type: list
  elements: dict
  contains:
    key:
      description: Name of the setting.
      type: str
    action:
      description: One of V(added), V(changed), V(removed) and V(normalized).
      type: str
  sample:
    - key: globalSettings__enableCloudCommunication
      action: added
path:
  description: Path of the file, links resolved.
  returned: success
  type: str
  sample: /opt/bitwarden/bwdata/env/global.override.env
backup_file:
  description: Path of the backup.
  returned: when O(backup=true) and the file was changed
  type: str
  sample: /opt/bitwarden/bwdata/env/global.override.env.2026-11-23T10-11-12Z.bak
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import Terminated
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.journal import open_journal
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.lock import server_lock
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._host_module import run_host_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import (
    HOST_MODULES,
    read_durations,
    request_from,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.override_file import OverrideFile
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.resolve import SettingsRequest


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=HOST_MODULES["override_env"], supports_check_mode=True)
    request = request_from(module.params)
    run_host_module(module, lambda module: run(module, request))


def run(module: AnsibleModule, request: SettingsRequest) -> Dict[str, Any]:
    """Write the settings of ``request``, and return what changed."""
    params = module.params
    durations = read_durations(params)
    file = OverrideFile(params["bwdata"], params["file"])
    with server_lock(params["bwdata"], durations["lock_timeout"]):
        open_journal(params["bwdata"], module.warn, module.check_mode)
        plan = file.plan(request)
        if plan.difference:
            file.require_writable(plan)
        try:
            backup_file = None if module.check_mode else file.write(plan, params["backup"], params["backup_count"])
        except Terminated as signal:
            signal.keys["changed"] = bool(plan.difference) and file.holds(plan.after)
            raise
    result: Dict[str, Any] = {
        "changed": bool(plan.difference),
        "changes": plan.difference.summary(),
        "path": file.path,
        "warnings": plan.desired.warnings,
    }
    if backup_file is not None:
        result["backup_file"] = backup_file
    if module._diff:
        result["diff"] = plan.difference.diff(file.path)
    return result


if __name__ == "__main__":
    main()
