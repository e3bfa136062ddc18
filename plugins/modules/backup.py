#!/usr/bin/python
# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module backup: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup
short_description: Back up a self-hosted Bitwarden server as a verified set
version_added: 0.2.0
author:
  - selfhosted.bitwarden contributors (@selfhosted)
description:
  - Backs up database, keys, certificates and settings of a self-hosted Bitwarden server.
  - Writes a verified set as a folder or archive.
  - B(A set holds every key of the server.) Keep it as safe as the server.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.host
  - selfhosted.bitwarden.host
  - selfhosted.bitwarden.host.unreachable
attributes:
  check_mode:
    support: full
    details:
      - The name of a new set is its time, so that RV(path) and RV(manifest) are null there.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - Without O(max_age) every run makes a set.
options:
  script:
    description:
      - Path of C(bitwarden.sh), which is kept in the set.
      - The default is C(bitwarden.sh) in the folder that contains O(bwdata).
    type: path
  dest:
    description:
      - Folder on the host for the sets, an absolute path. It is created with the mode V(0700) where it does not exist.
      - It must not be inside O(bwdata), as the server changes the owner of the files there at every start.
    type: path
    default: /var/backups/bitwarden
  max_age:
    description:
      - Make no set if one exists that is newer than this, as V(<n>[s|m|h|d|w]).
      - That set must be complete, verified at least as O(verify) requires, and of this installation, its versions and
        its database. With O(format=tar) it must be an archive, encrypted or not as O(encrypt) says.
    type: str
    default: 0s
  keep:
    description:
      - How many of the newest sets of this installation to keep. Others are removed after the new set is complete.
      - With O(keep_days) as well, a set is removed only if neither keeps it. Without either, none is removed.
      - The newest verified set is never removed, and neither is anything that is not a set of this installation.
    type: int
  keep_days:
    description:
      - Keep the sets of this installation that are at most this number of days old. See O(keep).
    type: int
  database:
    description:
      - V(built_in) backs up the database in the service C(mssql). This is the default where the server uses it.
      - V(none) leaves the database out, with a warning. An external database is always left out. Its administrator has
        to back it up, as no server can be restored without it.
    type: str
    choices:
      - built_in
      - none
  consistent:
    description:
      - V(online) copies while the server is running. A file that is deleted meanwhile may be missing. A file that is
        added meanwhile may be in the set without its row, which does no harm.
      - V(stopped) stops the services that write, copies, and starts them again, also after a failure. The set is exact.
        If the run itself is killed, the next run starts the services.
    type: str
    choices:
      - online
      - stopped
    default: online
  verify:
    description:
      - V(checksum) has SQL Server verify the checksums of the backup, compares its header and the key ring, then reads
        the set back and compares every hash.
      - V(restore) also restores the backup as a second database, runs C(DBCC CHECKDB), counts the rows and drops it. It
        takes longer, and requires space for that database. Without a database it is the same as V(checksum).
      - V(none) checks only the key ring. Such a set does not count for O(max_age), nor as the newest verified one.
    type: str
    choices:
      - checksum
      - restore
      - none
    default: checksum
  format:
    description:
      - V(directory) makes a folder, for tools that deduplicate (restic, borg).
      - V(tar) makes a C(.tar.gz), compressed as it is written, with its manifest beside it.
    type: str
    choices:
      - directory
      - tar
    default: directory
  encrypt:
    description:
      - Encrypt the archive as it is written. Nothing unencrypted is written below O(dest). Requires O(format=tar).
      - The encrypted archive is not decrypted for verification, since the private key does not belong on the server.
    type: dict
    suboptions:
      recipients:
        description:
          - Who can decrypt the archive. For C(age) these are public keys (C(age1…), C(ssh-ed25519 …)), for C(gpg)
            fingerprints of keys in the keyring of the task's user.
        type: list
        elements: str
        required: true
      program:
        description:
          - The program on the host that encrypts. The default is C(age), or C(gpg) where C(age) is not installed.
        type: str
        choices:
          - age
          - gpg
  fetch_dest:
    description:
      - Folder on the controller to fetch the set to, into a subfolder named after the host. Both are created with the
        mode V(0700). Requires O(format=tar).
      - A relative path starts at the playbook, or at the inventory where the playbook belongs to a collection.
      - O(keep) and O(keep_days) apply to that folder, too, by the same rules.
      - Without O(encrypt) the controller then has every key of the server in a file that this user can read.
    type: path
  database_timeout:
    description:
      - How long each statement to the database may take (backup, verification, test restore), as V(<n>[s|m|h|d|w]).
    type: str
    default: 2h
  wait_timeout:
    description:
      - With O(consistent=stopped), how long each of these may take, as V(<n>[s|m|h|d|w]). Stopping, starting, and the
        wait for healthy services.
    type: str
    default: 600s
  lock_timeout:
    description:
      - How long to wait while another run works on the same server, as V(<n>[s|m|h|d|w]).
    type: str
    default: 15m
