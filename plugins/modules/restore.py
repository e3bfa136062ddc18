#!/usr/bin/python
# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module restore: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore
short_description: Restore a self-hosted Bitwarden server from a backup set
version_added: 0.2.0
author:
  - selfhosted.bitwarden contributors (@selfhosted)
description:
  - Replaces database and files of a server with those of a set of M(selfhosted.bitwarden.backup), starts the server,
    and verifies the result.
  - Makes a safety backup first, and rolls back a restore that fails.
options:
  script:
    description:
      - Path of C(bitwarden.sh).
      - The default is C(bitwarden.sh) in the folder that contains O(bwdata).
    type: path
  set:
    description:
      - The backup set on the host, a folder or an archive with its manifest beside it.
      - Either O(set) or O(src) is required, except with O(state=absent).
      - There is no default such as the newest set, since nobody should restore a set that was not chosen.
    type: path
  src:
    description:
      - The backup set on the controller, a folder or an archive with its manifest beside it.
      - It is copied to the host, and removed there afterwards.
    type: path
  confirm:
    description:
      - The installation id of the set. The restore begins only if they are equal.
      - Required unless O(isolated=true), as a drill replaces nothing.
    type: str
  isolated:
    description:
      - Whether to restore as a drill, and verify that in the same way. A server on the host keeps running and is not
        touched. O(bwdata) is the drill's own folder, which does not exist before or is empty.
      - The drill stays until O(state=absent) removes it. Another run with the same set changes nothing while the drill
        is verified and running. Any other drill in O(bwdata) is removed first.
      - O(rollback) removes a failed drill. Apart from the set, only O(identity), O(client_id), O(client_secret),
        O(pull) and the timeouts apply as well.
    type: bool
    default: false
  state:
    description:
      - V(absent) removes the drill in O(bwdata), with its containers, network, volumes and folder. It requires
        O(isolated=true).
      - A folder without a drill is refused.
    type: str
    choices: [present, absent]
    default: present
  identity:
    description:
      - Path on the host of what decrypts the set. For C(age) it is the identity file, for C(gpg) the folder with the
        keys (C(--homedir)), by default that of the user.
    type: path
  client_id:
    description:
      - Client id of an API key of a user (C(user.<id>)) or an organization (C(organization.<id>)) of the server, for a
        login as verification. It requires O(client_secret).
      - A user's key verifies more, since the server has to decrypt the user's key.
    type: str
  client_secret:
    description:
      - The secret of O(client_id).
    type: str
  allow_other_installation:
    description:
      - Whether the set may be of another installation than this server. The server then becomes the installation of the
        set, with its id, key and licenses.
    type: bool
    default: false
  allow_other_url:
    description:
      - Whether the set may be of a server with another URL. This server then has the URL of the set. Clients, passkeys
        and single sign-on of its present URL stop working.
    type: bool
    default: false
  allow_other_version:
    description:
      - Whether the server may get the version of the set, older or newer, with its scripts, generated files and images.
        What was written since the backup is lost, as with every restore.
      - By default an older set is migrated to the installed version, and a newer one is refused.
      - It has no effect on a new host, which always gets the version of the set.
    type: bool
    default: false
  owner:
    description:
      - On a new host, the user who owns the server, a member of the group C(docker) and not root. The containers run as
        this user.
      - The default is the owner of O(bwdata), or of the folder that is to contain it, or C(bitwarden) where that is
        root.
    type: str
  safety_backup:
    description:
      - Whether to make a verified backup set of what is on the host first. None is made where there is no data yet.
      - It requires a server that is running and complete. With V(false), for a server that is too damaged, the old data
        cannot come back once the database is replaced.
    type: bool
    default: true
  safety_dest:
    description:
      - Folder on the host for the set of O(safety_backup), outside O(bwdata).
    type: path
    default: /var/backups/bitwarden
  rollback:
    description:
      - When the restore fails or cannot be verified, put back the old files and database, start the server, and fail.
      - Until the database is replaced, a rollback requires only the old files. After that it requires the safety
        backup.
      - If nothing is rolled back, the old files are kept and named in RV(kept).
    type: bool
    default: true
  pull:
    description:
      - Whether C(bitwarden.sh) stops and starts the server, which pulls the images of the installed version. With
        V(false) Docker Compose does, with local images.
      - Images of the set's version are pulled before the server is stopped. Their availability is checked first.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long each step may take, as V(<n>[s|m|h|d|w]). A step is a call of C(bitwarden.sh) or Docker Compose, or the
        wait for healthy services.
    type: str
    default: 600s
  database_timeout:
    description:
      - How long each statement to the database may take, the restore included, as V(<n>[s|m|h|d|w]).
    type: str
    default: 2h
  lock_timeout:
    description:
      - How long to wait while another run works on the same server, as V(<n>[s|m|h|d|w]).
    type: str
    default: 15m
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.host
  - selfhosted.bitwarden.host
  - selfhosted.bitwarden.host.unreachable
