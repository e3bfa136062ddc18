# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a request to a plan of an installation, with every problem of the host at once. Changes nothing."""

from __future__ import annotations

import contextlib
import os
from typing import List, Mapping, NamedTuple, Optional, Tuple

from .._commands.runner import Account
from .._common.diff import Difference
from .._common.errors import EXPECTED, BitwardenError
from .._common.masking import mask_text
from .._common.problem import Problem
from .._docker.images import image_problems
from .._scripts.pair import DOWNLOAD, ScriptPair
from .._scripts.source import download, read_folder
from .cloud import cloud_problems
from .data_folder import DataFolder, inspect_folder
from .host import InstallHost, engine_problems, find_account, folder_problems, open_host, services_of
from .lets_encrypt import IMAGE
from .request import LETS_ENCRYPT, InstallRequest

# What of the request the diff shows; never the key.
_SHOWN = ("url", "installation_id", "region", "database_name", "certificate")


class InstallError(BitwardenError):
    """The server was not installed. The message (masked) names everything that is in the way, or what failed."""


class InstallPlan(NamedTuple):
    """What a run would do, where the server is not installed yet.

    ``host`` and ``pair`` are None where the installation only has to be moved to its place.
    """

    request: InstallRequest
    folder: DataFolder
    account: Optional[Account] = None
    host: Optional[InstallHost] = None
    pair: Optional[ScriptPair] = None

    @property
    def changed(self) -> bool:
        """Whether there is anything to install."""
        return not self.folder.installed

    @property
    def version(self) -> Optional[str]:
        """The version that is to be installed."""
        return self.pair.versions.core if self.pair else None

    def difference(self) -> Difference:
        """Return what the installation adds, and what it removes of earlier ones that were not finished."""
        found = Difference()
        if not self.changed:
            return found
        request = self.request
        for name in (*self.folder.stages, *([] if self.folder.complete else self.folder.leftovers)):
            found.compare(f"unfinished {name}", "present", None)
        found.compare("version", None, self.version or "as an earlier run prepared it")
        for name in _SHOWN:
            found.compare(name, None, getattr(request, name))
        found.compare("owner", None, self.account.name if self.account else None)
        for key, value in sorted(request.config.items()):
            found.compare(f"config.{key}", None, str(value))
        if self.pair and not _holds(request.script, self.pair.script):
            exists = os.path.lexists(request.script)
            found.compare(request.script, "another one" if exists else None, f"version {self.version}")
        return found


def plan_installation(request: InstallRequest, environ: Mapping[str, str]) -> InstallPlan:
    """Decide what to do; only reads. Raises ``InstallError`` that names every problem of the host."""
    folder = inspect_folder(request.bwdata)
    if folder.installed:
        return InstallPlan(request, folder)
    problems: List[BitwardenError] = []
    if folder.foreign:
        problems.append(
            Problem(
                f"{request.bwdata} has no config.yml, but files that an unfinished installation does not leave: "
                f"{folder.described()}. If it is the data of a server, restore its config.yml. Otherwise move it away."
            )
        )
    account = find_account(request.owner, request.parent)
    if folder.complete and isinstance(account, Account):
        return InstallPlan(request, folder, account)
    host: Optional[InstallHost] = None
    pair: Optional[ScriptPair] = None
    if isinstance(account, Account):
        host, pair, found = _inspect_host(request, account, environ)
        problems += found
    else:
        problems.append(account)
    if request.verify_installation:
        problems += cloud_problems(request, environ)
    if problems or isinstance(account, Problem):
        text = " ".join([*map(str, problems), "Nothing was changed."])
        raise InstallError(mask_text(text, [request.installation_key]))
    return InstallPlan(request, folder, account, host, pair)


def _inspect_host(
    request: InstallRequest, account: Account, environ: Mapping[str, str]
) -> Tuple[Optional[InstallHost], Optional[ScriptPair], List[BitwardenError]]:
    """Return the host and the scripts, where they can be used, and every problem with them."""
    problems: List[BitwardenError] = [*folder_problems(request.bwdata, request.script, account)]
    try:
        host = open_host(account, environ)
    except BitwardenError as error:
        return None, None, [*problems, error]
    problems += engine_problems(request, host)
    try:
        pair = _scripts(request, host, environ)
    except BitwardenError as error:
        return host, None, [*problems, error]
    # Why the engine cannot be asked has been told already.
    with contextlib.suppress(*EXPECTED):
        problems += image_problems(host.inventory, _images(request, pair), request.pull)
    return host, pair, problems


def _scripts(request: InstallRequest, host: InstallHost, environ: Mapping[str, str]) -> ScriptPair:
    if request.source == DOWNLOAD:
        return download(host.commands, request.version, environ)
    return read_folder(host.commands, request.source, request.version)


def _images(request: InstallRequest, pair: ScriptPair) -> List[str]:
    """Return the images that have to be had before anything is made: all of them, where the start may not pull any."""
    found = pair.images(() if request.pull else services_of(request))
    return [*found, *([IMAGE] if request.certificate == LETS_ENCRYPT else [])]


def _holds(path: str, content: bytes) -> bool:
    with contextlib.suppress(OSError), open(path, "rb") as stream:
        return stream.read() == content
    return False
