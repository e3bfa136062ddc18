# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: shared code of this collection. It can change without notice.

"""The diagnosis where the module itself runs on the server's host: the log is at hand."""

from __future__ import annotations

import os
from typing import Union

from ..command import CommandError
from ..deployment import Deployment, DeploymentError
from ..engine import EngineError
from ..env_file import EnvFileError
from ..sync_failures import sync_failures
from .diagnosis import LOG_MARGIN, Diagnose, Diagnosis, NoDiagnosis, no_access, read_log_result


def diagnose_here(bwdata: str) -> Diagnose:
    """A diagnosis that reads the api container's log of the deployment in ``bwdata`` on this machine."""

    def diagnose(organization: str, seconds: float) -> Union[Diagnosis, NoDiagnosis, None]:
        try:
            deployment = Deployment(bwdata, None, os.environ)
            return read_log_result(sync_failures(deployment, seconds + LOG_MARGIN, organization, "license"))
        except (CommandError, DeploymentError, EngineError, EnvFileError) as error:
            return no_access(str(error))

    return diagnose
