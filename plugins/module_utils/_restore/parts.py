# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of a server in a backup set: what each is for, what is lost without it, and what is replaced as a whole."""

from __future__ import annotations

import re
from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple

from .._backup.manifest import FileEntry

#: Below this are the files of bwdata in a set.
BWDATA = "bwdata/"


class Part(NamedTuple):
    """A part of a set: the beginnings of the paths of its files, and what is lost without them."""

    name: str
    beginnings: Tuple[str, ...]
    lost: str


DUMP = Part("database", ("database/",), "all accounts, vaults and organizations")
KEY_RING = Part(
    "key ring",
    ("bwdata/core/aspnet-dataprotection/",),
    "every login, for ever: what these keys protect in the database cannot be read by anyone",
)
SETTINGS = Part(
    "settings",
    ("bwdata/env/",),
    "installation id and key, the way to the database, the mail server and every other setting",
)
IDENTITY = Part(
    "identity certificate",
    ("bwdata/identity/",),
    "all sessions, and the certificate that identity providers know this server by",
)
LICENSES = Part("licenses", ("bwdata/core/licenses/",), "organizations and premium: the server disables them")
ATTACHMENTS = Part("attachments", ("bwdata/core/attachments/",), "files attached to items and Sends")
CORE = Part("core", ("bwdata/core/",), "data of the services")
KEY_CONNECTOR = Part(
    "key connector", ("bwdata/key-connector/",), "the vaults of all users whose keys the Key Connector keeps"
)
CERTIFICATES = Part("certificates", ("bwdata/ssl/", "bwdata/letsencrypt/"), "the certificate of the web vault")
CONFIGURATION = Part(
    "configuration",
    ("bwdata/config.yml", "bwdata/docker/", "bwdata/nginx/", "bwdata/ca-certificates/", "bwdata/web/"),
    "ports, TLS, trusted proxies and changes made by hand",
)
SCRIPTS = Part("scripts", ("scripts/", "bwdata/scripts/"), "the scripts of the version that the set is of")

#: A file is of the first part that it fits.
PARTS = (
    DUMP,
    KEY_RING,
    LICENSES,
    ATTACHMENTS,
    CORE,
    SETTINGS,
    IDENTITY,
    KEY_CONNECTOR,
    CERTIFICATES,
    CONFIGURATION,
    SCRIPTS,
)
OTHER = Part("other files", ("",), "these files")

#: Below bwdata, replaced as a whole by what the set has.
WHOLE = ("core", "identity", "key-connector", "ssl", "letsencrypt", "ca-certificates")
#: Replaced as a whole, too, by what is there with the files of the set over it: the rest is of this host.
MERGED = ("env", "docker", "nginx", "web", "scripts")
#: What stays as it is on the host: who owns its files, the scripts, which belong to the images that it has, and what
#: SQL Server replaces itself.
_STAYS = ("env/uid.env", "mssql/", "logs/", "bitwarden.sh")
_SCRIPTS = "scripts/"
COMPOSE_FILE = "docker/docker-compose.yml"
#: In a set: the two scripts of its release.
SCRIPT = "scripts/bitwarden.sh"
RUN_SCRIPT = BWDATA + "scripts/run.sh"
#: What the setup tool generates, each version its own: without the first ones nothing starts.
GENERATED = (COMPOSE_FILE, "docker/global.env", "nginx/default.conf")
_GENERATED = re.compile(r"docker/(?:docker-compose\.yml|[^/.]+\.env)|nginx/default\.conf|web/app-id\.json")


def part_of(path: str) -> Part:
    """Return the part that a file of a set belongs to."""
    return next((part for part in PARTS if path.startswith(part.beginnings)), OTHER)


def by_part(paths: Iterable[str]) -> Dict[Part, List[str]]:
    """Return files of a set by their parts, in the order of the parts."""
    found: Dict[Part, List[str]] = {}
    for path in paths:
        found.setdefault(part_of(path), []).append(path)
    return {part: found[part] for part in (*PARTS, OTHER) if part in found}


def place_of(entry: FileEntry, generated_stays: bool, brings: bool = False) -> Optional[str]:
    """Return where a file of a set belongs below bwdata; None where it is not put there.

    ``generated_stays``: what the setup tool generates is that of the host, as the set is of another version.
    ``brings``: the scripts are those of the set, too.
    """
    path = entry.path[len(BWDATA) :].rstrip("/") if entry.path.startswith(BWDATA) else ""
    if not path or f"{path}/".startswith(_STAYS) or path in _STAYS or path.startswith(".bitwarden-"):
        return None
    if f"{path}/".startswith(_SCRIPTS) and not brings:
        return None
    return None if generated_stays and _GENERATED.fullmatch(path) else path


def unit_of(path: str) -> str:
    """Return what is replaced where ``path`` below bwdata is to be: its folder as a whole, or the file itself."""
    first, slash, _rest = path.partition("/")
    return first if slash or first in (*WHOLE, *MERGED) else path
