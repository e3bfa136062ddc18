# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether each host of a run has a confirmation of its own; one for several may have come from ``--extra-vars``."""

from __future__ import annotations

from typing import Dict, List, Mapping


def shared_confirmations(confirmed: Mapping[str, str]) -> Dict[str, str]:
    """Return what is wrong, by host, for ``{host: confirmation}`` of hosts on which something would be replaced."""
    hosts: Dict[str, List[str]] = {}
    for host, confirmation in confirmed.items():
        hosts.setdefault(confirmation.lower(), []).append(host)
    return {
        host: "Several hosts have the same bitwarden_restore_confirm. Set it for each host, in the inventory, to the "
        "installation id of the set that is restored there, or limit the run to one host (--limit)."
        for names in hosts.values()
        if len(names) > 1
        for host in names
    }
