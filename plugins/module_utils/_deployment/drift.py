# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stack: what Compose would create now against what is running. Which services are missing or stale."""

from __future__ import annotations

import re
from collections import Counter
from typing import Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Tuple

from .._compose.composition import Service
from .._docker.containers import Container
from .._env_files.document import canonical

OLDEST_VERSION = (2023, 2, 0)

# Compose hands these from the user's Docker settings to every container without naming them in the project.
_PROXY_VARIABLES = {"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"}

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)\b")

# Bitwarden's own services. Any other one in the project is the user's.
BITWARDEN = {
    *("admin", "api", "attachments", "events", "icons", "identity", "key-connector", "mssql", "nginx", "notifications"),
    *("scim", "sso", "web"),
}

# nginx resolves the addresses of the other services once, at its start.
NGINX = "nginx"

# Those of one release have one version; web and Key Connector have their own.
_OF_ONE_VERSION = BITWARDEN - {"web", "key-connector"}


class ServiceReport(NamedTuple):
    """One service as returned to the user. ``state`` is the engine's, or ``absent``."""

    name: str
    state: str
    health: Optional[str]
    image: str


class Stack:
    """The deployment at one moment.

    ``services`` is what Compose would create, by name; ``containers`` what exists; ``image_environments`` the
    variables that the containers' images set themselves, by image id (an unknown image is not judged). ``idle`` are
    services that are to have no container. ``renamed`` are containers of these services under another project name.
    """

    def __init__(
        self,
        services: Mapping[str, Service],
        containers: List[Container],
        image_environments: Mapping[str, Mapping[str, str]],
        idle: FrozenSet[str] = frozenset(),
        renamed: Tuple[Container, ...] = (),
    ) -> None:
        self.services = services
        self.containers = containers
        self.image_environments = image_environments
        self.idle = idle
        self.renamed = renamed

    def of(self, service: str) -> List[Container]:
        """Return the containers of one service."""
        return [container for container in self.containers if container.service == service]

    @property
    def stopped(self) -> bool:
        """Whether no container is up. Those of services that Compose does not know stay as they are."""
        return not self.running() and not self.renamed

    def running(self) -> List[str]:
        """Return the services that have a container that is up."""
        return sorted({*self.surplus(), *self.services} - set(self.missing()))

    def left_over(self) -> List[Container]:
        """Return the containers of services that Compose does not know (any more)."""
        return [one for one in self.containers if one.service not in self.services and one.service not in self.idle]

    def abandoned(self) -> List[str]:
        """Return the services of Bitwarden's own that are running and that Compose does not know any more."""
        return sorted({one.service for one in self.left_over() if one.is_up and one.service in BITWARDEN})

    def surplus(self) -> List[str]:
        """Return the services that are running but are to have no container."""
        return sorted({one.service for one in self.containers if one.service in self.idle and one.is_up})

    def missing(self) -> List[str]:
        """Return the services without a container that is up.

        One of the user's own that has ended is not started again here: how it ends is not this collection's concern.
        """
        present = {one.service for one in self.containers if one.is_up or one.service not in BITWARDEN}
        return [name for name in self.services if name not in present]

    def lacks_only_foreign(self) -> bool:
        """Tell whether all that is to be done is to start services that are not Bitwarden's own."""
        missing = self.missing()
        others = self.stopped or self.renamed or self.surplus() or self.stale() or BITWARDEN & set(missing)
        return bool(missing) and not others

    def stale(self) -> Dict[str, List[str]]:
        """Return service → names of the settings that its container lacks, has otherwise, or should no longer have."""
        found = {}
        for name, service in self.services.items():
            names = {key for container in self.of(name) for key in self._differing(container, service.environment)}
            if names:
                found[name] = sorted(names)
        return found

    def _differing(self, container: Container, desired: Mapping[str, str]) -> List[str]:
        own = self.image_environments.get(container.image_id)
        names = [key for key, value in desired.items() if container.environment.get(key) != value]
        for key, value in container.environment.items():
            left_over = own is not None and own.get(key) != value
            if key not in desired and left_over and key.lower() not in _PROXY_VARIABLES:
                names.append(key)
        return names

    def is_current(self) -> bool:
        """Tell whether all services are running on the settings in the files, and no container is one too many."""
        others = self.stopped or self.missing() or self.surplus() or self.outdated_nginx()
        return not (others or self.renamed or self.left_over() or self.stale())

    def untouched_since(self, earlier: Stack) -> List[str]:
        """Return the services whose containers are the same as earlier, started at the same moment."""
        before = {(container.id, container.started) for container in earlier.containers}
        return sorted({c.service for c in self.containers if (c.id, c.started) in before})

    def outdated_nginx(self) -> Optional[Container]:
        """Return nginx's container where another one was created after its start, whose address it may not know."""
        # It leads to Bitwarden's own services only.
        own = BITWARDEN & set(self.services)
        others = [c.created for c in self.containers if c.service != NGINX and c.service in own]
        for container in self.of(NGINX):
            if container.state == "running" and others and container.started < max(others):
                return container
        return None

    def setting(self, key: str) -> Optional[str]:
        """Return the value that Compose would give the api service for ``key``, matched as .NET does."""
        api = self.services.get("api")
        return setting_in(api.environment, key) if api else None

    def version(self) -> Optional[str]:
        """Return Bitwarden's version by the images of its services, the api's first; None where none tells.

        Of the other services the version that most of them have counts: the api may run from an image of the user's.
        """
        # Not by a label: where Bitwarden's image has none, the one of its base image shows through.
        found = {name: _tagged(image) for name, image in self._images() if name in _OF_ONE_VERSION}
        if found.get("api"):
            return found["api"]
        counted = Counter(version for version in found.values() if version)
        return counted.most_common(1)[0][0] if counted else None

    def _images(self) -> List[Tuple[str, str]]:
        """Return each service with its image, that of its container last."""
        planned = [(name, service.image) for name, service in self.services.items()]
        return planned + [(one.service, one.image) for one in self.containers if _tagged(one.image)]

    def image_version(self, service: str) -> Optional[str]:
        """Return the version that the image of one service names; None where it does not."""
        found = [_tagged(image) for name, image in self._images() if name == service]
        return found[-1] if found else None

    def is_too_old(self) -> bool:
        """Tell whether the version is known and older than this collection supports."""
        version = self.version()
        found = _VERSION.match(version) if version else None
        return bool(found) and tuple(int(part) for part in found.groups()) < OLDEST_VERSION  # type: ignore[union-attr]

    def report(self, answered: Tuple[str, ...] = ()) -> List[ServiceReport]:
        """Return every service, sorted by name; ``answered`` are those whose health check passed just now."""
        reports = []
        for name in sorted({*self.services, *(container.service for container in self.containers)}):
            containers = self.of(name)
            if not containers:
                reports.append(ServiceReport(name, "absent", None, self.services[name].image))
            for container in containers:
                health = "healthy" if name in answered and container.health else container.health
                reports.append(ServiceReport(name, container.state, health, container.image))
        return reports


def setting_in(environment: Mapping[str, str], key: str) -> Optional[str]:
    """Return the value of ``key`` in an environment, matched as .NET does, where the last of several counts."""
    matches = [value for name, value in environment.items() if canonical(name) == canonical(key)]
    return matches[-1] if matches else None


def _tagged(image: str) -> Optional[str]:
    """Return the version that an image's tag names."""
    found = _VERSION.match(image.split("@", 1)[0].rsplit("/", 1)[-1].partition(":")[2])
    return found.group(0) if found else None
