# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What would stop Compose, or make it touch another project, found before anything is taken down."""

from __future__ import annotations

import os
from ipaddress import ip_network
from typing import Callable, Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Sequence

from .._common.problem import Problem
from .._compose.composition import Composition, Port, Service
from .._docker.containers import Container, is_folder
from .._docker.engine import is_gone
from .._docker.inventory import EngineInventory, ListedContainer

# bitwarden.sh renews certificates in a container of this name, after it has taken the server down.
_CERTBOT = "certbot"

_RUNNING = ("running", "paused")


class Host(NamedTuple):
    """The host of a deployment: its engine, and whether that runs on this machine.

    ``listening`` tells who listens on a port, empty where nobody does.
    """

    engine: EngineInventory
    is_here: bool
    listening: Callable[[Port], str]


class Conflicts(NamedTuple):
    """What is in the way: ``problems`` stop the run, ``warnings`` do not.

    ``blocked`` are the services that cannot be started, but do not decide over the run.
    """

    problems: List[Problem]
    warnings: List[Problem]
    blocked: FrozenSet[str]


class Scope(NamedTuple):
    """What belongs to the deployment: its Compose project's ``folder``, and everything else on the host.

    ``services`` are those of the composition that are to be started.
    """

    folder: str
    composition: Composition
    listed: List[ListedContainer]
    services: Mapping[str, Service]

    def is_own(self, container: ListedContainer) -> bool:
        """Tell whether Compose made the container from this folder under this project name, for a known service."""
        return self.is_under_name(container) and is_folder(container.folder, self.folder)

    def is_under_name(self, container: ListedContainer) -> bool:
        """Tell whether Compose takes the container for one of this project's, from whatever folder it comes."""
        composition = self.composition
        known = container.service in composition.services or container.service in composition.idle
        if container.one_off and is_folder(container.folder, self.folder):
            return False
        return container.project == composition.name and known

    def is_left_behind(self, container: ListedContainer) -> bool:
        """Tell whether Compose takes it for one of this project's, and it was made from a folder that is gone."""
        return self.is_under_name(container) and is_gone(container.folder)

    @property
    def others(self) -> List[ListedContainer]:
        """The containers that are not the deployment's."""
        return [container for container in self.listed if not self.is_own(container)]

    @property
    def in_the_way(self) -> List[ListedContainer]:
        """The other containers whose names and ports count: what was left behind is to be removed in any case."""
        return [container for container in self.others if not self.is_left_behind(container)]


def foreign(scope: Scope) -> List[Problem]:
    """Return a problem for each other folder whose containers Compose would replace or remove."""
    found: Dict[str, List[str]] = {}
    for container in scope.others:
        if scope.is_under_name(container):
            found.setdefault(container.folder or "an unknown folder", []).append(container.name)
    return [
        Problem(
            f"{scope.folder} and {folder} are one Compose project, {scope.composition.name}, with services of the same "
            f"name: Compose and bitwarden.sh would replace or remove {_list(names)}. {_way_out(scope, folder)}"
        )
        for folder, names in sorted(found.items())
    ]


def left_behind(scope: Scope) -> List[Problem]:
    """Return a problem for each folder that is gone and whose containers are those of this project to Compose."""
    return foreign(scope._replace(listed=[one for one in scope.listed if scope.is_left_behind(one)]))


def _way_out(scope: Scope, folder: str) -> str:
    if is_gone(folder):
        return (
            f"{folder} does not exist any more. If the server was moved from there, remove these containers "
            "(docker stop, then docker rm), and run again."
        )
    return (
        f"Set COMPOSE_PROJECT_NAME to another name in {scope.folder}/.env, or remove the containers of a server "
        "that is not in use any more (docker rm)."
    )


def obstacles(scope: Scope, host: Host, pull: bool, renews: bool) -> List[Problem]:
    """Return a problem for everything that would stop Compose from starting the services.

    ``pull``: missing images are fetched. ``renews``: bitwarden.sh renews certificates.
    """
    return [
        *service_obstacles(scope, host, pull, renews),
        *_networks(scope.composition, host.engine),
        *[
            Problem(
                f"The external volume {volume.name} does not exist. Create it (docker volume create {volume.name})."
            )
            for volume in scope.composition.volumes
            if volume.external and not host.engine.has_volume(volume.name)
        ],
        *[
            Problem(f"{path}, which a service uses, does not exist. Create it, or remove it from the Compose files.")
            for path in scope.composition.files
            if host.is_here and not os.path.exists(path)
        ],
        *[
            Problem(f"The container {name}, which a service uses, does not exist. Create it first.")
            for name in scope.composition.containers
            if name not in {one.name for one in scope.listed}
            and not any(one.id.startswith(name) for one in scope.listed)
        ],
    ]


def service_obstacles(scope: Scope, host: Host, pull: bool, renews: bool = False) -> List[Problem]:
    """Return a problem for everything that would stop one of the services from starting."""
    return [
        *_names(scope, renews),
        *_ports(scope, host),
        *[
            Problem(
                f"The folder {service.context}, from which Compose builds {service.name}, does not exist. Create it, "
                "or remove the service from the Compose files."
            )
            for service in scope.services.values()
            if host.is_here and is_gone(service.context) and not host.engine.has_image(_built_image(scope, service))
        ],
        *([] if pull else _images(scope.services, host.engine)),
    ]


def _built_image(scope: Scope, service: Service) -> str:
    return service.image or f"{scope.composition.name}-{service.name}"


