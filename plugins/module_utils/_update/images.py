# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The images of a release: which ones the services are to have, and whether they are Bitwarden's."""

from __future__ import annotations

from typing import Iterable, List, Mapping, Sequence

from .._common.versions import version_numbers
from .._deployment.composition import Service
from .._deployment.drift import BITWARDEN
from .._deployment.problem import Problem
from .._scripts.pair import LATEST, Versions

# Where Bitwarden has its images; those of releases before 2025 are at Docker Hub.
_REGISTRIES = ("ghcr.io/bitwarden/", "docker.io/bitwarden/", "bitwarden/")
_OTHER_PARTS = {"web": "web", "key-connector": "key_connector"}


def repository_of(image: str) -> str:
    """Return an image without tag and digest."""
    name = image.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"


def tag_of(image: str) -> str:
    """Return the tag of an image, empty where it has none."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def version_of(service: str, versions: Versions) -> str:
    """Return the version that the image of a service has in a release."""
    return str(getattr(versions, _OTHER_PARTS.get(service, "core")))


def foreign_images(services: Mapping[str, Service], setup_images: Iterable[str]) -> List[Problem]:
    """Return a problem for services of Bitwarden whose images are not Bitwarden's: an update would not reach them.

    ``setup_images`` are those of the setup tool, which are in the same registry as the others.
    """
    own = {repository_of(one).rpartition("/")[0] + "/" for one in setup_images}
    wrong = [
        f"{name} ({service.image})"
        for name, service in sorted(services.items())
        if name in BITWARDEN and not _is_own(name, service.image, (*_REGISTRIES, *own))
    ]
    if not wrong:
        return []
    return [
        Problem(
            f"These services run on images that are not Bitwarden's, and would stay on them: {', '.join(wrong)}. "
            "Remove their image from docker-compose.override.yml, or update by other means."
        )
    ]


def _is_own(service: str, image: str, registries: Sequence[str]) -> bool:
    return repository_of(image) in {f"{registry}{service}" for registry in registries}


def pinned(services: Mapping[str, Service], versions: Versions) -> List[str]:
    """Return Bitwarden's services whose image is of another version than the release has."""
    found = []
    for name, service in sorted(services.items()):
        wanted = version_of(name, versions)
        if name in BITWARDEN and wanted != LATEST and version_numbers(tag_of(service.image)) != version_numbers(wanted):
            found.append(f"{name} ({service.image})")
    return found


def expected_images(services: Mapping[str, Service], setup_image: str, versions: Versions) -> List[str]:
    """Return the images of a release that the services of this server will need, by today's Compose file."""
    registry = repository_of(setup_image).rpartition("/")[0]
    found = {setup_image}
    for name in services:
        if name in BITWARDEN:
            found.add(f"{registry}/{name}:{version_of(name, versions)}")
    return sorted(found)
