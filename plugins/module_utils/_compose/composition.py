# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Compose makes of the project: services, their environment, and what they share with the rest of the host."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Set, Tuple

from .._common.errors import BitwardenError

# Compose doubles "$" in its output; releases before 2.17 did not always.
_SINGLE_DOLLAR = re.compile(r"(?<!\$)\$(?:\$\$)*(?!\$)")


class ComposeError(BitwardenError):
    """Compose is missing, too old or refuses the project. ``details`` is its own text: mask before showing."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


class Port(NamedTuple):
    """A port of the host; ``address`` is empty where it is one of all addresses."""

    address: str
    number: int
    protocol: str

    def __str__(self) -> str:
        return f"{self.address + ':' if self.address else ''}{self.number}/{self.protocol}"


class Resource(NamedTuple):
    """A network or volume that a service uses: ``key`` in the Compose file, ``name`` in the engine.

    ``subnets`` are those that the file gives a network.
    """

    key: str
    name: str
    external: bool
    subnets: Tuple[str, ...] = ()


class Service(NamedTuple):
    """A service as Compose would create it now. ``reads_file``: the planned env file is one of its sources.

    ``builds``: Compose can build its image, from the folder (or address) ``context``.
    """

    name: str
    image: str
    environment: Dict[str, str]
    reads_file: bool = False
    container_name: str = ""
    ports: Tuple[Port, ...] = ()
    builds: bool = False
    context: str = ""


class Composition(NamedTuple):
    """The project as Compose would create it now: its ``name``, and its ``services`` by name.

    ``idle`` are the services that are in the file but are to have no container. ``networks`` and ``volumes`` are those
    that the services use, ``files`` what they use of the host and Compose does not make, ``containers`` those that are
    not in the project and whose network or volumes they use.
    """

    name: str
    services: Dict[str, Service]
    idle: FrozenSet[str]
    networks: Tuple[Resource, ...]
    volumes: Tuple[Resource, ...]
    files: Tuple[str, ...] = ()
    containers: Tuple[str, ...] = ()


class EnvSource(NamedTuple):
    """An env file of a service. ``raw``: its values are taken as they are written."""

    path: str
    raw: bool


class Sources(NamedTuple):
    """Where a service's environment comes from: its env files in order, and the names that the Compose files set."""

    files: Tuple[EnvSource, ...]
    own: FrozenSet[str]


def parse_config(text: str, usual_name: str = "") -> Composition:
    """Parse the output of ``compose config --format json``. Raises ``ComposeError`` for any other text.

    ``usual_name`` is the project's name where the text has none, as that of the first releases.
    """
    try:
        data: Dict[str, Any] = json.loads(text)
        described: Dict[str, Dict[str, Any]] = data["services"]
    except (ValueError, KeyError, TypeError):
        raise ComposeError("The output of compose config cannot be read.") from None
    active = {name: service for name, service in described.items() if _replicas(service) > 0}
    given = {name: _given(service.get("environment")) for name, service in active.items()}
    doubled = not any(_SINGLE_DOLLAR.search(value) for variables in given.values() for value in variables.values())
    if doubled:
        given = {
            service: {name: value.replace("$$", "$") for name, value in variables.items()}
            for service, variables in given.items()
        }
    project = str(data.get("name") or usual_name)
    services = {name: _service(project, name, service, given[name]) for name, service in active.items()}
    networks = {key for service in active.values() for key in service.get("networks") or ()}
    volumes = {
        str(mount.get("source"))
        for service in active.values()
        for mount in service.get("volumes") or ()
        if isinstance(mount, dict) and mount.get("type") == "volume"
    }
    return Composition(
        project,
        services,
        frozenset(described) - frozenset(active),
        _resources(data.get("networks"), networks),
        _resources(data.get("volumes"), volumes),
        tuple(sorted({*_files(data, active, "secrets"), *_files(data, active, "configs"), *_mounted(active)})),
        tuple(sorted({name for service in active.values() for name in _containers(service)})),
    )


