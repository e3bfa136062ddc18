# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host must have for an installation, found before anything is made; every problem is named at once."""

from __future__ import annotations

import os
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple, Union
from urllib.parse import quote

from .._commands.access import unreadable
from .._commands.runner import Account, Commands
from .._common.errors import EXPECTED, BitwardenError, message_of
from .._common.problem import Problem
from .._compose.composition import Composition, Port, Service
from .._compose.project import Project
from .._deployment.conflicts import Host, Scope, service_obstacles
from .._deployment.host_ports import listening
from .._docker.client import EngineClient
from .._docker.containers import is_folder
from .._docker.host import EngineError
from .._docker.inventory import EngineInventory, ListedContainer
from .options import planned_config
from .request import LETS_ENCRYPT, InstallRequest

USUAL_OWNER = "bitwarden"

_SERVICES = ("mssql", "web", "attachments", "api", "identity", "sso", "admin", "icons", "notifications", "events",
             "nginx")  # fmt: skip
_OPTIONAL = {"enable_scim": "scim", "enable_key_connector": "key-connector"}
_DATABASE = "mssql"
_PROXY = "nginx"
_PROJECT = "docker"

# bitwarden.sh has fixed names for the containers that it runs itself.
_OF_SCRIPT = ("setup",)
_CERTBOT = "certbot"

_ENGINE_TIMEOUT = 60.0


class InstallHost(NamedTuple):
    """The host as the installation uses it, with the rights of the future owner."""

    commands: Commands
    engine: EngineClient
    inventory: EngineInventory

    @property
    def account(self) -> Account:
        """The owner of the installation to be."""
        return self.commands.account

    def remove_container(self, name: str) -> None:
        """Stop and remove a container by name, if it exists. Raises ``EngineError``."""
        response = self.engine.request("DELETE", f"/containers/{quote(name)}?force=true&v=true", _ENGINE_TIMEOUT)
        if response.status >= 400 and response.status != 404:
            raise EngineError(f"The container {name} cannot be removed: {response.message}.")

    def is_rootless(self) -> bool:
        """Return whether the engine runs as an ordinary user, who is root in its containers."""
        described = self.engine.request("GET", "/info", _ENGINE_TIMEOUT).body
        options = described.get("SecurityOptions") if isinstance(described, dict) else None
        return any("name=rootless" in str(one) for one in options or ())


def find_account(owner: Optional[str], parent: str) -> Union[Account, Problem]:
    """Return the account that is to own the server, or why there is none. ``parent`` is the folder of bwdata."""
    name, because = owner or "", ""
    if not name:
        status = os.stat(parent) if os.path.isdir(parent) else None
        found = Account.owner_of(parent) if status and status.st_uid else None
        name, because = (found.name if found and found.has_entry else USUAL_OWNER), " (the default)"
    account = Account.named(name)
    if account is None:
        return Problem(
            f"owner: the user {name}{because} does not exist on this host. Create it as a member of the group docker, "
            "or set owner to the user that is to own the installation."
        )
    if account.uid == 0:
        return Problem(
            "owner: Bitwarden's containers cannot run as root, and the installation would belong to nobody. Set owner "
            "to another user, a member of the group docker."
        )
    if not account.can_be_taken():
        return Problem(f"owner: this user cannot act for {name}. Run the task as root or as {name} (become).")
    return account


def open_host(account: Account, environ: Mapping[str, str]) -> InstallHost:
    """Return the host for ``account``. Raises ``EngineError`` where its Docker cannot be used for an installation."""
    commands = Commands(account, environ)
    docker = commands.find("docker")
    if docker is None:
        raise EngineError(
            "Docker is not installed here: no command named docker was found. Install Docker Engine and its Compose "
            "plugin."
        )
    engine = EngineClient(commands, docker)
    if not engine.host.startswith("unix://"):
        raise EngineError(
            f"The Docker engine ({engine.host}) is on another machine, where it would not find {account.name}'s files. "
            "Run the task on that machine."
        )
    return InstallHost(commands, engine, EngineInventory(engine))


def folder_problems(bwdata: str, script: str, account: Account) -> List[Problem]:
    """Return why a server cannot be put where it is to be, and ``bitwarden.sh`` to ``script``."""
    parent, folder = os.path.dirname(bwdata), os.path.dirname(script)
    return _parent_problems(bwdata, parent, account) + (_script_problems(folder) if folder != parent else [])


def _script_problems(folder: str) -> List[Problem]:
    if not os.path.isdir(folder):
        return [Problem(f"script: the folder {folder} does not exist. Create it.")]
    if not os.access(folder, os.W_OK | os.X_OK):
        return [Problem(f"script: {folder} cannot be written by this user. Run the task as root (become).")]
    return []


