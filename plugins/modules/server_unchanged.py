#!/usr/bin/python
# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module server_unchanged: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: server_unchanged
short_description: Check whether the module server has nothing to do
version_added: 0.2.0
description:
  - Checks on the host whether M(selfhosted.bitwarden.server) has nothing to do.
  - That module runs it first. It is not meant for use in playbooks.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
notes:
  - It is small, so that a run that changes nothing costs little. Wherever it is not certain, RV(unchanged) is false,
    and M(selfhosted.bitwarden.server) itself runs on the host.
options:
  bwdata:
    description:
      - See O(selfhosted.bitwarden.server#module:bwdata).
    type: path
    required: true
  script:
    description:
      - See O(selfhosted.bitwarden.server#module:script).
    type: path
  file:
    description: Name of the settings file.
    type: str
    required: true
  settings:
    description:
      - The value of each setting as text, or null if it is to be absent.
    type: dict
    default: {}
  secret_settings:
    description:
      - The same for secret settings.
    type: dict
    default: {}
  region:
    description:
      - See O(selfhosted.bitwarden.server#module:region).
    type: str
  pull:
    description:
      - See O(selfhosted.bitwarden.server#module:pull).
    type: bool
    required: true
  wait:
    description:
      - See O(selfhosted.bitwarden.server#module:wait).
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
  description:
    - Whether M(selfhosted.bitwarden.server) has nothing to do. If so, its other return values are here, too.
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
