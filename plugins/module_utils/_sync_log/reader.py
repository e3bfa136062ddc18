# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Failed syncs of a deployment: its api container's log, read, filtered and masked."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any, Dict, List, Optional

from .._common.dates import format_date, parse_date
from .._common.masking import mask_text
from .._deployment.deployment import Deployment
from .._deployment.facts import license_folder
from .parser import LICENSE, Failure, find_failures

# At production's log level a day has few lines; this bounds what a chatty one costs.
_MOST_LINES = 50000


def sync_failures(
    deployment: Deployment, seconds: float, organization: Optional[str] = None, kind: Optional[str] = None
) -> Dict[str, Any]:
    """Return everything that ``sync_log_info`` returns, looking back ``seconds``.

    Raises ``DeploymentError``, ``EngineError``, ``EnvFileError``.
    """
    containers = [container for container in deployment.containers() if container.service == "api"]
    if not containers:
        return {"failures": [], "log_since": None, "state": "unknown"}
    container = containers[-1]
    since = max(container.created, time.time() - seconds)
    text = deployment.engine.log(container, since, _MOST_LINES)
    first = parse_date(text.split(" ", 1)[0]) if text.count("\n") + 1 >= _MOST_LINES else None
    secrets = deployment.secrets()
    names = {one.name: one.organization_id for one in license_folder(deployment).all() if one.name}
    failures = []
    for failure in select(find_failures(text), names, organization, kind):
        failures.append(failure._replace(message=mask_text(failure.message, secrets))._asdict())
    return {
        "failures": failures,
        "log_since": format_date(first or datetime.fromtimestamp(since, timezone.utc)),
        "state": "failed" if failures else "unknown",
    }


def select(
    failures: List[Failure], ids_by_name: Dict[str, str], organization: Optional[str], kind: Optional[str]
) -> List[Failure]:
    """Give sponsorship failures the organization's id where it is known, and keep what was asked for."""
    named = []
    for one in failures:
        identifier = ids_by_name.get(one.organization or "") if one.kind != LICENSE else None
        named.append(one._replace(organization=identifier) if identifier else one)
    known = set(ids_by_name.values())
    wanted = (organization or "").lower()

    def asked_for(one: Failure) -> bool:
        if kind and one.kind != kind:
            return False
        unnamed = one.organization is None or (one.kind != LICENSE and one.organization not in known)
        return not wanted or unnamed or (one.organization or "").lower() == wanted

    return [one for one in named if asked_for(one)]
