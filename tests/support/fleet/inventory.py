# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet as an Ansible inventory with all variables of the role."""

from __future__ import annotations

import json
from typing import Any

from . import keys, names
from .data import FleetData

FILE = names.STATE / "inventory" / "hosts.yml"
_SSH_OPTIONS = f"-o UserKnownHostsFile={keys.KNOWN_HOSTS} -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"


def common() -> dict[str, str]:
    """Return the variables that all hosts share."""
    return {
        "ansible_user": "bitwarden",
        "ansible_ssh_private_key_file": str(keys.SSH_KEY),
        "ansible_ssh_common_args": _SSH_OPTIONS,
        "ansible_python_interpreter": "/usr/bin/python3",
        "bitwarden_ca_path": str(keys.CA),
    }


# This host's token is given by hand; the others' is fetched from the cloud.
GIVEN_BY_HAND = "bw4"


def host_variables(fleet: FleetData, name: str) -> dict[str, Any]:
    """Return one host's own variables, without its region. ``fleet_token`` is for tests: the cloud's token."""
    host, data = names.HOSTS[name], fleet.hosts[name]
    cloud = f"https://{names.CLOUDS[host.region].address}"
    token = data.organization["billing_sync_token"]
    return {
        "ansible_host": host.address,
        "bitwarden_url": host.url,
        "bitwarden_organization": data.organization["name"],
        "bitwarden_client_id": f"user.{data.owner['id']}",
        "bitwarden_client_secret": data.owner["api_key"],
        "bitwarden_cloud": {"api_url": f"{cloud}/api", "identity_url": f"{cloud}/identity"},
        "bitwarden_cloud_client_id": f"user.{data.cloud_owner['id']}",
        "bitwarden_cloud_client_secret": data.cloud_owner["api_key"],
        "bitwarden_cloud_password": data.cloud_owner["password"],
        "bitwarden_cloud_organization": data.organization["name"],
        "bitwarden_cloud_ca_path": str(keys.CA),
        "fleet_token": token,
        **({"bitwarden_billing_sync_token": token} if name == GIVEN_BY_HAND else {}),
    }


def write(fleet: FleetData) -> None:
    """Write ``inventory/hosts.yml`` (it has secrets: 0600)."""
    lines = ["---", "bitwarden:", "  vars:", *_variables(common(), 4), "  children:"]
    for region in names.CLOUDS:
        lines += [f"    bitwarden_{region}:", "      vars:", f"        bitwarden_region: {region.upper()}"]
        lines.append("      hosts:")
        for host in names.HOSTS.values():
            if host.region == region:
                lines += [f"        {host.name}:", *_variables(host_variables(fleet, host.name), 10)]
    FILE.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    FILE.touch(mode=0o600)
    FILE.write_text("\n".join(lines) + "\n")


def _variables(variables: dict[str, Any], indent: int) -> list[str]:
    return [f"{' ' * indent}{key}: {json.dumps(value)}" for key, value in variables.items()]
