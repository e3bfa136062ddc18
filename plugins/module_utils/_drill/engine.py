# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the Docker engine has of a drill, found by the name of its Compose project, and its removal."""

from __future__ import annotations

import json
from typing import Any, Dict, List, NamedTuple, Tuple
from urllib.parse import quote, urlencode

from .._docker.client import EngineClient
from .._docker.containers import PROJECT, checked

_QUICK = 30.0
_SLOW = 120.0


class Found(NamedTuple):
    """Of a drill: its containers as the engine lists them, its networks, the names of its volumes."""

    containers: Tuple[Dict[str, Any], ...]
    networks: Tuple[Dict[str, Any], ...]
    volumes: Tuple[str, ...]

    def __bool__(self) -> bool:
        return any(self[:])

    def open_ways(self) -> List[str]:
        """Return what of it is not cut off from everything else, in words."""
        internal = {one["Name"] for one in self.networks if one.get("Internal")}
        found = [f"the network {one['Name']} is not internal" for one in self.networks if not one.get("Internal")]
        for one in self.containers:
            name = (one.get("Names") or [one["Id"][:12]])[0].lstrip("/")
            used = set((one.get("NetworkSettings") or {}).get("Networks") or ())
            found += [f"{name} is in the network {network}" for network in sorted(used - internal)]
            found += [
                f"{name} publishes port {port['PublicPort']}"
                for port in one.get("Ports") or ()
                if port.get("PublicPort")
            ]
        return found


def find(client: EngineClient, project: str) -> Found:
    """Return what there is of a project. Raises ``EngineError``."""
    query = urlencode({"filters": json.dumps({"label": [f"{PROJECT}={project}"]})})

    def listed(path: str) -> Any:
        return checked(client.request("GET", path, _QUICK)).body or []

    return Found(
        tuple(listed(f"/containers/json?all=true&{query}")),
        tuple(listed(f"/networks?{query}")),
        tuple(one["Name"] for one in (listed(f"/volumes?{query}") or {}).get("Volumes") or ()),
    )


def remove(client: EngineClient, found: Found) -> None:
    """Remove it: containers with the volumes that only they have, then networks and volumes. Raises ``EngineError``."""
    paths = [f"/containers/{one['Id']}?force=true&v=true" for one in found.containers]
    paths += [f"/networks/{one['Id']}" for one in found.networks]
    paths += [f"/volumes/{quote(one, safe='')}" for one in found.volumes]
    for path in paths:
        response = client.request("DELETE", path, _SLOW)
        if response.status != 404:
            checked(response)
