# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``backup_info`` returns: the sets, Bitwarden's nightly backup, and jobs that update the server."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any, Callable, Dict, List, Mapping, Optional

from .._common.dates import format_date
from .._common.errors import EXPECTED, message_of
from .._common.setting_names import INSTALLATION_ID, VAULT_URL
from .._database.connection_string import SERVICE
from .._database.inspection import configured, engine_version, running_server
from .._deployment.deployment import Deployment
from .._deployment.drift import Stack
from .._deployment.facts import Reading
from .._settings.types import guid_text
from .compatibility import Here, obstacles
from .cron_jobs import self_updating_jobs
from .nightly import inspect_nightly
from .reading import damage
from .sets import BackupSet, find_sets, missing

_TIMEOUT = 60.0


def backup_facts(
    open_deployment: Callable[[], Deployment], dest: str, now: datetime, read_whole: bool = False
) -> Dict[str, Any]:
    """Return everything that ``backup_info`` returns; ``read_whole``: with the hashes of all files compared.

    Raises ``FactsError``, with the facts that can be read, where others cannot.
    """
    reading = Reading()
    read = reading.read
    deployment = read(open_deployment)
    stack = read(deployment.inspect) if deployment else None
    here = _here(deployment, stack) if deployment and stack else Here()
    broken: Dict[str, str] = {}
    sets = read(lambda: find_sets(os.path.realpath(dest), broken))
    described = None if sets is None else [_described(one, here, now, read_whole) for one in sets]
    facts = {
        "sets": described,
        "newest_verified": _newest(described or [], here),
        "broken": [{"path": path, "problem": reason} for path, reason in broken.items()],
        "nightly": read(lambda: _nightly(deployment, stack, now)) if deployment and stack else None,
        "update_jobs": [one._asdict() for one in self_updating_jobs()],
    }
    return reading.complete(facts)


def _here(deployment: Deployment, stack: Stack) -> Here:
    engine = None
    try:
        if configured(deployment, stack).is_built_in:
            engine = engine_version(running_server(deployment, stack, _TIMEOUT))
    except EXPECTED:
        # It is not running: then its version is not known, and does not stand against a set.
        engine = None
    return Here(guid_text(stack.setting(INSTALLATION_ID)), stack.setting(VAULT_URL), stack.version(), engine)


def _described(backup: BackupSet, here: Here, now: datetime, read_whole: bool) -> Dict[str, Any]:
    manifest = backup.manifest
    try:
        problems = damage(backup) if read_whole else missing(backup)
    except EXPECTED as error:
        problems = [message_of(error)]
    against = obstacles(manifest, here)
    return {
        "path": backup.path,
        "created": format_date(manifest.created),
        "age": int((now - manifest.created).total_seconds()),
        "size": backup.size,
        "format": "tar" if backup.is_archive else "directory",
        "encryption": backup.encryption,
        "verified": manifest.is_verified and not problems,
        "problems": problems,
        "restorable": not problems and not against,
        "obstacles": [*problems, *against],
        "manifest": manifest.report(),
    }


def _newest(sets: List[Dict[str, Any]], here: Here) -> Optional[Mapping[str, Any]]:
    """Return the newest verified set of this server."""
    for one in sets:
        if one["verified"] and here.installation_id in (None, one["manifest"]["installation_id"]):
            return {key: one[key] for key in ("path", "created", "age", "size")}
    return None


def _nightly(deployment: Deployment, stack: Stack, now: datetime) -> Optional[Dict[str, Any]]:
    """Return what is seen of the nightly backup; None for an external database, which has none."""
    database = configured(deployment, stack)
    if not database.is_built_in:
        return None
    environment = stack.services[SERVICE].environment
    return inspect_nightly(deployment.bwdata, database, environment, now.timestamp()).report(now.timestamp())
