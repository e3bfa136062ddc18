# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The outer containers: network, registry, clouds and hosts on the machine's own engine."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import hashlib
import json
import re
from typing import NamedTuple

from . import data, engine_disks, installation, names, service_images
from .base_image import Base
from .control import Control
from .data import FleetData
from .progress import say, step
from .registry_client import RegistryClient
from .shell import FleetError, docker, docker_lines

# A container with an engine of its own, where the machine cannot or should not give --privileged.
_ENGINE_INSIDE = (
    "--cap-add=ALL",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--security-opt=systempaths=unconfined",
    "--device-cgroup-rule=a *:* rwm",
    "--cgroupns=host",
    "-v=/sys/fs/cgroup:/sys/fs/cgroup:rw",
    "--tmpfs=/run",
    "--tmpfs=/tmp:exec",
    # A host starts hundreds of short processes in Go: with one thread each, which collect little, that costs less.
    "--env=GOMAXPROCS=1",
    "--env=GOGC=400",
)
# For names that are not the fleet's: `files/registry/no_names.py`.
_NO_OTHER_NAMES = f"--dns={names.REGISTRY_ADDRESS}"


class Needed(NamedTuple):
    """A container as it should be; ``recipe`` changes with anything that it is made of."""

    name: str
    recipe: str
    address: str
    files: bytes
    command: list[str]


def up(base: Base, fleet: FleetData) -> None:
    """Bring everything up that is not; what was made from another recipe or by another clone is recreated."""
    _ensure_network(fleet)
    with step("registry and clouds"):
        digests = _ensure_registry(base)
        _ensure_downloads(base)
        for region in names.CLOUDS:
            _ensure_cloud(base, fleet, region)
    with concurrent.futures.ThreadPoolExecutor(len(names.HOSTS)) as pool:
        started = [pool.submit(_ensure_host, base, fleet, digests, name) for name in names.HOSTS]
    for one in started:
        one.result()


def concurrent_fleets() -> list[str]:
    """Return the names of this fleet and of those that tests made beside it."""
    found = docker_lines("network", "ls", "--format", "{{.Name}}")
    return [names.PREFIX, *(name for name in sorted(found) if re.fullmatch(rf"{names.PREFIX}-\d+", name))]


def down(fleet: str = names.PREFIX) -> None:
    """Remove containers, disks, volumes and network, of this and of any other clone's fleet."""
    containers = docker_lines("ps", "-aq", "--filter", f"label={fleet}")
    if containers:
        docker("rm", "-fv", *containers)
    for host in names.HOSTS:
        engine_disks.remove(f"{fleet}-{host}")
    volumes = docker_lines("volume", "ls", "-q", "--filter", f"label={fleet}")
    if volumes:
        docker("volume", "rm", "-f", *volumes)
    if docker_lines("network", "ls", "-q", "--filter", f"name=^{fleet}$"):
        docker("network", "rm", fleet)


def states() -> dict[str, str]:
    """Return container -> the engine's words on it, for instance ``Up 3 minutes``."""
    lines = docker_lines("ps", "-a", "--filter", f"label={names.LABEL}", "--format", "{{.Names}}\t{{.Status}}")
    return dict(line.split("\t", 1) for line in sorted(lines))


def _ensure_network(fleet: FleetData) -> None:
    found = docker("network", "inspect", names.NETWORK, check=False)
    if found.returncode == 0:
        network = json.loads(found.stdout)[0]
        if network["Labels"].get(names.LABEL) == fleet.id:
            return
        say("removing the fleet of another clone")
        down()
    # Internal: nothing in it has a way to any address outside the fleet.
    label = f"--label={names.LABEL}={fleet.id}"
    docker("network", "create", "--internal", f"--subnet={names.SUBNET}", label, names.NETWORK)


def _ensure_registry(base: Base) -> dict[str, str]:
    name = names.REGISTRY_CONTAINER
    files = installation.registry_tar()
    recipe = _recipe(base.image, files)
    if not _running(name, recipe):
        options = [f"--network-alias={names.REGISTRY_NAME}", f"-v={name}:/var/lib/docker-registry"]
        _create(Needed(name, recipe, names.REGISTRY_ADDRESS, files, installation.REGISTRY_COMMAND), base.image, options)
    client = RegistryClient(f"{names.REGISTRY_ADDRESS}:5000")
    client.wait(20)
    return service_images.publish(base, client)


def _ensure_downloads(base: Base) -> None:
    name = names.DOWNLOADS_CONTAINER
    files = installation.downloads_tar()
    recipe = _recipe(base.image, files)
    if not _running(name, recipe):
        options = [f"--network-alias={alias}" for alias in names.DOWNLOADS_NAMES]
        command = ["python3", "/opt/downloads/server.py"]
        _create(Needed(name, recipe, names.DOWNLOADS_ADDRESS, files, command), base.image, options)


