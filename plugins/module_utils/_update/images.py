# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The images of a release: which ones the services are to have, and whether they are Bitwarden's."""

from __future__ import annotations

import re
from typing import Dict, Iterable, List, Mapping, Match, Sequence

from .._common.problem import Problem
from .._common.versions import version_numbers
from .._compose.composition import Service, parse_config
from .._deployment.deployment import Deployment
from .._deployment.drift import BITWARDEN
from .._scripts.pair import LATEST, ScriptPair, Versions

# Where Bitwarden has its images; those of releases before 2025 are at Docker Hub.
_REGISTRIES = ("ghcr.io/bitwarden/", "docker.io/bitwarden/", "bitwarden/")
_IMAGE = re.compile(r"^(\s+image:\s*[\"']?)([^\s\"'#]+)", re.MULTILINE)


def repository_of(image: str) -> str:
    """Return an image without tag and digest."""
    name = image.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"


def tag_of(image: str) -> str:
    """Return the tag of an image, empty where it has none."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


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


def predicted_images(deployment: Deployment, services: Mapping[str, Service], versions: Versions) -> Dict[str, str]:
    """Return the images that Bitwarden's services will have, by service: an override file may keep some as they are."""
    found = {
        name: f"{repository_of(service.image)}:{versions.of(name)}"
        for name, service in services.items()
        if name in BITWARDEN
    }
    files = deployment.project.files()
    if len(files) == 1:
        return found

    def of_the_release(match: Match[str]) -> str:
        name = repository_of(match.group(2)).rpartition("/")[2]
        image = f"{repository_of(match.group(2))}:{versions.of(name)}" if name in BITWARDEN else match.group(2)
        return f"{match.group(1)}{image}"

    with open(files[0], encoding="utf-8") as stream:
        main = _IMAGE.sub(of_the_release, stream.read())
    described = deployment.project.describe_with(main)
    merged = parse_config(described).services if described else {}
    return {name: merged[name].image if name in merged else image for name, image in found.items()}


def pinned(images: Mapping[str, str], versions: Versions) -> List[str]:
    """Return Bitwarden's services whose image, by ``images``, is of another version than the release has."""
    found = []
    for name, image in sorted(images.items()):
        wanted = versions.of(name)
        if name in BITWARDEN and wanted != LATEST and version_numbers(tag_of(image)) != version_numbers(wanted):
            found.append(name)
    return found


def expected_images(images: Mapping[str, str], pair: ScriptPair) -> List[str]:
    """Return the images that the services of this server will need, with the setup tool's.

    Those of the release are where its setup tool is, as Bitwarden has moved them once.
    """
    stay = pinned(images, pair.versions)
    return sorted({*pair.images(one for one in images if one not in stay), *(images[one] for one in stay)})
