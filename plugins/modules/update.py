#!/usr/bin/python
# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module update: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: update
short_description: Update a self-hosted Bitwarden server, with a way back
version_added: 0.2.0
author:
  - selfhosted.bitwarden contributors (@selfhosted)
description:
  - Updates a standard deployment (C(bitwarden.sh), Docker Compose) to another release, and goes back to the old version
    and its database where the new one is not proven to work.
  - Does all that it can while the old version is serving. It checks the scripts, has the new setup tool generate its
    files aside, pulls the images, tries the new database server with an empty database, and makes a verified backup.
  - Then it stops the services, has the database write a dump, replaces files and scripts, migrates the database, and
    starts the new version. Nothing is pulled in this time.
  - Proves the update by the containers, the table of migrations, row counts, licenses, settings, the identity
    certificate, the answer of the api and the logs. Exit statuses of Bitwarden's tools prove nothing.
  - Finds an update that was cut off, by a reboot for instance. It completes it where the new version was being started,
    and takes it back otherwise.
  - Keeps the images of the old version, and removes none.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.host
  - selfhosted.bitwarden.host
  - selfhosted.bitwarden.host.unreachable
attributes:
  check_mode:
    support: full
    details:
      - Downloads and checks the scripts in memory, and asks registries for images. Only a cut-off update keeps it from
        telling more than that this is settled first.
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
      - The release, such as V(2026.8.0). With V(latest) it is the one whose scripts Bitwarden offers for download, or
        that of the scripts in O(source).
      - An older release than the installed one is refused.
    type: str
    default: latest
  source:
    description:
      - Where C(bitwarden.sh) and C(run.sh) of the release come from, V(download) or the path of a folder with both.
      - The folder is on the controller, or on the host with O(remote_src=true). Together with O(pull=false) nothing is
        fetched from a network, as on air-gapped hosts.
    type: str
    default: download
  remote_src:
    description:
      - Whether the folder in O(source) is on the host.
    type: bool
    default: false
  pull:
    description:
      - Whether images that are not local are pulled, before the server is stopped.
      - With V(false) all images of the release have to be local (C(docker load)).
    type: bool
    default: true
  try_database:
    description:
      - Whether the new C(mssql) image is started beside the old one, with an empty database in a throw-away folder, and
        that is migrated. It shows that the image works on this host and passes its health check, and which migrations
        the release has.
      - It needs the memory of a second SQL Server for that time. Without it a migration that failed silently is only
        noticed in the logs.
    type: bool
    default: true
  self_updating_jobs:
    description:
      - What to do about jobs of the host that update the server by themselves, such as the one of marketplace images in
        C(/etc/cron.weekly). V(fail) fails before an update, V(warn) only warns.
    type: str
    choices:
      - fail
      - warn
    default: fail
  backup_dest:
    description:
      - Folder on the host for the backup before the update, as O(selfhosted.bitwarden.backup#module:dest).
    type: path
    default: /var/backups/bitwarden
  backup_max_age:
    description:
      - A verified backup of the installed version in O(backup_dest) that is newer than this counts, as
        C(<n>[s|m|h|d|w]). Otherwise one is made. Encrypted ones do not count.
      - The way back uses a dump that is made when the services are stopped, so nothing is lost with an older backup.
    type: str
    default: 0s
  rollback:
    description:
      - Whether to go back to the old version and its database where the new one is not proven.
      - What users have written to the new version in the meantime is then lost. That is the time of its start and its
        proof.
    type: bool
    default: true
  pull_timeout:
    description:
      - How long the pull of one image may take, as C(<n>[s|m|h|d|w]).
    type: str
    default: 30m
  database_timeout:
    description:
      - How long each statement to the database, and its migration, may take.
    type: str
    default: 2h
  wait_timeout:
    description:
      - How long each other step may take, the wait for healthy services included.
    type: str
    default: 600s
  lock_timeout:
    description:
      - How long to wait for another run that works on the same server.
    type: str
    default: 15m
notes:
  - Not for servers with an external database, which cannot be brought back from here.
  - Run it as root or as the owner of O(bwdata). The default of O(backup_dest) needs root.
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

- name: Update to an exact release, with a backup of today
  selfhosted.bitwarden.update:
    version: 2026.8.0
    backup_max_age: 12h
  become: true

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
  description: What was checked.
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
      description: Whether it is as it should be; null where nothing on the host can tell.
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
  description: Whether the server went back to the old version and its database.
  returned: always
  type: bool
  sample: false
kept:
  description: Folders with files of SQL Server that were moved aside for the way back.
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
