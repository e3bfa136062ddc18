# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the account that runs Compose can read a file, which root could read in any case."""

from __future__ import annotations

import grp
import os
from typing import Iterable, List

from .._common.problem import Problem
from .runner import Account


def unreadable(account: Account, paths: Iterable[str]) -> List[Problem]:
    """Return a problem for each file that exists and that ``account`` cannot read."""
    found = {blocked: _describe(account, path, blocked) for path in paths for blocked in _blocked(account, path)}
    return [found[blocked] for blocked in sorted(found)]


def _blocked(account: Account, path: str) -> List[str]:
    """Return the file, or the first folder on the way to it, that the account has no right to; empty if none."""
    with account.assumed():
        folder = os.sep
        for part in os.path.realpath(path).split(os.sep)[1:]:
            try:
                # Passing through a folder is the right that is needed there.
                os.stat(os.path.join(folder, os.curdir))
            except PermissionError:
                return [folder]
            except OSError:
                return []
            folder = os.path.join(folder, part)
        try:
            os.close(os.open(folder, os.O_RDONLY | os.O_NONBLOCK))
        except PermissionError:
            return [folder]
        except OSError:
            return []
    return []


def _describe(account: Account, path: str, blocked: str) -> Problem:
    status = os.stat(blocked)
    on_the_way = blocked != os.path.realpath(path)
    subject = f"{blocked} (on the way to {path})" if on_the_way else blocked
    owner, mode = f"{Account.owner_of(blocked).name}:{_group(status.st_gid)}", f"{status.st_mode & 0o7777:04o}"
    reader = account.name
    remedy = f"chown {reader} {blocked}"
    if on_the_way:
        remedy = f"chmod a+x {blocked}"
    elif status.st_uid == account.uid:
        remedy = f"chmod u+r {blocked}"
    return Problem(
        f"{subject} belongs to {owner} with mode {mode}, and {reader}, who runs Docker Compose, cannot read it. "
        f"Correct that ({remedy})."
    )


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