def _ensure_cloud(base: Base, fleet: FleetData, region: str) -> None:
    cloud = names.CLOUDS[region]
    files = installation.cloud_tar(fleet, region)
    recipe = _recipe(base.image, files)
    if _running(cloud.container, recipe):
        return
    environment = ["PYTHONPATH=/opt", "STANDIN_CONTROL=1", "STANDIN_DELAY_SCALE=0.05", "STANDIN_LIMITER_SCALE=0.1"]
    options = [f"--network-alias={name}" for name in cloud.names] + [f"--env={variable}" for variable in environment]
    _create(Needed(cloud.container, recipe, cloud.address, files, ["/opt/cloud/cloud.sh"]), base.image, options)
    Control(cloud.address).wait(cloud.container, 30)


def _ensure_host(base: Base, fleet: FleetData, digests: dict[str, str], name: str) -> None:
    host = names.HOSTS[name]
    files = installation.host_tar(fleet, name)
    recipe = _recipe(base.image, files, json.dumps(digests, sort_keys=True).encode())
    if engine_disks.is_there(host.container) and _running(host.container, recipe):
        # One that tests have left without a server is recreated.
        with contextlib.suppress(FleetError):
            Control(host.address).wait(name, 60)
            return
    with step(f"{name}: host, engine and stack"):
        docker("rm", "-fv", host.container, check=False)
        disk = f"-v={engine_disks.renew(host.container)}:/var/lib/docker"
        options = [*_ENGINE_INSIDE, *_without_missing(base.image), f"--hostname={name}", disk, "--stop-timeout=10"]
        options.append(f"--network-alias={host.domain}")
        _create(
            Needed(host.container, recipe, host.address, files, ["/usr/local/bin/entrypoint.sh"]), base.image, options
        )
        # Also waits for the engine; as on a real host the script is run by the user that owns the installation.
        docker("exec", host.container, "/usr/local/bin/engine", "start")
        script = f"{names.BITWARDEN}/bitwarden.sh"
        docker("exec", "--user=bitwarden", f"--workdir={names.BITWARDEN}", host.container, script, "start")
        Control(host.address).wait(name, 90)
        docker("exec", host.container, "python3", "/usr/local/lib/bwfleet/initial_state.py", "remember")


def _create(wanted: Needed, image: str, options: list[str]) -> None:
    """Replace the container by a new one, with its files laid into it before it starts."""
    docker("rm", "-fv", wanted.name, check=False)
    for volume in (option[3:].split(":")[0] for option in options if option.startswith("-v=") and option[3] != "/"):
        docker("volume", "rm", "-f", volume, check=False)
        docker("volume", "create", f"--label={names.LABEL}", volume)
    docker(
        "create", f"--name={wanted.name}", f"--label={names.LABEL}={wanted.recipe}", f"--network={names.NETWORK}",
        f"--ip={wanted.address}", _NO_OTHER_NAMES, *options, "--entrypoint=/usr/bin/tini", image, "--", *wanted.command,
    )  # fmt: skip
    docker("cp", "-", f"{wanted.name}:/", stdin=wanted.files)
    docker("start", wanted.name)


@functools.lru_cache(maxsize=None)
def _without_missing(image: str) -> tuple[str, ...]:
    """Return the option that tells an old engine to leave a capability that the machine lacks out of "all".

    A newer one leaves it out by itself, and takes being told for an error.
    """
    option = "--cap-drop=SYS_RESOURCE"
    probe = docker("create", option, image, "true", check=False)
    if probe.returncode:
        return ()
    docker("rm", probe.stdout.decode().strip())
    return (option,)


def _running(name: str, recipe: str) -> bool:
    """Tell whether the container is there, from this recipe; one that stands still is started again."""
    found = docker("container", "inspect", name, check=False)
    if found.returncode:
        return False
    container = json.loads(found.stdout)[0]
    if container["Config"]["Labels"].get(names.LABEL) != recipe:
        return False
    return bool(container["State"]["Running"]) or docker("start", name, check=False).returncode == 0


def _recipe(*parts: object) -> str:
    digest = hashlib.sha256(json.dumps([_ENGINE_INSIDE, _NO_OTHER_NAMES]).encode())
    for part in parts:
        digest.update(part if isinstance(part, bytes) else str(part).encode())
    return digest.hexdigest()[:16]


def seeds(fleet: FleetData) -> dict[str, data.Json]:
    """Return container or host name -> the seed that its stand-in server starts from."""
    return {
        **{cloud.container: data.cloud_seed(fleet, region) for region, cloud in names.CLOUDS.items()},
        **{name: data.host_seed(fleet, name) for name in names.HOSTS},
    }