notes:
  - Anyone who can read a set can read everything that the server can read.
  - A set has a backup of the built-in database, all files of O(bwdata) that a restore needs, C(bitwarden.sh), and a
    manifest with versions, hashes, row counts and key ids. Logs and the database's own files are left out.
  - The backup of the database (C(COPY_ONLY, CHECKSUM)) does not affect the chain of Bitwarden's nightly backups. The
    files are copied after it, so that every row of the backup has its files.
  - Options, permissions, free space, recipients, database and key ring are checked before anything is changed, also in
    check mode. All problems are reported at once.
  - A set gets its name only once it is complete and verified as O(verify) requires. The module fails where the key ring
    lacks a key that protects data in the database.
  - Fetching to O(fetch_dest) sends only what the controller lacks, by its SHA-256. The received archive is compared
    with its manifest before it gets its name, and is never held in memory as a whole.
seealso:
  - module: selfhosted.bitwarden.backup_info
  - module: selfhosted.bitwarden.server
"""

EXAMPLES = r"""
- name: Back up the server unless there is a verified set from the last day
  selfhosted.bitwarden.backup:
    max_age: 20h
    keep: 7
    keep_days: 30
  become: true
  register: bitwarden_backup

- name: Show the set
  ansible.builtin.debug:
    msg: "{{ bitwarden_backup.path }}, verified by {{ bitwarden_backup.manifest.verified.how }}"
  when: not ansible_check_mode

- name: Prove once a week that the database can be restored
  selfhosted.bitwarden.backup:
    max_age: 6d
    verify: restore
  become: true

- name: Make an exact archive, with the server stopped for the copy
  selfhosted.bitwarden.backup:
    format: tar
    consistent: stopped
  become: true

- name: Fetch an encrypted archive to the controller, and keep the last seven on both
  selfhosted.bitwarden.backup:
    format: tar
    encrypt:
      recipients: "{{ bitwarden_backup_recipients }}"
    keep: 7
    fetch_dest: ~/bitwarden-sets
  become: true
  when: bitwarden_backup_recipients is defined
"""

RETURN = r"""
path:
  description: Path of the new set, or of the one that is new enough. Null in check mode where a set would be made.
  returned: always
  type: str
  sample: /var/backups/bitwarden/bitwarden-b4d6f8a0-20261126T213716Z
manifest:
  description: The manifest of that set, without its list of files. Null in check mode where a set would be made.
  returned: always
  type: dict
  sample:
    format: 1
    created: "2026-11-26T21:37:16Z"
    installation_id: b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b
    url: https://vault.example.com
    versions:
      core: 2026.8.0
      web: 2026.8.0
      key_connector: null
      engine: 17
    database:
      name: vault
      kind: built_in
      file: database/vault.bak
      counts:
        User: 12
        Organization: 1
        Cipher: 1403
        Migration: 412
      counts_before:
        User: 12
        Organization: 1
        Cipher: 1403
        Migration: 412
      newest_migration: Bit.Migrator.DbScripts.2026-08-01_00_Example.sql
      protected_key_ids:
        - 0f3c7e21-9a4b-4c5d-8e6f-7a8b9c0d1e2f
    key_ids:
      - 0f3c7e21-9a4b-4c5d-8e6f-7a8b9c0d1e2f
    owner:
      uid: 1000
      gid: 1000
    organizations:
      - id: 7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003
        license: true
    verified:
      how: checksum
      at: "2026-11-26T21:38:02Z"
    archive: null
    file_count: 214
    size: 73400320
  contains:
    format:
      description:
        - Version of the set's format.
      type: int
      returned: always
    created:
      description:
        - When the set was made.
      type: str
      returned: always
    installation_id:
      description:
        - The installation id of the server.
      type: str
      returned: always
    url:
      description: The URL of the server.
      type: str
      returned: always
    versions:
      description: Versions of Bitwarden, and the major version of SQL Server (15 is 2019, 16 is 2022, 17 is 2025).
      type: dict
      returned: always
    database:
      description:
        - The database, with the number of rows just before and just after its backup.
        - Its kind is V(built_in), V(external), or V(none) where it was left out.
      type: dict
      returned: always
    key_ids:
      description:
        - The keys in the set that protect data in the database.
      type: list
      elements: str
      returned: always
    owner:
      description: User and group of the files on the server.
      type: dict
      returned: always
    organizations:
      description: The enabled organizations, and whether the set has a license of each.
      type: list
      elements: dict
      returned: always
    verified:
      description:
        - How and when the set was verified.
      type: dict
      returned: always
    archive:
      description: Size and SHA-256 of the archive, null for a folder.
      type: dict
      returned: always
    file_count:
      description:
        - The number of files in the set.
      type: int
      returned: always
    size:
      description: The size of these files in bytes, before they are compressed.
      type: int
      returned: always
