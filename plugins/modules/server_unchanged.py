#!/usr/bin/python
# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module server_unchanged: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: server_unchanged
short_description: Tell whether module server has nothing to do
version_added: 0.2.0
description:
  - Is the first step of M(selfhosted.bitwarden.server), which runs it by itself. It is not meant for use in playbooks.
  - It is small, so that a run that changes nothing costs little. It says no wherever it is not sure; then
    M(selfhosted.bitwarden.server) itself runs on the host.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  bwdata:
    description: As of M(selfhosted.bitwarden.server).
    type: path
    required: true
  script:
    description: As of M(selfhosted.bitwarden.server).
    type: path
  file:
    description: Name of the settings file.
    type: str
    required: true
  settings:
    description: The text of each setting, null where it is to be absent.
    type: dict
    default: {}
  secret_settings:
    description: The same, of secret settings.
    type: dict
    default: {}
  region:
    description: As of M(selfhosted.bitwarden.server).
    type: str
  pull:
    description: As of M(selfhosted.bitwarden.server).
    type: bool
    required: true
  wait:
    description: As of M(selfhosted.bitwarden.server).
    type: bool
    required: true
  timeout:
    description: How many seconds a command on the host may take.
    type: float
    required: true
author:
  - selfhosted.bitwarden contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Run module server, of which server_unchanged is a step
  selfhosted.bitwarden.server:
    cloud_communication: true
"""

RETURN = r"""
unchanged:
  description: Whether M(selfhosted.bitwarden.server) has nothing to do. If so, all that it returns is here, too.
  returned: always
  type: bool
  sample: true
"""

import os
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.unchanged import Desired, unchanged
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._host_module import run_host_module

OPTIONS: Dict[str, Dict[str, Any]] = {
    "bwdata": {"type": "path", "required": True},
    "script": {"type": "path"},
    "file": {"type": "str", "required": True},
    "settings": {"type": "dict", "default": {}},
    "secret_settings": {"type": "dict", "default": {}, "no_log": True},
    "region": {"type": "str"},
    "pull": {"type": "bool", "required": True},
    "wait": {"type": "bool", "required": True},
    "timeout": {"type": "float", "required": True},
}


def main() -> None:
    """Run the module."""
    run_host_module(AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True), run)


def run(module: AnsibleModule) -> Dict[str, Any]:
    """Return the result of module server where that has nothing to do."""
    params = module.params
    desired = Desired(
        bwdata=params["bwdata"],
        file=params["file"],
        values={**params["settings"], **params["secret_settings"]},
        region=params["region"],
        script=params["script"],
        pull=params["pull"],
        # A prediction says nothing of health.
        healthy=params["wait"] and not module.check_mode,
        timeout=params["timeout"],
    )
    result = unchanged(desired, os.environ)
    if result is None:
        return {"unchanged": False}
    return {**result, "unchanged": True, "preflight": None, "config": None, "certificate": None}


if __name__ == "__main__":
    main()
