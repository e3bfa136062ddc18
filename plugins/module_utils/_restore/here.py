# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is on the host before a restore, however damaged it is: only Docker has to work."""

from __future__ import annotations

import contextlib
import os
import re
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from .._common.errors import EXPECTED, message_of
from .._common.files import text_of
from .._common.setting_names import INSTALLATION_ID, VAULT_URL
from .._common.versions import version_numbers
from .._database.connection_string import SERVICE
from .._deployment.deployment import Deployment
from .._deployment.drift import Stack
from .._docker.containers import Container
from .._docker.running import running_container
from .._env_files.document import EnvFile, EnvFileError
from .._settings.override_file import FILES
from .._settings.types import guid_text
from .parts import COMPOSE_FILE

#: By this name is asked whether a restore that was cut off has replaced bitwarden.sh.
SCRIPT_PATH = "../bitwarden.sh"
#: Where SQL Server has its files below bwdata, unless they are in a volume.
DATA = "mssql/data"

_VERSION = re.compile(r"\d+\.\d+\.\d+")
_IMAGE = re.compile(r"^\s*image:\s*[\"']?\S*/(\w[\w-]*):(\d+\.\d+\.\d+)", re.MULTILINE)
_CORE_VERSION = re.compile(r"^\s*COREVERSION=[\"']?(\d+\.\d+\.\d+)", re.MULTILINE)
_URL = re.compile(r"^url:\s*[\"']?([^\s\"'#]+)", re.MULTILINE)
_VOLUME = re.compile(r"^database_docker_volume:\s*true\s*$", re.MULTILINE | re.IGNORECASE)

# From this version of the image on it has this major version of SQL Server.
_ENGINES = (((2026, 6, 1), 17), ((2024, 2, 2), 16), ((0, 0, 0), 15))


class Size(NamedTuple):
    """How many files there are, and their size in bytes."""

    files: int = 0
    size: int = 0

    def __str__(self) -> str:
        return f"{self.files} file{'' if self.files == 1 else 's'}, {self.size} bytes"


#: Gives where a file of bwdata is now: a restore that was cut off has moved some aside.
Before = Callable[[str], str]


def in_place(path: str) -> str:
    """Return where a file is that nothing has moved."""
    return path


class Here(NamedTuple):
    """The host as it is. What cannot be read, because it is damaged or missing, is None.

    ``version`` is that of the images, ``script_version`` that of bitwarden.sh. ``fault`` is why Compose cannot read
    the project, empty where it can. ``password`` (secret) is that of SQL Server, ``owner`` are user
    and group of the files. ``in_volume``: SQL Server has its files in a Docker volume. ``is_new``: there is no server
    yet. ``config`` is the text of config.yml, ``before`` as in ``read_here``.
    """

    bwdata: str
    stack: Optional[Stack]
    containers: List[Container]
    fault: str
    version: Optional[str]
    script_version: Optional[str]
    engine: Optional[int]
    installation_id: Optional[str]
    url: Optional[str]
    password: Optional[str]
    owner: Tuple[int, int]
    in_volume: bool
    is_new: bool = False
    config: Optional[str] = None
    before: Before = in_place

    def path(self, below: str) -> str:
        """Return the path of a file or folder of bwdata, as it was before a restore that was cut off."""
        return os.path.join(self.bwdata, self.before(below))

    @property
    def has_database_files(self) -> bool:
        """Whether SQL Server has files of its own here."""
        return self.in_volume or not _is_empty(self.path(DATA))

    @property
    def is_up(self) -> bool:
        """Whether any container is up."""
        return any(one.is_up for one in self.containers)

    @property
    def database(self) -> Optional[Container]:
        """The container of SQL Server, where it is running."""
        return running_container(self.containers, SERVICE)

    @property
    def has_data(self) -> bool:
        """Whether there is a database or data of the services that a restore would replace."""
        return any(not _is_empty(os.path.join(self.bwdata, path)) for path in (DATA, "core"))


def read_here(deployment: Deployment, before: Before = in_place) -> Here:
    """Read it. Raises ``EngineError`` without Docker; nothing else is needed.

    ``before`` tells where the files are that a restore has moved aside which was cut off: what Compose and containers
    tell is not of them.
    """
    containers = deployment.containers()
    stack, fault = None, ""
    try:
        stack = deployment.inspect()
    except EXPECTED as error:
        fault = message_of(error)
    bwdata, known = deployment.bwdata, stack if before is in_place else None
    config_path, compose, settings_path, database_path = (
        os.path.join(bwdata, before(one))
        for one in ("config.yml", COMPOSE_FILE, f"env/{FILES['global']}", f"env/{FILES['mssql']}")
    )
    settings, config = env_values(settings_path), text_of(config_path)
    versions = dict(_IMAGE.findall(text_of(compose)))
    moved = before(SCRIPT_PATH)
    script = _CORE_VERSION.search(text_of(deployment.script.path if moved == SCRIPT_PATH else f"{bwdata}/{moved}"))
    script_version = script.group(1) if script else None
    version = (known.version() if known else None) or versions.get("api") or script_version
    database = next((one for one in containers if before is in_place and one.service == SERVICE), None)
    given = env_values(database_path).get("SA_PASSWORD")
    return Here(
        bwdata,
        stack,
        containers,
        fault,
        version,
        script_version,
        engine_of(_database_image(known) or versions.get(SERVICE) or version),
        guid_text(settings.get(INSTALLATION_ID)),
        _url(config) or settings.get(VAULT_URL),
        (database.environment.get("SA_PASSWORD") if database else None) or given,
        owner_of(bwdata),
        bool(_VOLUME.search(config)),
        False,
        config if os.path.isfile(config_path) else None,
        before,
    )


def env_values(path: str) -> Dict[str, str]:
    """Return the values of an env file, empty where it is missing or damaged."""
    with contextlib.suppress(OSError, EnvFileError), open(path, "rb") as stream:
        return EnvFile.parse(stream.read(), path).values()
    return {}


def owner_of(bwdata: str) -> Tuple[int, int]:
    """Return user and group of the server's files: those in ``uid.env``, else those of ``bwdata``."""
    given = env_values(os.path.join(bwdata, "env", "uid.env"))
    uid, gid = given.get("LOCAL_UID", ""), given.get("LOCAL_GID", "")
    if uid.isdigit() and gid.isdigit():
        return int(uid), int(gid)
    status = os.stat(bwdata)
    return status.st_uid, status.st_gid


def engine_of(version: Optional[str]) -> Optional[int]:
    """Return the major version of SQL Server in the image of a version, None where that is not known."""
    key = version_numbers(version)
    return next((major for first, major in _ENGINES if key >= first), None) if key else None


def size_of(path: str) -> Size:
    """Return number and size of the files at and below ``path``; what cannot be read does not count."""
    if not os.path.isdir(path) or os.path.islink(path):
        return Size(1, os.lstat(path).st_size) if os.path.lexists(path) else Size()
    count = size = 0
    for folder, _folders, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(folder, name)).st_size
                count += 1
    return Size(count, size)


def _database_image(stack: Optional[Stack]) -> Optional[str]:
    service = stack.services.get(SERVICE) if stack else None
    found = _VERSION.search(service.image.rpartition(":")[2]) if service else None
    return found.group(0) if found else None


def _url(config: str) -> Optional[str]:
    found = _URL.search(config)
    return found.group(1).rstrip("/") if found else None


def _is_empty(path: str) -> bool:
    try:
        return not os.listdir(path)
    except OSError:
        return True
