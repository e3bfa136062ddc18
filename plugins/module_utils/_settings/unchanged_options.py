# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the options of module server to those of module server_unchanged, which needs no catalog of settings."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from .._common.durations import parse_duration
from .._env_files.document import canonical
from .argspec import request_from
from .override_file import FILES
from .resolve import resolve_unchanged


class UnchangedCheck(NamedTuple):
    """The ``options`` of module server_unchanged, and what module server returns beside the facts of the host.

    ``warnings`` are those of the settings, ``arguments`` the values of its options, secrets masked.
    """

    options: Dict[str, Any]
    warnings: List[str]
    arguments: Dict[str, Any]


def unchanged_check(values: Mapping[str, Any]) -> Optional[UnchangedCheck]:
    """Return how to find out whether there is nothing to do; None where only module server itself can tell.

    ``values`` are those of all of its options, checked.
    """
    if values["state"] != "started" or values["config"] is not None or values["certificate"]:
        return None
    arguments = dict(values)
    request = request_from(arguments)
    desired = resolve_unchanged(request)
    if desired is None:
        return None
    secret = {name: value for name, value in desired.values.items() if canonical(name) in desired.secret_keys}
    options = {
        "bwdata": values["bwdata"],
        "script": values["script"],
        "file": FILES[request.file],
        "settings": {name: value for name, value in desired.values.items() if name not in secret},
        "secret_settings": secret,
        "region": request.region,
        "pull": values["pull"],
        "wait": values["wait"],
        "timeout": parse_duration(values["wait_timeout"]),
    }
    return UnchangedCheck(options, desired.warnings, arguments)