attributes:
  check_mode:
    support: full
    details:
      - Reads and checks the whole set. With O(src) it is copied to the host for this, and removed.
  diff_mode:
    support: full
    details:
      - Shows number and size of the files of each part before and after, no content.
  idempotent:
    support: none
    details:
      - Every run restores. O(confirm) protects against an unintended one. Only a drill (O(isolated)) that is verified
        and running is unchanged.
notes:
  - Everything that can be known is checked before anything is touched, also in check mode, and all problems are
    reported at once. The checks cover each file against the manifest, what missing parts would lose, the versions of
    Bitwarden and SQL Server, installation, URL, key ring and free space.
  - Folders are replaced by renaming within the file system. What the set lacks stays as it is on the host. So do
    C(env/uid.env), the scripts, and keys of the key ring from after the backup.
  - On a new host, where O(bwdata) does not exist or is empty, only Docker is required. Scripts, images and all files
    come from the set, and C(env/uid.env) is written for the new host (see O(owner)). A failed restore leaves only
    pulled images behind there.
  - An interrupted run leaves a journal in O(bwdata). The next run puts the old files back and starts again, with the
    safety backup of the first run. Until then M(selfhosted.bitwarden.server) refuses to work on the server.
  - A server can be damaged or stopped, as long as Docker works. See O(safety_backup).
  - The containers of a drill (O(isolated)) have the versions and settings of the set, their own names, and only an
    internal network. No port is published. Cloud communication, push relay, mail and nightly backups are off.
  - A drill leaves out mounts from outside O(bwdata), and services and options of C(docker-compose.override.yml) that
    could lead outside, with a warning.
  - If O(allow_other_version) brings another SQL Server, SQL Server starts with an empty folder. Its old files are moved
    aside below C(mssql) and kept (see RV(kept)). Other databases and logins are only in them.
  - The first login with the key of a user in O(client_id) registers a device, and the server mails the user about it.
  - The set holds every key of the server. Keep it as secret as the server.
  - An external database is not restored. Sets without a database are refused.
  - Do not run two servers with one installation id.
  - A drill requires as much memory as a server, and has a new SQL Server. Its images stay on the host.
  - O(bwdata) must have space for the files of the set and twice its database.
seealso:
  - module: selfhosted.bitwarden.backup
  - module: selfhosted.bitwarden.backup_info
  - module: selfhosted.bitwarden.server
  - module: selfhosted.bitwarden.server_info
"""

EXAMPLES = r"""
- name: Gather facts about the backup sets on the host
  selfhosted.bitwarden.backup_info:
  become: true
  register: bitwarden_backups

- name: Show what restoring the newest set would do
  selfhosted.bitwarden.restore:
    set: "{{ bitwarden_set.path }}"
    confirm: "{{ bitwarden_set.manifest.installation_id }}"
  vars:
    bitwarden_set: "{{ bitwarden_backups.sets | selectattr('restorable') | first }}"
  check_mode: true
  diff: true
  become: true
  when: bitwarden_backups.sets | selectattr('restorable') | length > 0

- name: Restore a set, with a backup of what is on the host first
  selfhosted.bitwarden.restore:
    set: /var/backups/bitwarden/bitwarden-b4d6f8a0-20261126T213716Z
    confirm: b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b
  become: true
  when: bitwarden_disaster | default(false)

- name: Restore a server that is too damaged for a backup
  selfhosted.bitwarden.restore:
    set: /var/backups/bitwarden/bitwarden-b4d6f8a0-20261126T213716Z
    confirm: b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b
    safety_backup: false
  become: true
  when: bitwarden_disaster | default(false)

- name: Restore on a new host, which only has Docker and the user that is to own the server
  selfhosted.bitwarden.restore:
    src: bitwarden-b4d6f8a0-20261126T213716Z
    confirm: b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b
    owner: bitwarden
  become: true
  when: bitwarden_disaster | default(false)

