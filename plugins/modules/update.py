#!/usr/bin/python
# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module update: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: update
short_description: Update a self-hosted Bitwarden server, with rollback
version_added: 0.2.0
author:
  - selfhosted.bitwarden contributors (@selfhosted)
description:
  - Updates a standard deployment (C(bitwarden.sh), Docker Compose) to another release, and verifies that the new
    version works.
  - Makes a verified backup first, and rolls back to the old version and database if the new version does not work.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.host
  - selfhosted.bitwarden.host
  - selfhosted.bitwarden.host.unreachable
attributes:
  check_mode:
    support: full
    details:
      - Downloads and checks the scripts in memory, and asks registries for images. After an interrupted update it can
        only tell that this one is settled first.
  diff_mode:
    support: full
    details:
      - Shows versions, the database engine, scripts, images and the backup.
  idempotent:
    support: full
options:
  script:
    description:
      - Path of C(bitwarden.sh).
      - The default is C(bitwarden.sh) in the folder that contains O(bwdata).
    type: path
  version:
    description:
      - The release, such as V(2026.8.0), not older than the installed one.
      - V(latest) is the release that Bitwarden offers for download, or that of the scripts in the folder O(source).
    type: str
    default: latest
  source:
    description:
      - Where C(bitwarden.sh) and C(run.sh) of the release come from, V(download) or the path of a folder with both.
      - The folder is on the controller, or on the host with O(remote_src=true). Together with O(pull=false) nothing is
        downloaded, for air-gapped hosts.
    type: str
    default: download
  remote_src:
    description:
      - Whether the folder O(source) is on the host.
    type: bool
    default: false
  pull:
    description:
      - Whether to pull images that are not local, before the server is stopped.
      - With V(false) all images of the release must be local (C(docker load)).
    type: bool
    default: true
  try_database:
    description:
      - Whether to start the new C(mssql) image beside the old one first, with an empty database in a temporary folder,
        and migrate that. This shows that the image works on the host, and which migrations the release has.
      - It requires the memory of a second SQL Server for that time. Without it, a migration that fails silently is
        noticed only in the logs.
    type: bool
    default: true
  self_updating_jobs:
    description:
      - What to do about jobs of the host that update the server by themselves, such as C(/etc/cron.weekly) of
        marketplace images.
      - V(fail) fails before an update, V(warn) only warns.
    type: str
    choices:
      - fail
      - warn
    default: fail
  backup_dest:
    description:
      - Folder on the host for the backup before the update, as O(selfhosted.bitwarden.backup#module:dest). The default
        requires root.
    type: path
    default: /var/backups/bitwarden
  backup_max_age:
    description:
      - How old an unencrypted, verified backup of the installed version in O(backup_dest) may be, as V(<n>[s|m|h|d|w]).
        Without one that is new enough, a backup is made.
      - A rollback uses a dump that is made while the services are stopped, so nothing is lost with an older backup.
    type: str
    default: 0s
  rollback:
    description:
      - Whether to go back to the old version and its database if the new version is not verified.
      - What users have written to the new version is then lost, from its start to the end of the verification.
    type: bool
    default: true
  pull_timeout:
    description:
      - How long the pull of one image may take, as V(<n>[s|m|h|d|w]).
    type: str
    default: 30m
  database_timeout:
    description:
      - How long each statement to the database, and its migration, may take, as V(<n>[s|m|h|d|w]).
    type: str
    default: 2h
  wait_timeout:
    description:
      - How long each other step may take, the wait for healthy services included, as V(<n>[s|m|h|d|w]).
    type: str
    default: 600s
  lock_timeout:
    description:
      - How long to wait while another run works on the same server, as V(<n>[s|m|h|d|w]).
    type: str
    default: 15m
notes:
  - Everything possible is done while the old version is running. The scripts are checked, the new setup tool generates
    its files in a separate folder, images are pulled, the new database server is tried with an empty database, and a
    verified backup is made.
  - During the downtime the services are stopped, the database writes a dump, files and scripts are replaced, the
    database is migrated, and the new version is started. Nothing is pulled then.
  - The update is verified by the containers, the table of migrations, row counts, licenses, settings, the identity
    certificate, the answer of the api, and the logs. Exit statuses of Bitwarden's tools do not count.
  - An update that was interrupted, for instance by a reboot, is found by the next run. That run completes the update if
    the new version was already being started, and otherwise rolls it back.
  - The images of the old version are kept. No image is removed.
  - Servers with an external database are not supported, since the module cannot roll back such a database.
  - Run it as root or as the owner of O(bwdata).
seealso:
  - module: selfhosted.bitwarden.backup
  - module: selfhosted.bitwarden.restore
  - module: selfhosted.bitwarden.server
  - module: selfhosted.bitwarden.server_info
"""

EXAMPLES = r"""
- name: Update the server to the latest release
  selfhosted.bitwarden.update:
  become: true
  register: bitwarden_update

- name: Show how long the server was down
  ansible.builtin.debug:
    msg: "{{ bitwarden_update.after.core }} since a downtime of {{ bitwarden_update.downtime | round }} seconds"
  when: bitwarden_update is changed

- name: Show what updating to an exact release would do
  selfhosted.bitwarden.update:
    version: 2026.8.0
    backup_max_age: 12h
  become: true
  check_mode: true
  diff: true

- name: Update to an exact release, one host at a time, with a backup that is at most 12 hours old
  selfhosted.bitwarden.update:
    version: 2026.8.0
    backup_max_age: 12h
  become: true
  throttle: 1

- name: Update an air-gapped host whose images are loaded
  selfhosted.bitwarden.update:
    source: "{{ bitwarden_release_folder }}"
    pull: false
  become: true
  when: bitwarden_release_folder is defined
"""

RETURN = r"""
before:
  description: The installed versions, by part.
  returned: when the update was planned
  type: dict
  sample: {core: 2026.7.0, web: 2026.7.0}
after:
  description: The versions of the release, by part.
  returned: when the update was planned
  type: dict
  sample: {core: 2026.8.0, web: 2026.8.0}
engine:
  description: Major version of SQL Server before and after (15 is 2019, 16 is 2022, 17 is 2025).
  returned: when the update was planned
  type: dict
  sample: {before: 16, after: 17}
images:
  description: The images that were pulled, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: ["ghcr.io/bitwarden/api:2026.8.0"]
backup:
  description: Path of the backup from before the update.
  returned: always
  type: str
  sample: /var/backups/bitwarden/bitwarden-b4d6f8a0-20261126T213716Z
downtime:
  description: Seconds from the stop of the services until they were healthy again.
  returned: always
  type: float
  sample: 41.5
proof:
  description:
    - The checks after the update.
  returned: always
  type: list
  elements: dict
  sample:
    - check: migrations
      ok: true
      detail: all 312 of the release, newest 2026-08-04_00_Users.sql
  contains:
    check:
      description: What was checked.
      type: str
      returned: always
    ok:
      description:
        - Whether the check passed. Null where nothing on the host can tell.
      type: bool
      returned: always
    detail:
      description: What was seen.
      type: str
      returned: always
services:
  description: The services after the run, as M(selfhosted.bitwarden.server) returns them.
  returned: when they were started
  type: list
  elements: dict
rolled_back:
  description:
    - Whether the server was rolled back to the old version and its database.
  returned: always
  type: bool
  sample: false
kept:
  description:
    - Folders with files of SQL Server that were moved aside for a rollback.
  returned: always
  type: list
  elements: str
  sample: []
"""

import os
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import (
    EXPECTED,
    Terminated,
    message_of,
    result_of,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.masking import mask_text
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.deployment import Deployment
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.journal import (
    Journal,
    require_no_restore,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.lock import server_lock
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._host_module import run_host_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore.server import Server
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import HOST_MODULES, read_durations
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._update.cut_off import CutOff
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._update.journal import UpdateJournal
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._update.plan import UpdateError, plan_update
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._update.request import UpdateRequest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._update.run import Tools, Update

# What a result has where the run did not get so far.
NOTHING: Dict[str, Any] = {
    "images": [], "backup": None, "downtime": 0.0, "proof": [], "rolled_back": False, "kept": [],
}  # fmt: skip


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=HOST_MODULES["update"], supports_check_mode=True)
    run_host_module(module, run, NOTHING)


def run(module: AnsibleModule) -> Dict[str, Any]:
    """Update the server, and return the result."""
    params = module.params
    durations = read_durations(params)
    request = request_from(params, durations)
    deployment = Deployment(params["bwdata"], params["script"], os.environ, request.wait_timeout)
    with server_lock(params["bwdata"], durations["lock_timeout"]) as lock:
        # Should this run be killed, what it started goes on; the next run waits for it.
        deployment.commands.inherited = (lock,)
        require_no_restore(deployment.bwdata)
        if Journal(deployment.bwdata).unproven:
            raise UpdateError("The server's settings are not proven yet. Run module server first, which settles that.")
        journal = UpdateJournal(deployment.bwdata)
        server = Server(
            deployment.bwdata, params["script"], os.environ, request.wait_timeout, request.database_timeout, False, lock
        )
        settled: Dict[str, Any] = {}
        if journal.warning():
            module.warn(journal.warning())
            if module.check_mode:
                return {**NOTHING, "changed": True}
            settled = settle(journal, server, deployment)
        elif not module.check_mode:
            CutOff(journal, server, str).clean_up(deployment)
        return update(module, deployment, request, Tools(journal, server), settled)


def settle(journal: UpdateJournal, server: Server, deployment: Deployment) -> Dict[str, Any]:
    """Complete or take back an update that was cut off; return what was done."""
    cut_off = CutOff(journal, server, lambda text: mask_text(text, deployment.secrets()))
    try:
        cut_off.clean_up(deployment)
        cut_off.settle()
    except Terminated as signal:
        signal.keys = cut_off.found
        raise
    return cut_off.found


def update(
    module: AnsibleModule, deployment: Deployment, request: UpdateRequest, tools: Tools, settled: Dict[str, Any]
) -> Dict[str, Any]:
    """Plan and carry out the update; return the result."""
    try:
        planned = plan_update(deployment, request, os.environ)
    except EXPECTED as error:
        raise UpdateError(message_of(error), {**settled, **result_of(error)}) from error
    for warning in planned.warnings:
        module.warn(planned.mask(warning))
    shown = {**NOTHING, **planned.result(), **({"diff": planned.diff()} if module._diff and planned.changed else {})}
    if not planned.changed or module.check_mode:
        return {**shown, **settled, "changed": planned.changed or bool(settled)}
    carried_out = Update(planned, tools)
    begun = {**shown, "changed": bool(settled), "images": []}
    try:
        done = carried_out.run() if planned.step.is_needed else carried_out.replace_scripts()
    except (Terminated, UpdateError) as error:
        error.keys = {**begun, **error.keys, "changed": bool(settled) or error.keys["changed"]}
        raise
    finally:
        for warning in carried_out.warnings:
            module.warn(planned.mask(warning))
    return {**begun, **done}


def request_from(params: Dict[str, Any], durations: Dict[str, float]) -> UpdateRequest:
    """Return what the options ask for."""
    options = {**params, **durations}
    return UpdateRequest(**{name: options[name] for name in UpdateRequest._fields})


if __name__ == "__main__":
    main()
