# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet of Bitwarden hosts on one machine, for tests and the demo: see README.md.

``from tests.support import fleet``, then ``fleet.host("bw1").ssh("id")``; the names come from
`tests.support.fleet.api`.
"""

from __future__ import annotations

from .api import Cloud, FleetError, Host, Registry, cloud, downloads, host, hosts, registry, secrets

__all__ = ["Cloud", "FleetError", "Host", "Registry", "cloud", "downloads", "host", "hosts", "registry", "secrets"]
