# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts about a deployment: services, settings, region, licenses."""

from __future__ import annotations

import os
from typing import Any, Dict, Optional, Tuple

from .._common.masking import MASK, holds_credentials, looks_secret
from .._common.setting_names import INSTALLATION_ID
from .._env_files.document import EnvFile
from .._licenses.file import LicenseFolder
from .._settings.override_file import FILES
from .._settings.regions import region_facts
from .._settings.types import guid_text
from .deployment import Deployment
from .drift import Stack

_ASK_TIMEOUT = 15.0


def server_facts(
    deployment: Deployment, organization: Optional[str] = None, show_settings: bool = True
) -> Dict[str, Any]:
    """Return everything that ``server_info`` returns; with ``organization`` only its license.

    Raises ``DeploymentError``, ``EngineError``, ``EnvFileError``.
    """
    stack = deployment.inspect()
    settings = override_settings(deployment)
    licenses = license_folder(deployment)
    found = [licenses.one(organization)] if organization else licenses.all()
    return {
        "services": [report._asdict() for report in stack.report(_answering(deployment, stack))],
        "version": stack.version(),
        "settings": {
            name: MASK if looks_secret(name) or holds_credentials(value) else value
            for name, value in settings.values().items()
            if show_settings
        },
        "stale_services": stack.stale(),
        "installation_id": guid_text(stack.setting(INSTALLATION_ID)),
        "region": region_facts(stack.setting),
        "licenses": [one.report() for one in found],
    }


def override_settings(deployment: Deployment) -> EnvFile:
    """Return the deployment's ``global.override.env``; an empty one where there is none."""
    path = os.path.join(deployment.bwdata, "env", FILES["global"])
    return deployment.env_files().get(path) or EnvFile.parse(b"", path)


def license_folder(deployment: Deployment) -> LicenseFolder:
    """Return the folder of the organizations' license files."""
    users = deployment.env_files().get(os.path.join(deployment.bwdata, "env", "uid.env"))
    return LicenseFolder.of(deployment.bwdata, override_settings(deployment), users)


def _answering(deployment: Deployment, stack: Stack) -> Tuple[str, ...]:
    """Ask the services that Docker calls starting: its state lags by half a minute after a start."""
    asked = [one for one in stack.containers if one.state == "running" and one.health == "starting"]
    answers = deployment.engine.ask(asked, _ASK_TIMEOUT)
    return tuple(one.service for one in asked if answers.get(one.id))