installation_id:
  description: The installation id of the server.
  returned: success
  type: str
  sample: b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b
made:
  description: Whether this run made a set, or in check mode would make one.
  returned: always
  type: bool
  sample: true
removed:
  description: Paths of the sets that were removed, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample:
    - /var/backups/bitwarden/bitwarden-b4d6f8a0-20261019T010000Z
fetch:
  description: What was done for O(fetch_dest), null where it was not given, and where the set could not be fetched.
  returned: when O(fetch_dest) is given
  type: dict
  sample:
    path: /srv/bitwarden-sets/bw1/bitwarden-b4d6f8a0-20261126T213716Z.tar.gz.age
    fetched: true
    removed: []
  contains:
    path:
      description: Path of the set on the controller. Null in check mode where a set would be made.
      type: str
      returned: always
    fetched:
      description:
        - Whether the set was fetched, or would be in check mode. False where the controller has it already.
      type: bool
      returned: always
    removed:
      description: Paths of the sets that were removed on the controller, or would be in check mode.
      type: list
      elements: str
      returned: always
downtime:
  description:
    - How many seconds the services that write were stopped, so that nobody could log in. Null where they were not
      stopped.
  returned: always
  type: float
  sample: 14.2
"""

import os
from datetime import datetime, timezone
from typing import Any, Dict, Optional, Sequence, Tuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.make import make, predict
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.plan import BackupRequest, plan
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.retention import Retention
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.deployment import Deployment
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.journal import (
    require_no_restore,
    require_no_update,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.lock import server_lock
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._host_module import run_host_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import HOST_MODULES, read_durations

# What a failed result has where the run did not get so far.
FAILURE: Dict[str, Any] = {"path": None, "manifest": None, "made": False, "removed": [], "downtime": None}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=HOST_MODULES["backup"], supports_check_mode=True)
    run_host_module(module, run, FAILURE)


def run(module: AnsibleModule) -> Dict[str, Any]:
    """Make a set unless there is one that is new enough, and return the result."""
    params = module.params
    durations = read_durations(params)
    encrypt: Optional[Dict[str, Any]] = params["encrypt"]
    recipients: Optional[Tuple[Optional[str], Sequence[str]]] = None
    if encrypt is not None:
        recipients = (encrypt["program"], encrypt["recipients"])
    request = BackupRequest(
        dest=params["dest"],
        max_age=durations["max_age"],
        retention=Retention(params["keep"], params["keep_days"]),
        database=params["database"],
        stopped=params["consistent"] == "stopped",
        verify=params["verify"],
        archive=params["format"] == "tar",
        encrypt=recipients,
        timeout=durations["database_timeout"],
        wait_timeout=durations["wait_timeout"],
    )
    deployment = Deployment(params["bwdata"], params["script"], os.environ, request.wait_timeout)
    with server_lock(params["bwdata"], durations["lock_timeout"]) as lock:
        deployment.commands.inherited = (lock,)
        require_no_restore(deployment.bwdata)
        require_no_update(deployment.bwdata)
        planned = plan(deployment, request, datetime.now(timezone.utc))
        outcome = predict(planned) if module.check_mode else make(planned)
    result = outcome.result()
    return {**result, "diff": outcome.diff()} if module._diff and result["changed"] else result


if __name__ == "__main__":
    main()