def _parent_problems(bwdata: str, parent: str, account: Account) -> List[Problem]:
    if os.path.isdir(parent):
        folders = [parent, *(folder for folder, _folders, _files in os.walk(bwdata))]
        closed = [one for one in folders if not os.access(one, os.W_OK | os.X_OK)]
        refused = [Problem(f"{', '.join(closed)} cannot be written by this user. Run the task as root (become).")]
        return unreadable(account, [parent]) + (refused if closed else [])
    if os.path.lexists(parent):
        return [Problem(f"{parent} is not a folder. Remove it, or set bwdata to another path.")]
    if os.geteuid() != 0:
        return [
            Problem(
                f"{bwdata} cannot be made, because {parent} does not exist. Create that folder for "
                f"{account.name}, or run the task as root (become)."
            )
        ]
    return []


def engine_problems(request: InstallRequest, host: InstallHost) -> List[BitwardenError]:
    """Return what would stop the containers from being created: Compose, names and ports that are taken."""
    found: List[BitwardenError] = []
    try:
        Project(host.commands, host.engine.docker, request.bwdata, "/").require()
    except BitwardenError as error:
        found.append(error)
    try:
        listed = host.inventory.all_containers()
        found += _names(request, listed)
        found += _ports(request, host, listed)
        found += _network(request, host)
    except EXPECTED as error:
        found.append(Problem(message_of(error)))
    return found


def _network(request: InstallRequest, host: InstallHost) -> List[Problem]:
    """Return the problem of an engine whose containers cannot ask this host whether the installation id is enabled."""
    if request.verify_installation or not host.is_rootless():
        return []
    return [
        Problem(
            "The Docker engine is rootless, so that the setup tool does not reach 127.0.0.1 of this host, where "
            "verify_installation=false has the installation id confirmed. Set verify_installation to true if the host "
            "reaches the cloud, or install with an engine of root."
        )
    ]


def services_of(request: InstallRequest) -> Tuple[str, ...]:
    """Return the services that the installation is to have."""
    config = request.config
    left_out = {_DATABASE} if config.get("enable_built_in_ms_sql") is False else set()
    added = [service for key, service in _OPTIONAL.items() if config.get(key) is True]
    return tuple(one for one in (*_SERVICES, *added) if one not in left_out)


def _names(request: InstallRequest, listed: List[ListedContainer]) -> List[Problem]:
    """Return a problem for each owner of containers that Bitwarden's would meet: by name, or by Compose project."""
    services = services_of(request)
    names = {*(f"bitwarden-{one}" for one in services), *_OF_SCRIPT}
    names |= {_CERTBOT} if request.certificate == LETS_ENCRYPT else set()
    folder = os.path.join(request.bwdata, _PROJECT)
    found: Dict[str, List[str]] = {}
    for one in listed:
        if one.name in names or (one.project == _PROJECT and one.service in services and not one.one_off):
            found.setdefault(one.folder, []).append(one.name)
    return [Problem(_taken(owner, sorted(taken), folder)) for owner, taken in sorted(found.items())]


def _taken(owner: str, names: List[str], folder: str) -> str:
    named = ", ".join(names)
    if owner and is_folder(owner, folder):
        return (
            f"Containers of a server in {owner} exist, which has no config.yml any more: {named}. Restore its data "
            "folder, or remove them if that server is not needed (docker rm --force)."
        )
    of = f"the Compose project in {owner}" if owner else "containers that Compose did not create"
    return (
        f"Container names that Bitwarden needs are taken by {of}: {named}. A host can run only one standard "
        "deployment. Remove these containers (docker rm), or install on another host."
    )


def _ports(request: InstallRequest, host: InstallHost, listed: List[ListedContainer]) -> List[Problem]:
    proxy = Service(_PROXY, "", {}, ports=tuple(_published(request)))
    scope = Scope(
        os.path.join(request.bwdata, _PROJECT),
        Composition(_PROJECT, {_PROXY: proxy}, frozenset(), (), ()),
        listed,
        {_PROXY: proxy},
    )
    problems = service_obstacles(scope, Host(host.inventory, True, listening), pull=True)
    return [Problem(f"{one} Set http_port or https_port in config for that.") for one in problems]


def _published(request: InstallRequest) -> List[Port]:
    """Return the ports of the host that nginx is to publish; Let's Encrypt asks at port 80."""
    values = planned_config(request.certificate, request.domain, request.config)
    wanted = [str(values[key]) for key in ("http_port", *(["https_port"] if values["ssl"] else [])) if values[key]]
    if request.certificate == LETS_ENCRYPT:
        wanted.append("80")
    parts = [one.rpartition(":") for one in sorted(set(wanted))]
    return [Port(address.strip("[]"), int(number), "tcp") for address, _colon, number in parts]
