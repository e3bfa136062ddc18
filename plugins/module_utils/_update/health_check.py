# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A health check of the database that the user's Compose files set: whether the new image can pass it at all.

In the downtime it would be waited for in vain, which no health check of the image itself tells before.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .._database.connection_string import SERVICE
from .._deployment.deployment import Deployment
from .._docker.containers import Container, checked, health_check_of
from .._docker.engine import Engine
from .._docker.host import EngineError
from .._docker.running import running_container

_TIMEOUT = 30.0
# A shell's: the command cannot be run; there is none of this name.
_NOT_RUN = (126, 127)
_ABSOLUTE = re.compile(r"(?<![\w./~$}-])/[\w.-]+(?:/[\w.-]+)+")
_EXISTING = 'for path in "$@"; do if [ -e "$path" ]; then echo "$path"; fi; done'


def own_health_check(services: Mapping[str, Dict[str, Any]]) -> Optional[Tuple[str, ...]]:
    """Return the command of the check that a project, its services as Compose describes them, sets for its database."""
    test = ((services.get(SERVICE) or {}).get("healthcheck") or {}).get("test") or []
    return health_check_of([one.replace("$$", "$") for one in test]) if isinstance(test, list) else None


def why_it_fails(deployment: Deployment, trial: Container, check: Sequence[str]) -> str:
    """Return why ``check`` cannot succeed in the image of ``trial``, empty where that is not certain.

    It may fail for what only the server has, like its network. So it counts where the command is not there, or a file
    that it names is in the image that is running, and not in the new one. Raises ``EngineError``.
    """
    engine, old = deployment.engine, running_container(deployment.containers(), SERVICE)
    executed = engine.execute(trial.id, check, _TIMEOUT)
    if executed.rc in (None, 0) or old is None:
        return ""
    named = sorted({path for part in check for path in _ABSOLUTE.findall(part)})
    mounts = _mounted(engine, old)
    if any(_is_below(path, mounted) for path in named for mounted in mounts):
        return ""
    there = _existing(engine, trial, named)
    missing = [one for one in _existing(engine, old, named) if one not in there]
    if not missing and executed.rc not in _NOT_RUN:
        return ""
    lacks = f", and the image lacks {', '.join(missing)}, which the one that is running has" if missing else ""
    return f"cannot pass the health check that the Compose files set for {SERVICE}: status {executed.rc}{lacks}"


def _mounted(engine: Engine, container: Container) -> List[str]:
    described = checked(engine.client.request("GET", f"/containers/{container.id}/json", _TIMEOUT)).body
    return [str(one.get("Destination")) for one in described.get("Mounts") or ()]


def _is_below(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder.rstrip('/')}/")


def _existing(engine: Engine, container: Container, paths: Sequence[str]) -> List[str]:
    if not paths:
        return []
    executed = engine.execute(container.id, ["sh", "-c", _EXISTING, "sh", *paths], _TIMEOUT)
    if executed.rc != 0:
        raise EngineError(f"The files of {container.image} cannot be looked at: {executed.output.strip()}.")
    return executed.output.split()