- name: Go back to the version and database from before an update
  selfhosted.bitwarden.restore:
    set: /var/backups/bitwarden/bitwarden-b4d6f8a0-20261126T213716Z
    confirm: b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b
    allow_other_version: true
  become: true
  when: bitwarden_disaster | default(false)

- name: Rehearse a restore beside the server, on an internal network
  selfhosted.bitwarden.restore:
    set: "{{ (bitwarden_backups.sets | first).path }}"
    isolated: true
    bwdata: /var/lib/bitwarden-drill
  become: true
  register: bitwarden_drill
  when: bitwarden_rehearsal | default(false)

- name: Remove the drill
  selfhosted.bitwarden.restore:
    isolated: true
    state: absent
    bwdata: /var/lib/bitwarden-drill
  become: true

- name: Restore an encrypted archive that is on the controller
  selfhosted.bitwarden.restore:
    src: bitwarden-b4d6f8a0-20261126T213716Z.tar.gz.age
    identity: /root/bitwarden-backup.key
    confirm: b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b
  become: true
  when: bitwarden_disaster | default(false)
"""

RETURN = r"""
set:
  description: Path of the set that was restored, on the host.
  returned: when the set could be read
  type: str
  sample: /var/backups/bitwarden/bitwarden-b4d6f8a0-20261126T213716Z
created:
  description: When the set was made.
  returned: when the set could be read
  type: str
  sample: "2026-11-26T21:37:16Z"
installation_id:
  description: The installation id of the set.
  returned: when the set could be read
  type: str
  sample: b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b
url:
  description: The URL of the server in the set.
  returned: when the set could be read
  type: str
  sample: https://vault.example.com
versions:
  description: The versions of the server in the set, and the major version of its SQL Server (C(engine)).
  returned: when the set could be read
  type: dict
  sample:
    core: 2026.8.0
    web: 2026.7.1
    key_connector: null
    engine: 17
new_host:
  description: Whether there was no server on this host before.
  returned: when the set could be read
  type: bool
  sample: false
parts:
  description: What is replaced below O(bwdata), and C(bitwarden.sh) where it is replaced, beside the database.
  returned: when the set could be read
  type: list
  elements: dict
  sample:
    - name: core
      before:
        files: 12
        size: 34567
      after:
        files: 14
        size: 40123
  contains:
    name:
      description: The folder or file.
      type: str
      returned: always
    before:
      description: How many files there are on the host before the restore (C(files)), and their C(size) in bytes.
      type: dict
      returned: always
    after:
      description: The same of the set.
      type: dict
      returned: always
project:
  description: The name of the drill's Compose project, which its containers begin with.
  returned: with O(isolated), when the set could be read
  type: str
  sample: bitwarden-drill-1f0c5a3e9b7d
duration:
  description:
    - Seconds from the first change to the last check of a drill. Null where the drill was not verified, and in check
      mode.
  returned: with O(isolated), when the set could be read
  type: int
  sample: 214
safety_backup:
  description:
    - Path of the backup set of what was on the host before. Null where none was made.
  returned: always
  type: str
  sample: /var/backups/bitwarden/bitwarden-b4d6f8a0-20261127T080000Z
proof:
  description:
    - The checks after the restore. Empty in check mode and where the run did not get that far.
  returned: always
  type: list
  elements: dict
  sample:
    - check: row counts
      ok: true
      detail: Cipher 2310, Migration 482, Organization 3, User 57
  contains:
    check:
      description: What was checked.
      type: str
      returned: always
    ok:
      description:
        - Whether the server is as backed up. Null where nothing on the host can tell.
      type: bool
      returned: always
    detail:
      description: What was seen.
      type: str
      returned: always
rolled_back:
  description:
    - Whether the previous state was put back because the restore failed or could not be verified. On a new host the
      previous state is an empty folder.
  returned: always
  type: bool
  sample: false
kept:
  description:
    - Paths of old files that were kept beside the new ones, and of a backup set of what was served since an interrupted
      restore. Remove them once they are no longer needed.
  returned: always
  type: list
  elements: str
  sample: []
services:
  description: The services after the run, as M(selfhosted.bitwarden.server) returns them; empty in check mode.
  returned: always
  type: list
  elements: dict
  sample:
    - name: api
      state: running
      health: healthy
      image: ghcr.io/bitwarden/api:2026.8.0
