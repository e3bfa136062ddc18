# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the engine has beside the deployment: every container, networks, volumes, images."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Tuple
from urllib.parse import quote

from .._compose.composition import Port
from .client import EngineClient
from .containers import ONE_OFF, PROJECT, SERVICE, WORKING_DIR, checked

_NETWORK = "com.docker.compose.network"

_QUICK = 30.0


class ListedContainer(NamedTuple):
    """Any container on the host, as the engine lists it; ``ports`` are those that it holds now.

    ``state`` is the engine's word, ``networks`` are those that it is attached to, by name.
    ``project``, ``service`` and ``folder`` are Compose's, empty for a container that Compose did not make; ``one_off``
    is one of ``docker compose run``, which only the first releases of Compose 2 touch.
    """

    id: str
    name: str
    project: str
    service: str
    folder: str
    ports: Tuple[Port, ...]
    state: str
    networks: Tuple[str, ...]
    one_off: bool = False

    @classmethod
    def from_list(cls, data: Dict[str, Any]) -> ListedContainer:
        """Read one entry of the engine's list."""
        labels = data.get("Labels") or {}
        names = [name[1:] for name in data.get("Names") or () if name.count("/") == 1]
        ports = [
            Port("" if port.get("IP") in (None, "", "0.0.0.0", "::") else port["IP"], port["PublicPort"], port["Type"])
            for port in data.get("Ports") or ()
            if port.get("PublicPort")
        ]
        return cls(
            data["Id"],
            names[0] if names else data["Id"][:12],
            labels.get(PROJECT, ""),
            labels.get(SERVICE, ""),
            labels.get(WORKING_DIR, ""),
            tuple(sorted(set(ports))),
            data.get("State") or "",
            tuple((data.get("NetworkSettings") or {}).get("Networks") or ()),
            labels.get(ONE_OFF) == "True",
        )


class Network(NamedTuple):
    """A network that exists; ``key`` is its name in the Compose file that it was made from, empty without one."""

    key: str
    subnets: Tuple[str, ...]

    @classmethod
    def from_list(cls, data: Dict[str, Any]) -> Network:
        """Read one entry of the engine's list."""
        pools = (data.get("IPAM") or {}).get("Config") or ()
        subnets = tuple(pool["Subnet"] for pool in pools if pool.get("Subnet"))
        return cls((data.get("Labels") or {}).get(_NETWORK, ""), subnets)


class EngineInventory:
    """Everything that the engine behind ``client`` has. All of its methods raise ``EngineError``."""

    def __init__(self, client: EngineClient) -> None:
        self.client = client

    def all_containers(self) -> List[ListedContainer]:
        """Return every container on the host, stopped ones too."""
        listed = checked(self.client.request("GET", "/containers/json?all=true", _QUICK)).body or []
        return [ListedContainer.from_list(one) for one in listed]

    def networks(self) -> Dict[str, Network]:
        """Return every network by name."""
        listed = checked(self.client.request("GET", "/networks", _QUICK)).body or []
        return {one["Name"]: Network.from_list(one) for one in listed}

    def has_volume(self, name: str) -> bool:
        """Tell whether a volume exists."""
        return self._exists(f"/volumes/{quote(name, safe='')}")

    def has_image(self, reference: str) -> bool:
        """Tell whether an image is local."""
        return self._exists(f"/images/{quote(reference, safe=':/@')}/json")

    def _exists(self, path: str) -> bool:
        response = self.client.request("GET", path, _QUICK)
        return response.status != 404 and bool(checked(response))