def parse_model(text: str) -> Optional[Dict[str, Sources]]:
    """Parse the output of ``compose config --no-interpolate --format json``; None where it names no env files.

    Releases before 2.26 put the variables of the env files there instead. ``$NAME`` is still in the paths.
    """
    try:
        services: Dict[str, Dict[str, Any]] = json.loads(text)["services"]
        sources = {name: _sources(service) for name, service in services.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return sources if any(one.files for one in sources.values()) else None


def _sources(service: Dict[str, Any]) -> Sources:
    listed = service.get("env_file") or []
    entries = [listed] if isinstance(listed, (str, dict)) else listed
    files = [
        EnvSource(one, False) if isinstance(one, str) else EnvSource(str(one["path"]), one.get("format") == "raw")
        for one in entries
    ]
    own = service.get("environment") or {}
    return Sources(tuple(files), frozenset(str(entry).partition("=")[0] for entry in own))


def _service(project: str, name: str, described: Dict[str, Any], environment: Dict[str, str]) -> Service:
    return Service(
        name,
        described.get("image") or "",
        environment,
        container_name=described.get("container_name") or f"{project}-{name}-1",
        ports=tuple(_ports(described.get("ports"))),
        builds=bool(described.get("build")),
        context=str((described.get("build") or {}).get("context") or ""),
    )


def _ports(listed: Optional[List[Any]]) -> List[Port]:
    """Return the ports that are published under a fixed number."""
    found = []
    for port in listed or []:
        number = str(port.get("published") or "") if isinstance(port, dict) else ""
        if number.isdecimal() and number != "0":
            found.append(Port(str(port.get("host_ip") or ""), int(number), str(port.get("protocol") or "tcp")))
    return found


def _resources(listed: Optional[Mapping[str, Any]], used: Set[str]) -> Tuple[Resource, ...]:
    found = []
    for key, described in (listed or {}).items():
        if key in used:
            data = described or {}
            external = data.get("external")
            name = (external.get("name") if isinstance(external, dict) else None) or data.get("name") or key
            pools = (data.get("ipam") or {}).get("config") or ()
            subnets = tuple(str(pool["subnet"]) for pool in pools if pool.get("subnet"))
            found.append(Resource(key, str(name), bool(external), subnets))
    return tuple(found)


def _files(data: Dict[str, Any], services: Dict[str, Dict[str, Any]], kind: str) -> List[str]:
    """Return the files behind the secrets or configs that the services use."""
    used = [str(one.get("source")) for service in services.values() for one in service.get(kind) or ()]
    described = data.get(kind) or {}
    return [str(described[key]["file"]) for key in used if (described.get(key) or {}).get("file")]


def _mounted(services: Dict[str, Dict[str, Any]]) -> List[str]:
    """Return the devices of the services, and the files and folders that Compose does not create for them."""
    mounts = [
        mount for service in services.values() for mount in service.get("volumes") or () if isinstance(mount, dict)
    ]
    bound = [(str(one.get("source")), one.get("bind") or {}) for one in mounts if one.get("type") == "bind"]
    # Releases before 2.40 print only true, later ones only false.
    prints_true = any(options.get("create_host_path") for _path, options in bound)
    missing = [path for path, options in bound if options.get("create_host_path", not prints_true) is False]
    devices = [one for service in services.values() for one in service.get("devices") or () if isinstance(one, dict)]
    return missing + [str(one["source"]) for one in devices if str(one.get("source")).startswith("/dev/")]


def _containers(service: Dict[str, Any]) -> List[str]:
    shared = [service.get(key) for key in ("network_mode", "ipc", "pid")] + list(service.get("volumes_from") or ())
    named = [str(one).split(":")[1] for one in shared if str(one).startswith("container:")]
    return named + [str(one).partition(":")[0] for one in service.get("external_links") or ()]


def _given(environment: Optional[Dict[str, Optional[str]]]) -> Dict[str, str]:
    """Return the variables with a value; one without is passed on from the shell, where it is not set."""
    return {name: str(value) for name, value in (environment or {}).items() if value is not None}


def _replicas(service: Dict[str, Any]) -> int:
    """Return how many containers the service is to have: 0 is how an override turns a service off."""
    replicas = (service.get("deploy") or {}).get("replicas", service.get("scale"))
    return 1 if replicas is None else int(replicas)
