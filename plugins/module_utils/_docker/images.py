# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images that are to be local: which ones are not, whether their registry has them, and pulling them."""

from __future__ import annotations

from typing import Iterable, List, Optional
from urllib.parse import quote

from .._commands.runner import Commands
from .._common.errors import BitwardenError
from .._common.problem import Problem
from .client import EngineClient
from .inventory import EngineInventory

_REGISTRY_TIMEOUT = 60.0


class ImageError(BitwardenError):
    """Images that cannot be had. The message names them."""


def missing_images(inventory: EngineInventory, images: Iterable[str]) -> List[str]:
    """Return those of ``images`` that are not local."""
    return [one for one in sorted(set(images)) if not inventory.has_image(one)]


def image_problems(inventory: EngineInventory, images: Iterable[str], pull: bool) -> List[Problem]:
    """Return which images cannot be had: not local, and their registry does not have them. Nothing is pulled.

    Without ``pull`` one problem has them all, which is the list to load.
    """
    missing = missing_images(inventory, images)
    if not pull:
        return [not_local(missing)] if missing else []
    found = (_registry_problem(inventory.client, one) for one in missing)
    return [one for one in found if one is not None]


def not_local(images: Iterable[str]) -> Problem:
    """Return the problem of images that are not local and may not be pulled."""
    return Problem(
        f"These images are not local, and pull is false: {', '.join(images)}. Load them (docker load), or set pull to "
        "true."
    )


def _registry_problem(client: EngineClient, image: str) -> Optional[Problem]:
    response = client.request("GET", f"/distribution/{quote(image, safe='/')}/json", _REGISTRY_TIMEOUT)
    if response.status < 400 or response.status in (401, 403):
        return None  # a registry that asks for a login may well give it to docker pull
    return Problem(
        f"The image {image} is not local, and its registry does not give it: {response.message.rstrip('.')}. Check "
        "version and the network of the host, or load the image (docker load) and set pull to false."
    )


def pull_images(commands: Commands, inventory: EngineInventory, images: Iterable[str], timeout: float) -> List[str]:
    """Pull what is not local; return what was pulled. Raises ``ImageError``."""
    pulled = []
    for image in missing_images(inventory, images):
        result = commands.run([inventory.client.docker, "pull", "--quiet", image], timeout)
        if not inventory.has_image(image):
            raise ImageError(f"The image {image} was not pulled: {result.told('docker pull')}")
        pulled.append(image)
    return pulled
