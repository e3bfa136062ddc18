# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A drill from its options to its result, under the lock of its folder."""

from __future__ import annotations

from typing import IO, Any, Callable, ContextManager, Dict, Mapping, Optional

from .._backup.sets import BackupSet
from .._common.errors import Terminated
from .._restore.login import ApiKey
from .._restore.reading import decrypted
from .folder import drill_lock
from .options import is_absent
from .plan import DrillError, DrillRequest, drill_host, plan_drill
from .run import Drill, remove_drill


def request_of(params: Mapping[str, Any], durations: Mapping[str, float]) -> DrillRequest:
    """Return what the options of a module ask for; paths are absolute."""
    return DrillRequest(
        params["bwdata"],
        params["set"] or "",
        params["confirm"],
        params["identity"],
        params["rollback"],
        params["pull"],
        durations["wait_timeout"],
        durations["database_timeout"],
        ApiKey.given(params),
    )


def drill(
    params: Mapping[str, Any],
    durations: Mapping[str, float],
    environ: Mapping[str, str],
    check_mode: bool,
    warn: Callable[[str], Any],
) -> Dict[str, Any]:
    """Carry out a drill, or remove it; return the result with Ansible's diff. Raises ``BitwardenError``."""
    request = request_of(params, durations)
    with drill_lock(request.bwdata, durations["lock_timeout"]) as lock:
        host = drill_host(request.bwdata, environ)
        if is_absent(params):
            result, diff = remove_drill(request.bwdata, host, check_mode)
            return {**result, "diff": diff}

        def opened(backup: BackupSet) -> ContextManager[Optional[IO[bytes]]]:
            return decrypted(backup, request.identity, host.commands.find)

        planned = plan_drill(host, request, opened, environ)
        if planned.left_behind():
            warn(planned.left_behind())
        shown = {**planned.result(), "diff": planned.diff()}
        run = Drill(planned, opened, environ, lock)
        try:
            return shown if check_mode else {**shown, **run.run()}
        except (Terminated, DrillError) as error:
            error.keys = {**shown, **error.keys}
            raise
        finally:
            for warning in run.warnings:
                warn(warning)