"""

import contextlib
import functools
import os
from typing import IO, Any, Callable, ContextManager, Dict, Optional, Tuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.make import back_up
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.sets import BackupSet
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import Terminated
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.journal import (
    FOLDERS_MADE,
    require_no_update,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.lock import server_lock
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._drill.entry import drill
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._drill.mark import require_no_drill
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._drill.options import require_options
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._host_module import run_host_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install.made_folders import (
    data_folder,
    removed_if_empty,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore.guards import RestoreRequest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore.journal import RestoreJournal
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore.login import ApiKey
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore.new_host import Target, open_target
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore.plan import (
    RestorePlan,
    plan_restore,
    safety_request,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore.reading import decrypted
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore.run import (
    Restore,
    RestoreError,
    Tools,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore.server import Server
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import HOST_MODULES, read_durations

# What a failed result has where the run did not get so far.
FAILURE: Dict[str, Any] = {"rolled_back": False, "safety_backup": None, "proof": [], "kept": [], "services": []}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=HOST_MODULES["restore"], supports_check_mode=True)
    run_host_module(module, run, FAILURE)


def run(module: AnsibleModule) -> Dict[str, Any]:
    """Restore the set, and return the result."""
    params = module.params
    durations = read_durations(params)
    require_options(params)
    if params["isolated"]:
        result = drill(params, durations, os.environ, module.check_mode, module.warn)
        return result if module._diff else {key: value for key, value in result.items() if key != "diff"}
    require_no_drill(params["bwdata"])
    request = request_from(params, durations)
    with contextlib.ExitStack() as held:
        lock = -1
        if os.path.isdir(params["bwdata"]):
            lock = held.enter_context(server_lock(params["bwdata"], durations["lock_timeout"]))
        planned, target, journal = _plan(module, request, lock)
        if lock >= 0 and not module.check_mode:
            held.enter_context(removed_if_empty(target.bwdata))
        elif not module.check_mode:
            lock = held.enter_context(data_folder(target.bwdata, target.account, durations["lock_timeout"]))
            if set(os.listdir(target.bwdata)) - {FOLDERS_MADE}:
                raise RestoreError(f"Another run has begun with {target.bwdata} meanwhile. Nothing was changed.")
        for warning in planned.warnings:
            module.warn(planned.mask(warning))
        shown = {**planned.result(), **({"diff": planned.diff()} if module._diff else {})}
        if module.check_mode:
            return shown
        server = Server(
            target.bwdata,
            params["script"],
            os.environ,
            request.wait_timeout,
            request.database_timeout,
            request.pull,
            lock,
        )
        tools = Tools(
            journal,
            server,
            _opened(request, target),
            lambda: back_up(server.deployment(), safety_request(request)).path,
            planned.mask,
        )
        restore = Restore(planned.source, planned.here, request, planned.course, tools)
        try:
            return {**shown, **restore.run()}
        except (Terminated, RestoreError) as error:
            error.keys = {**shown, **error.keys}
            raise


def _plan(module: AnsibleModule, request: RestoreRequest, lock: int) -> Tuple[RestorePlan, Target, RestoreJournal]:
    """Plan it for the server in bwdata, or for a host without one."""
    params = module.params
    bwdata = os.path.abspath(params["bwdata"])
    require_no_update(bwdata)
    journal = RestoreJournal(bwdata)
    target = open_target(bwdata, params["script"], os.environ, request.owner, request.wait_timeout, journal)
    if lock >= 0:
        # Should this run be killed, bitwarden.sh goes on; the next run waits for it.
        target.commands.inherited = (lock,)
    if journal.warning():
        module.warn(journal.warning())
    return plan_restore(target, request, _opened(request, target), journal), target, journal


def _opened(request: RestoreRequest, target: Target) -> Callable[[BackupSet], ContextManager[Optional[IO[bytes]]]]:
    return functools.partial(decrypted, identity=request.identity, find=target.commands.find)


def request_from(params: Dict[str, Any], durations: Dict[str, float]) -> RestoreRequest:
    """Return what the options ask for."""
    return RestoreRequest(
        os.path.abspath(params["set"]),
        params["confirm"],
        params["allow_other_installation"],
        params["allow_other_url"],
        params["safety_backup"],
        params["safety_dest"],
        params["rollback"],
        params["pull"],
        durations["wait_timeout"],
        durations["database_timeout"],
        params["identity"],
        ApiKey.given(params),
        params["allow_other_version"],
        params["owner"],
    )


if __name__ == "__main__":
    main()
