# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry the plan of an installation out. What fails or is ended by a signal leaves the host as it was."""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack
from typing import Mapping

from .._commands.runner import Account
from .._common.errors import EXPECTED, BitwardenError, message_of
from .._common.files import remove
from .._common.masking import mask_text
from .._config_yml.document import ConfigDocument
from .._config_yml.keys import Value, path_below_bwdata
from .._docker.images import ImageError, pull_images
from .._settings.override_file import OverrideFile
from .._settings.resolve import SettingsRequest
from .answer import installation_answer
from .data_folder import CONFIG, inspect_folder
from .host import InstallHost
from .lets_encrypt import IMAGE, obtain_certificate
from .plan import InstallError, InstallPlan
from .request import LETS_ENCRYPT, InstallRequest
from .setup_tool import SetupError, SetupTool
from .stage import SCRIPT, Stage, container_of, discard, making, move_to_place


def install(plan: InstallPlan, lock: int) -> None:
    """Install the server; it is not started. ``lock`` is the descriptor that holds the lock of bwdata.

    Raises ``InstallError``, after everything that was made has been removed.
    """
    request, account = plan.request, plan.account
    try:
        if plan.host and plan.pair and account:
            # Should this run be killed, the next one waits for the commands that it started.
            plan.host.commands.inherited = (lock,)
            _prepare(plan, plan.host, account)
        move_to_place(request.bwdata, request.script)
    except EXPECTED as error:
        text = f"{message_of(error)} {_left(request)}"
        raise InstallError(mask_text(text, [request.installation_key])) from error


def _left(request: InstallRequest) -> str:
    try:
        folder = inspect_folder(request.bwdata)
    except BitwardenError:
        return "Run again once this is corrected."
    if folder.installed or folder.complete:
        return "The installation is complete up to this. Run again once it is corrected."
    if folder.stages:
        left = ", ".join(os.path.join(request.bwdata, one) for one in folder.stages)
        return f"Nothing was installed. What this run made is left in {left}; the next run removes it."
    return "Nothing was installed, and what this run made was removed."


def _prepare(plan: InstallPlan, host: InstallHost, account: Account) -> None:
    """Make the installation aside, up to where it only has to be moved."""
    bwdata = plan.request.bwdata
    if not account.is_current():
        # Docker's command reads there as the owner; what an installation by root left belongs to nobody.
        os.chown(bwdata, account.uid, account.gid)
    with making(bwdata, account, host.remove_container) as stage:
        for one in plan.folder.stages:
            host.remove_container(container_of(one))
            discard(bwdata, one)
        _make(plan, host, stage)
        for name in inspect_folder(bwdata).leftovers:
            remove(os.path.join(bwdata, name))
        stage.complete()


def _make(plan: InstallPlan, host: InstallHost, stage: Stage) -> None:
    request, account, pair = plan.request, host.account, plan.pair
    if pair is None:
        return
    for folder in ("env", "scripts"):
        stage.make_folder(folder)
    stage.write("env/uid.env", f"LOCAL_UID={account.uid}\nLOCAL_GID={account.gid}\n".encode(), 0o644)
    stage.write("scripts/run.sh", pair.run, 0o700)
    stage.write(SCRIPT, pair.script, 0o700)
    _pull(host, request, pair.setup_image)
    if request.certificate == LETS_ENCRYPT:
        _pull(host, request, IMAGE)
        obtain_certificate(host, request, stage)
    with ExitStack() as stack:
        url = "" if request.verify_installation else stack.enter_context(installation_answer())
        SetupTool(host, pair, request, stage, url).install()
    _configure(SetupTool(host, pair, request, stage), request.config)
    override = OverrideFile(stage.path, "global")
    override.write(override.plan(SettingsRequest(region=request.region)), backup=False)
    _write_certificate(request, stage)


def _pull(host: InstallHost, request: InstallRequest, image: str) -> None:
    try:
        pull_images(host.commands, host.inventory, [image], request.timeout)
    except ImageError as error:
        raise InstallError(
            f"{error} Check the network of the host, or load the image (docker load) and set pull to false."
        ) from None


def _configure(tool: SetupTool, values: Mapping[str, Value]) -> None:
    """Set keys of config.yml, and have everything generated from it again where that changes anything."""
    path = tool.stage.below(CONFIG)
    before = _content(path)
    after, difference = ConfigDocument.parse(before, path).change(values)
    if not difference:
        return
    tool.stage.write(CONFIG, after, stat.S_IMODE(os.stat(path).st_mode))
    tool.update()
    left = ConfigDocument.parse(_content(path), path).change(values)[1]
    if left:
        names = ", ".join(change.key for change in left.changes)
        raise SetupError(f"Bitwarden's setup tool of version {tool.pair.versions.core} did not keep {names} of config.")


def _write_certificate(request: InstallRequest, stage: Stage) -> None:
    """Put the user's certificate where config.yml names it."""
    files = request.certificate_files
    if files is None:
        return
    path = stage.below(CONFIG)
    values = ConfigDocument.parse(_content(path), path).values()
    named = {"ssl_certificate_path": files.cert, "ssl_key_path": files.key, "ssl_ca_path": files.ca}
    for key, text in named.items():
        below = path_below_bwdata(str(values[key] or ""))
        if text and below:
            stage.make_folder(os.path.dirname(below))
            stage.write(below, text.encode(), 0o600)


def _content(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()
