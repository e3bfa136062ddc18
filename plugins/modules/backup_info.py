#!/usr/bin/python
# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module backup_info: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_info
short_description: Gather facts about the backups of a self-hosted Bitwarden server
version_added: 0.2.0
author:
  - selfhosted.bitwarden contributors (@selfhosted)
description:
  - Gathers facts about the backup sets of a self-hosted Bitwarden server, and about its nightly database backup.
  - Tells whether each set is complete, verified and restorable.
  - Changes nothing.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.host
  - selfhosted.bitwarden.attributes.info_module
  - selfhosted.bitwarden.host
options:
  dest:
    description:
      - Folder on the host with the sets, an absolute path. A folder that does not exist has none.
    type: path
    default: /var/backups/bitwarden
  verify:
    description:
      - Whether to read every set in full and compare all hashes. Otherwise only sizes are compared.
    type: bool
    default: false
notes:
  - Bitwarden's own nightly backup reports no failure itself. RV(nightly) tells whether it works.
  - Where something cannot be read, the task fails with the reason, and its result has the other facts.
seealso:
  - module: selfhosted.bitwarden.backup
"""

EXAMPLES = r"""
- name: Gather facts about the backups
  selfhosted.bitwarden.backup_info:
  become: true
  register: bitwarden_backups

- name: Show the age of the newest verified set in hours
  ansible.builtin.debug:
    msg: "{{ (bitwarden_backups.newest_verified.age / 3600) | round }}"
  when: bitwarden_backups.newest_verified is not none

- name: Show what is wrong with the nightly backup
  ansible.builtin.debug:
    var: bitwarden_backups.nightly.problems
  when: bitwarden_backups.nightly is not none

- name: Compare all hashes of all sets
  selfhosted.bitwarden.backup_info:
    verify: true
  become: true
"""

RETURN = r"""
sets:
  description: The sets, the newest first, of any installation.
  returned: when they can be read, else null
  type: list
  elements: dict
  sample:
    - path: /var/backups/bitwarden/bitwarden-b4d6f8a0-20261126T213716Z
      created: "2026-11-26T21:37:16Z"
      age: 7200
      size: 73400320
      format: directory
      encryption: null
      verified: true
      problems: []
      restorable: true
      obstacles: []
  contains:
    path:
      description: Path of the folder or archive.
      type: str
      returned: always
    created:
      description:
        - When the set was made.
      type: str
      returned: always
    age:
      description:
        - Its age in seconds.
      type: int
      returned: always
    size:
      description: Its size on the disk in bytes.
      type: int
      returned: always
    format:
      description: V(directory) or V(tar).
      type: str
      returned: always
    encryption:
      description: V(age) or V(gpg), null where it is not encrypted.
      type: str
      returned: always
    verified:
      description:
        - Whether the set was verified when it was made, and is complete now.
      type: bool
      returned: always
    problems:
      description:
        - What is missing or different now. Empty for a complete set.
      type: list
      elements: str
      returned: always
    restorable:
      description:
        - Whether the set can be restored on this server as it is.
      type: bool
      returned: always
    obstacles:
      description:
        - Why the set cannot be restored as it is, each with what a restore requires.
      type: list
      elements: str
      returned: always
    manifest:
      description:
        - The manifest of the set, as M(selfhosted.bitwarden.backup) returns it.
      type: dict
      returned: always
newest_verified:
  description: The newest verified set of this installation, null without one.
  returned: always
  type: dict
  sample:
    path: /var/backups/bitwarden/bitwarden-b4d6f8a0-20261126T213716Z
    created: "2026-11-26T21:37:16Z"
    age: 7200
    size: 73400320
broken:
  description:
    - What has the name of a set and is not a set, with the reason.
  returned: always
  type: list
  elements: dict
  sample: []
  contains:
    path:
      description: Its path.
      type: str
      returned: always
    problem:
      description: Why it is not a set.
      type: str
      returned: always
nightly:
  description: Bitwarden's own nightly backup of the built-in database. Null with an external one.
  returned: when it can be read, else null
  type: dict
  sample:
    healthy: false
    enabled: true
    database: vault
    path: /opt/bitwarden/bwdata/mssql/backups/vault_FULL_20261126_000000.BAK
    created: "2026-11-26T00:00:04Z"
    age: 77832
    size: 52428800
    confirmed: true
    problems:
      - The nightly backup is of vault, and the server uses bitwarden. Set DATABASE=bitwarden in
        env/mssql.override.env, and restart the server.
  contains:
    healthy:
      description:
        - Whether no problem was found.
      type: bool
      returned: always
    enabled:
      description:
        - Whether the nightly backup is enabled.
      type: bool
      returned: always
    database:
      description: The database that it backs up (C(DATABASE)), null where that is not set.
      type: str
      returned: always
    path:
      description:
        - Its newest file. Null without one.
      type: str
      returned: always
    created:
      description:
        - When that file was completed.
      type: str
      returned: always
    age:
      description:
        - The file's age in seconds.
      type: int
      returned: always
    size:
      description:
        - The file's size in bytes.
      type: int
      returned: always
    confirmed:
      description: Whether SQL Server's log says that this file was completed. Null where the log does not name it.
      type: bool
      returned: always
    problems:
      description: What is wrong with it.
      type: list
      elements: str
      returned: always
update_jobs:
  description: Jobs of cron and of systemd's timers that update the server by themselves.
  returned: always
  type: list
  elements: dict
  sample:
    - path: /etc/cron.weekly/bitwardenupdate
      line: 3
      command: updateself
  contains:
    path:
      description: The file.
      type: str
      returned: always
    line:
      description: The number of the line.
      type: int
      returned: always
    command:
      description: The command of C(bitwarden.sh) in it.
      type: str
      returned: always
"""

import os
from datetime import datetime, timezone
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.info import backup_facts
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.deployment import Deployment
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._host_module import run_host_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import HOST_MODULES, read_durations


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=HOST_MODULES["backup_info"], supports_check_mode=True)
    run_host_module(module, run)


def run(module: AnsibleModule) -> Dict[str, Any]:
    """Return the facts."""
    read_durations(module.params)
    params = module.params

    def deployment() -> Deployment:
        return Deployment(params["bwdata"], None, os.environ)

    return backup_facts(deployment, params["dest"], datetime.now(timezone.utc), params["verify"])


if __name__ == "__main__":
    main()
