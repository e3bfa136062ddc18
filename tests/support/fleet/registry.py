# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tests use of the registry that the hosts pull from."""

from __future__ import annotations

from typing import Any, Dict, Tuple

from . import names
from .registry_client import RegistryClient
from .shell import docker

_SECOND = 1_000_000_000
# What an image's configuration becomes.
_FAULTS: Dict[str, Dict[str, object]] = {
    "crash": {"Entrypoint": ["/bin/sh", "-c", "echo 'the image does not run here' >&2; exit 1"]},
    "unhealthy": {
        "Healthcheck": {"Test": ["CMD-SHELL", "exit 1"], "Interval": _SECOND, "StartPeriod": _SECOND, "Retries": 1}
    },
}
# Image and tag -> its manifest as it was.
_spoiled: Dict[Tuple[str, str], bytes] = {}


class Registry:
    """Where the hosts pull from."""

    def stop(self) -> None:
        """Stop the registry: every pull is rejected from now on."""
        docker("exec", names.REGISTRY_CONTAINER, "/opt/registry/registry.sh", "off")

    def start(self) -> None:
        """Start the registry: pulls work again, and give the images as they were."""
        client = self._client()
        if not client.answers():
            docker("start", names.REGISTRY_CONTAINER)
            docker("exec", names.REGISTRY_CONTAINER, "/opt/registry/registry.sh", "on")
            client.wait(20)
        while _spoiled:
            (repository, tag), manifest = next(iter(_spoiled.items()))
            client.put_manifest(repository, tag, manifest)
            del _spoiled[repository, tag]

    def spoil(self, service: str, version: str, fault: str) -> None:
        """Let an image ``crash``, be ``unhealthy``, or be ``missing`` for those who pull it from now on."""
        repository, client = f"bitwarden/{service}", self._client()
        manifest = client.manifest(repository, version)
        _spoiled.setdefault((repository, version), manifest)
        if fault == "missing":
            client.delete_manifest(repository, manifest)
            return

        def change(image: Dict[str, Any]) -> None:
            image["config"].update(_FAULTS[fault])

        client.put_manifest(repository, version, client.changed(repository, manifest, change))

    @staticmethod
    def _client() -> RegistryClient:
        return RegistryClient(f"{names.REGISTRY_ADDRESS}:5000")


def registry() -> Registry:
    """Return the registry."""
    return Registry()
