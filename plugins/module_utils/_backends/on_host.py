# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Info modules called where an API module runs on the server's host itself."""

from __future__ import annotations

import os
from typing import Any, Mapping

from .._common.durations import parse_duration
from .._common.errors import EXPECTED, result_of
from .._deployment.deployment import Deployment
from .._deployment.facts import server_facts
from .._sync_log.reader import sync_failures


def read_here(module: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the info module returns on this machine; ``failed`` and ``msg`` where it fails."""
    try:
        deployment = Deployment(str(options["bwdata"]), None, os.environ)
        if module == "server_info":
            return server_facts(deployment, str(options["organization"]))
        since = parse_duration(options.get("since", "2d"))
        return sync_failures(deployment, since, options["organization"], options.get("kind"))
    except EXPECTED as error:
        return {"failed": True, **result_of(error)}


def read_file(path: str) -> bytes:
    """Return a file of this machine; the action plugins send the content of the controller's instead."""
    with open(path, "rb") as stream:
        return stream.read()