def lost_networks(scope: Scope) -> List[Problem]:
    """Return a problem for each stopped container of others whose network goes when the server goes down."""
    networks = {network.name for network in scope.composition.networks if not network.external}
    # Docker keeps a network that a running container uses.
    networks -= {name for one in scope.others if one.state in _RUNNING for name in one.networks}
    problems = []
    for container in scope.others:
        lost = sorted(networks & set(container.networks))
        if lost and container.state not in _RUNNING:
            of = f" of {container.folder}" if container.folder else ""
            used = f"The stopped container {container.name}{of} uses {', '.join(lost)}"
            removed = f"{used}, a network of this server, which is removed meanwhile."
            problems.append(Problem(f"{removed} Recreate the container before you start it."))
    return problems


def other_name(containers: Sequence[Container], scope: Scope) -> Problem:
    """Return the problem of containers of this folder that were created under another project name."""
    names = ", ".join(sorted({container.project for container in containers}))
    return Problem(
        f"The containers of {scope.folder} were created as Compose project {names}, and the project is now named "
        f"{scope.composition.name}. Set the name back (COMPOSE_PROJECT_NAME in {scope.folder}/.env), or stop the "
        "server (state=stopped), which removes them, then start it."
    )


def _names(scope: Scope, renews: bool) -> List[Problem]:
    project, services = scope.composition.name, scope.services.values()
    wanted = {_CERTBOT} if renews else set()
    wanted |= {service.container_name for service in services}
    by_project = {f"{project}-{service.name}-1" for service in services}
    found: Dict[str, List[str]] = {}
    for container in scope.in_the_way:
        # A name that another project name would change has been told already.
        if container.name in wanted and not (container.name in by_project and scope.is_under_name(container)):
            found.setdefault(_owner(container), []).append(container.name)
    return [
        Problem(
            f"Container names of {scope.folder} are taken by {owner}: {_list(names)}. Remove or rename them there "
            "(docker rm, docker rename), or set another container_name in docker-compose.override.yml."
        )
        for owner, names in sorted(found.items())
    ]


def _owner(container: ListedContainer) -> str:
    if not container.project:
        return "containers that Compose did not create"
    if container.one_off:
        return f"docker compose run in {container.folder or 'an unknown folder'}"
    return f"the Compose project {container.project} in {container.folder or 'an unknown folder'}"


def _ports(scope: Scope, host: Host) -> List[Problem]:
    ours = [container for container in scope.listed if scope.is_own(container)]
    own = {port for one in scope.listed if scope.is_own(one) or scope.is_left_behind(one) for port in one.ports}
    restarting = {container.service for container in ours if container.state == "restarting"}
    problems = []
    for service in scope.services.values():
        for port in service.ports:
            holders = [f"the container {one.name}" for one in scope.in_the_way if _overlaps(port, one.ports)]
            holders += [
                f"the service {other.name}"
                for other in scope.composition.services.values()
                if other.name < service.name and _overlaps(port, other.ports)
            ]
            if not holders and host.is_here and service.name not in restarting and not _overlaps(port, own):
                holders = [one for one in (host.listening(port),) if one]
            if holders:
                taken = f"Port {port}, which {service.name} publishes, is taken by {', '.join(holders)}."
                problems.append(Problem(f"{taken} Stop that, or publish another port."))
    return problems


def _overlaps(port: Port, held: Iterable[Port]) -> bool:
    return any(
        (port.number, port.protocol) == (one.number, one.protocol)
        and (any(address in ("", "0.0.0.0", "::") for address in (port.address, one.address)) or one == port)
        for one in held
    )


def _networks(composition: Composition, engine: EngineInventory) -> List[Problem]:
    existing = engine.networks() if composition.networks else {}
    problems = []
    for network in composition.networks:
        found = existing.get(network.name)
        if network.external and found is None:
            missing = f"The external network {network.name} does not exist."
            problems.append(Problem(f"{missing} Create it (docker network create {network.name})."))
        elif not network.external and found is not None and found.key != network.key:
            strange = (
                f"The network {network.name} exists, but Compose did not create it for this project and refuses it."
            )
            problems.append(Problem(f"{strange} Remove it (docker network rm {network.name})."))
        problems += [
            Problem(f"The subnet {subnet} of the network {network.name} overlaps with that of {other}. Choose another.")
            for subnet in network.subnets
            for other, its in existing.items()
            if other != network.name and _same_addresses(subnet, its.subnets)
        ]
    return problems


def _same_addresses(subnet: str, others: Sequence[str]) -> bool:
    try:
        network = ip_network(subnet, strict=False)
        return any(network.overlaps(ip_network(other, strict=False)) for other in others)
    except (TypeError, ValueError):
        return False


def without_image(services: Mapping[str, Service], engine: EngineInventory) -> Dict[str, List[str]]:
    """Return image → services for the images that are not local and that Compose cannot build."""
    missing: Dict[str, List[str]] = {}
    for service in services.values():
        if not service.builds and service.image and not engine.has_image(service.image):
            missing.setdefault(service.image, []).append(service.name)
    return missing


def _images(services: Mapping[str, Service], engine: EngineInventory) -> List[Problem]:
    return [
        Problem(
            f"The image {image} of {_list(names)} is not local, and pull is false. Pull it (docker pull {image}), "
            "or set pull to true."
        )
        for image, names in sorted(without_image(services, engine).items())
    ]


def _list(names: List[str]) -> str:
    return ", ".join(sorted(names))
