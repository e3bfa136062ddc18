# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What proves that the server works with what was restored, once all of its services are healthy."""

from __future__ import annotations

from typing import List, Optional

from .._backup.manifest import Manifest
from . import proof
from .login import ApiKey, log_in
from .server import Server


def server_proofs(
    server: Server, manifest: Manifest, organizations: List[str], login: Optional[ApiKey]
) -> List[proof.Proof]:
    """Return the checks of a server that was started. ``organizations`` are those that are enabled in its database."""
    found = [
        proof.license_proof(manifest, server.licenses(organizations)),
        proof.certificate_proof(server.certificate()),
        proof.version_proof(server.version(), server.api_answer()),
    ]
    if login is not None:
        found.append(log_in(server.deployment(), login, manifest.url or ""))
    # Last, as a login may bring a service to tell what it misses.
    return [*found, proof.log_proof(server.telling_lines())]
