# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The new version in service: started, and asked whether it is what it should be."""

from __future__ import annotations

from typing import Dict, List, Optional

from .._backup.manifest import Manifest
from .._backup.sets import read_set
from .._common.errors import EXPECTED
from .._restore import proof as restore_proof
from .._restore.proof import Proof
from .._restore.server import Server
from . import proof


class Serving:
    """Starts the services on the files as they are. ``backup`` is the path of the set from before the update."""

    def __init__(self, server: Server, backup: Optional[str]) -> None:
        self._server = server
        self._manifest = _manifest(backup)

    def start(self, begun: Optional[float] = None) -> List[Dict[str, object]]:
        """Start them, and wait until they are healthy; return them. Raises whatever a plan raises.

        ``begun`` is when containers were created that only need to be started.
        """
        return self._server.start(begun)

    def proofs(self) -> List[Proof]:
        """Return what the running services prove."""
        server = self._server
        found = [
            proof.image_proof(server.deployment().inspect()),
            restore_proof.version_proof(server.version(), server.api_answer()),
            restore_proof.certificate_proof(server.certificate()),
            restore_proof.log_proof(server.telling_lines()),
        ]
        if self._manifest is not None:
            organizations = [one for one, _present in self._manifest.organizations]
            found.append(restore_proof.license_proof(self._manifest, server.licenses(organizations)))
        return found


def _manifest(backup: Optional[str]) -> Optional[Manifest]:
    """Return the manifest of a set; None where that cannot be read any more, which says nothing about the update."""
    try:
        return read_set(backup).manifest if backup else None
    except EXPECTED:
        return None
