# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names, addresses and versions of the fleet: everything that two files have to agree on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[3]
FILES = Path(__file__).resolve().parent / "files"
STANDIN = REPOSITORY / "tests" / "support" / "standin"
# Tests that run side by side have a fleet each: the first that of all other purposes, each further one its own.
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
_NUMBER = int(_WORKER) if _WORKER.isdigit() else 0
_OWN = f"-{_NUMBER + 1}" if _NUMBER else ""
# What is generated per fleet (keys, inventory, secrets) lies in the work tree ...
STATE = Path(os.environ.get("BWFLEET_STATE", str(REPOSITORY / ".work" / "fleet")) + _OWN)
# ... and what only depends on the recipe is kept for the next clone on the same machine.
CACHE = Path(os.environ.get("BWFLEET_CACHE", "/var/cache/bwfleet"))

# A fleet of one's own can stand beside these under another prefix, network and state folder.
PREFIX = os.environ.get("BWFLEET_PREFIX", "bwfleet") + _OWN
_FIRST_NETWORK = os.environ.get("BWFLEET_NETWORK", "10.213.87")
_NETWORK = f"{_FIRST_NETWORK.rpartition('.')[0]}.{int(_FIRST_NETWORK.rpartition('.')[2]) + 10 * _NUMBER}"
LABEL = PREFIX
NETWORK = PREFIX
SUBNET = f"{_NETWORK}.0/24"
BASE_IMAGE = "bwfleet/trixie"
SUITE = "trixie"

REGISTRY_CONTAINER = f"{PREFIX}-registry"
REGISTRY_NAME = "registry.fleet.test"
# The registry's container also answers for names that do not exist.
REGISTRY_ADDRESS = f"{_NETWORK}.3"
REGISTRY = f"{REGISTRY_NAME}:5000"
# An address of the network that nobody has: there is a route to it, and no answer.
NOBODY = f"{_NETWORK}.250"

# How the master password of each company's owner in the cloud is hashed.
KDFS: dict[str, dict[str, int | None]] = {
    "bw1": {"type": 1, "iterations": 3, "memory": 64, "parallelism": 4},
    "bw3": {"type": 0, "iterations": 600000, "memory": None, "parallelism": None},
    "bw4": {"type": 0, "iterations": 100000, "memory": None, "parallelism": None},
}


class Release(NamedTuple):
    """What a release is made of: versions of the core, the web vault and Key Connector, and SQL Server's major one."""

    core: str
    web: str
    key_connector: str
    engine: int


# Newest first. All hold the same programs, which know their version by STANDIN_VERSION.
RELEASES: dict[str, Release] = {
    release.core: release
    for release in (
        Release("2026.9.0", "2026.9.0", "2025.11.0", 17),
        Release("2026.8.0", "2026.8.0", "2025.11.0", 17),
        Release("2026.7.0", "2026.7.0", "2025.11.0", 17),
        # The last one before the engine's step.
        Release("2026.6.0", "2026.6.0", "2025.11.0", 16),
        # The oldest supported one, and one before it.
        Release("2023.2.0", "2023.2.0", "2022.12.0", 15),
        Release("2023.1.0", "2023.1.0", "2022.12.0", 15),
    )
}
# What is installed at set-up, and what the fleet's downloads offer unless a test says otherwise.
VERSION = "2026.8.0"
NEWER_VERSION = "2026.9.0"
OLDER_VERSIONS = tuple(version for version in RELEASES if version not in {VERSION, NEWER_VERSION})
SERVICES = (
    "mssql",
    "web",
    "attachments",
    "api",
    "identity",
    "sso",
    "admin",
    "icons",
    "notifications",
    "events",
    "nginx",
)
# Images that only config.yml asks for.
OPTIONAL_SERVICES = ("key-connector", "scim")


class CloudName(NamedTuple):
    """A region's cloud: its container, fixed address and the real names that it answers to."""

    region: str
    container: str
    address: str
    names: list[str]


class HostName(NamedTuple):
    """A host of the fleet: short name, container, fixed address, region (``us`` or ``eu``).

    ``company`` is the host whose organization in the cloud it shares, commonly itself.
    """

    name: str
    container: str
    address: str
    region: str
    company: str

    @property
    def url(self) -> str:
        return f"https://{self.address}"

    @property
    def domain(self) -> str:
        return f"{self.name}.fleet.test"


CLOUDS: dict[str, CloudName] = {
    region: CloudName(
        region,
        f"{PREFIX}-cloud-{region}",
        address,
        [f"{service}.bitwarden.{domain}" for service in ("identity", "api", "push")],
    )
    for region, domain, address in (("us", "com", f"{_NETWORK}.4"), ("eu", "eu", f"{_NETWORK}.5"))
}
# Bitwarden's own sites: the scripts, what the newest version is, and the files of a tag.
DOWNLOADS_CONTAINER = f"{PREFIX}-downloads"
DOWNLOADS_ADDRESS = f"{_NETWORK}.6"
DOWNLOADS_NAMES = ("func.bitwarden.com", "selfhost.bitwarden.com", "raw.githubusercontent.com")
HOSTS: dict[str, HostName] = {
    name: HostName(
        name,
        f"{PREFIX}-{name}",
        f"{_NETWORK}.{10 + number}",
        "eu" if name == "bw3" else "us",
        "bw1" if name == "bw2" else name,
    )
    for number, name in enumerate(("bw1", "bw2", "bw3", "bw4"), 1)
}

# The registry's container is asked for these, too: by containers on a host's default bridge, as the setup tool's.
SITES = (
    *DOWNLOADS_NAMES,
    *(name for cloud in CLOUDS.values() for name in cloud.names),
    *(host.domain for host in HOSTS.values()),
)

BITWARDEN = "/opt/bitwarden"
BWDATA = BITWARDEN + "/bwdata"
# User and group ids inside the hosts; files are laid there before the host's own user database can be asked.
USERS = {"root": 0, "admin": 1000, "bitwarden": 1001}
