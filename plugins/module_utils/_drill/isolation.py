# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Compose project of a drill: the services of the set without any way out, and what was left out of them."""

from __future__ import annotations

import json
import os
from typing import Any, Callable, Dict, FrozenSet, Iterator, List, Mapping, NamedTuple, Set, Tuple

from .._common.setting_names import CLOUD_COMMUNICATION, PUSH_URL, SMTP_HOST
from .._compose.composition import ComposeError, Composition, parse_config
from .._compose.project import Project
from .._env_files.document import canonical
from .._restore.links import Links, path_below

#: The only network of a drill, as its Compose file names it.
NETWORK = "drill"

#: What every service of Bitwarden is told, whatever its env files say: no cloud, no push relay, no mail. The setup tool
#: writes REPLACE for what is not to be used.
SETTINGS = {
    CLOUD_COMMUNICATION: "false",
    PUSH_URL: "REPLACE",
    SMTP_HOST: "REPLACE",
    "globalSettings__mail__sendGridApiKey": "REPLACE",
    "globalSettings__amazon__accessKeySecret": "REPLACE",
    "globalSettings__disableEmailNewDevice": "true",
}
#: The same for SQL Server, whose nightly backups nobody needs.
_OF_DATABASE = {"BACKUP_DB": "0"}
_DATABASE = "mssql"
_PREFIX = "globalsettings"

# Of a service, as Compose describes it. What could reach anything outside the drill is not among them.
_KEPT = frozenset((
    *("image", "platform", "command", "entrypoint", "user", "working_dir", "init", "read_only", "tmpfs", "shm_size"),
    *("restart", "stop_grace_period", "stop_signal", "healthcheck", "ulimits", "cap_drop"),
    *("mem_limit", "mem_reservation", "memswap_limit", "cpus", "cpu_shares", "cpuset", "pids_limit"),
))  # fmt: skip
# A drill has its own, or none; nobody has to be told.
_OWN = frozenset((
    *("container_name", "environment", "env_file", "networks", "ports", "expose", "volumes", "depends_on", "build"),
    *("pull_policy", "dns"),
))  # fmt: skip


class Isolated(NamedTuple):
    """The project of a drill: Compose's own description of it, folders that it needs, and what was left out."""

    project: Dict[str, Any]
    folders: Tuple[str, ...]
    left_out: Tuple[str, ...]

    @property
    def images(self) -> Tuple[str, ...]:
        """The images of its services."""
        return tuple(sorted({str(one["image"]) for one in self.project["services"].values() if one.get("image")}))


def read_isolated(project: Project, name: str, bwdata: str, links: Links) -> Isolated:
    """Return what ``isolated`` makes of the set's Compose files in ``bwdata``. Raises ``ComposeError``.

    ``links`` are those of the set, which need not be in ``bwdata`` yet.
    """

    def inside(path: str) -> bool:
        below = path_below(path, (bwdata, links.root))
        if not below or links.lead_outside(below):
            return False
        return bwdata != links.root or is_inside(path, bwdata)

    files = project.files()
    text = project.describe(files)
    if not text:
        project.read()  # it says why
    own = text if len(files) == 1 else project.describe(files[:1])
    if not text or not own:
        raise ComposeError(f"Compose cannot read {files[0]}, which is of the set.")
    names = frozenset(parse_config(own, name).services)
    return isolated(json.loads(text), parse_config(text, name), names, name, inside)


def isolated(
    model: Mapping[str, Any], composition: Composition, own: FrozenSet[str], name: str, inside: Callable[[str], bool]
) -> Isolated:
    """Return the project ``name`` of the drill.

    ``model`` is the output of ``compose config`` for the set's files, ``composition`` the same parsed. ``own`` are the
    services of Bitwarden's own Compose file: what others an administrator added is left out. ``inside`` tells whether a
    path is in the folder of the drill.
    """
    described: Mapping[str, Mapping[str, Any]] = model["services"]
    services, folders, left_out = {}, set(), []
    volumes: Set[str] = set()
    for service in sorted(composition.services):
        if service not in own:
            left_out.append(f"the service {service}")
            continue
        given = described[service]
        mounts = list(_mounts(given, model.get("volumes") or {}, inside))
        folders |= {one["source"] for one, kept in mounts if kept and one["type"] == "bind"}
        volumes |= {one["source"] for one, kept in mounts if kept and one["type"] == "volume" and "source" in one}
        lost = sorted(key for key, value in given.items() if value and key not in _KEPT and key not in _OWN)
        left_out += [f"{key} of {service}" for key in lost]
        left_out += [f"the mount {one.get('source')} of {service}" for one, kept in mounts if not kept]
        services[service] = {
            **{key: given[key] for key in sorted(_KEPT) if given.get(key) is not None},
            "environment": _environment(service, composition.services[service].environment),
            "networks": {NETWORK: {"aliases": _names(given)}},
            # Docker's name server would ask others for names that it does not know.
            "dns": ["127.0.0.1"],
            "volumes": [one for one, kept in mounts if kept],
            "depends_on": sorted(one for one in given.get("depends_on") or () if one in own and one in described),
        }
    project = {
        "name": name,
        "services": services,
        "networks": {NETWORK: {"internal": True}},
        "volumes": {one: {} for one in volumes},
    }
    return Isolated(project, tuple(sorted(folders)), tuple(left_out))


def _mounts(
    given: Mapping[str, Any], volumes: Mapping[str, Any], inside: Callable[[str], bool]
) -> Iterator[Tuple[Dict[str, Any], bool]]:
    """Yield the mounts of a service, each with whether the drill has it: all that it has is its own."""
    for one in given.get("volumes") or ():
        kind, source = one.get("type"), one.get("source")
        kept = {key: one[key] for key in ("type", "source", "target", "read_only") if one.get(key) is not None}
        if kind == "bind":
            yield kept, inside(str(source))
        elif kind == "volume":
            yield kept, source is None or not (volumes.get(source) or {}).get("external")
        else:
            yield kept, kind == "tmpfs"


def is_inside(path: str, folder: str) -> bool:
    """Tell whether ``path``, with links resolved, is below ``folder``."""
    real = os.path.realpath(folder)
    return os.path.realpath(path).startswith(real + os.sep)


def _environment(service: str, given: Mapping[str, str]) -> Dict[str, str]:
    """Return the variables of a service; Compose doubles dollars in what it reads."""
    forced = _OF_DATABASE if service == _DATABASE else SETTINGS if _reads_settings(given) else {}
    names = {canonical(name) for name in forced}
    values = {name: value for name, value in given.items() if canonical(name) not in names}
    return {name: value.replace("$", "$$") for name, value in {**values, **forced}.items()}


def _reads_settings(given: Mapping[str, str]) -> bool:
    return any(canonical(name).startswith(_PREFIX) for name in given)


def _names(given: Mapping[str, Any]) -> List[str]:
    """Return the names under which other services may know this one beside its own: that of its container, aliases."""
    networks = [one for one in (given.get("networks") or {}).values() if isinstance(one, Mapping)]
    aliases = {alias for one in networks for alias in one.get("aliases") or ()}
    return sorted({*aliases, *([given["container_name"]] if given.get("container_name") else [])})


def still_open(environments: Mapping[str, Mapping[str, str]]) -> List[str]:
    """Return which settings of services, by the environment of their containers, are not those of a drill."""
    return [
        f"{name} of {service} is not {value}"
        for service, environment in sorted(environments.items())
        if _reads_settings(environment)
        for name, value in SETTINGS.items()
        if [given for key, given in environment.items() if canonical(key) == canonical(name)] != [value]
    ]
