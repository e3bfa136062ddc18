# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server has to be for an update, apart from its versions: healthy, and with files that follow the release."""

from __future__ import annotations

import os
from typing import List

from .._common.errors import EXPECTED, message_of
from .._common.problem import Problem
from .._config_yml.document import ConfigDocument
from .._deployment.deployment import Deployment
from .._deployment.drift import BITWARDEN, Stack
from .._docker.containers import NOT_ASKED


def host_problems(deployment: Deployment, stack: Stack) -> List[Problem]:
    """Return what has to be corrected first."""
    return [*_unhealthy(stack), *_scripts(deployment), *_config(os.path.join(deployment.bwdata, "config.yml"))]


def content(path: str) -> bytes:
    """Return the bytes of a file, none where it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return b""


def _unhealthy(stack: Stack) -> List[Problem]:
    down = [one for one in stack.missing() if one in BITWARDEN]
    ill = sorted(
        {
            one.service
            for one in stack.containers
            if one.service in BITWARDEN - NOT_ASKED and (one.health == "unhealthy" or one.state == "restarting")
        }
    )
    if not (down or ill):
        return []
    seen = [f"not running: {', '.join(down)}"] if down else []
    seen += [f"unhealthy: {', '.join(ill)}"] if ill else []
    return [
        Problem(
            f"Only a healthy server is updated, so that what is wrong afterwards is by the update; {'; '.join(seen)}. "
            "Correct that first (module server)."
        )
    ]


def _scripts(deployment: Deployment) -> List[Problem]:
    if os.path.isfile(deployment.script.path):
        return []
    return [Problem(f"{deployment.script.path} does not exist. Set script to the path of bitwarden.sh.")]


def _config(path: str) -> List[Problem]:
    """Return why the setup tool would not generate the files of a release."""
    if not os.path.isfile(path):
        return [
            Problem(
                f"{os.path.dirname(path)} has no config.yml, from which the setup tool generates the files of a "
                "release. Generate it (bitwarden.sh rebuild), and compare the result."
            )
        ]
    try:
        generated = ConfigDocument.parse(content(path), path).values().get("generate_compose_config")
    except EXPECTED as error:
        return [Problem(message_of(error))]
    if generated is not False:
        return []
    return [
        Problem(
            f"{path} has generate_compose_config: false, so the Compose file stays as it is, and the services stay on "
            "their images. Set it to true (module server, config), with what is special in docker-compose.override.yml."
        )
    ]
