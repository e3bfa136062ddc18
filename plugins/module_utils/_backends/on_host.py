# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module that itself runs on the server's host finds there: the log, the license file."""

from __future__ import annotations

import os
from typing import Union

from .._deployment.deployment import Deployment, DeploymentError
from .._deployment.docker import EngineError
from .._deployment.facts import server_facts
from .._deployment.runner import CommandError
from .._env_files.document import EnvFileError
from .._sync_log.diagnosis import LOG_MARGIN, Diagnose, Diagnosis, NoDiagnosis, no_access, read_log_result
from .._sync_log.reader import sync_failures
from .license import Inspect, NotOnHost, OnHost, read_server_info


def diagnose_here(bwdata: str) -> Diagnose:
    """A diagnosis that reads the api container's log of the deployment in ``bwdata`` on this machine."""

    def diagnose(organization: str, seconds: float) -> Union[Diagnosis, NoDiagnosis, None]:
        try:
            deployment = Deployment(bwdata, None, os.environ)
            return read_log_result(sync_failures(deployment, seconds + LOG_MARGIN, organization, "license"))
        except (CommandError, DeploymentError, EngineError, EnvFileError) as error:
            return no_access(str(error))

    return diagnose


def inspect_here(bwdata: str, wanted: bool) -> Inspect:
    """A look at the license file of the deployment in ``bwdata`` on this machine, if it is ``wanted``."""

    def inspect(organization: str) -> Union[OnHost, NotOnHost]:
        if not wanted:
            return NotOnHost("inspect is off.")
        try:
            return read_server_info(server_facts(Deployment(bwdata, None, os.environ), organization))
        except (CommandError, DeploymentError, EngineError, EnvFileError) as error:
            return NotOnHost(no_access(str(error)).reason)

    return inspect
