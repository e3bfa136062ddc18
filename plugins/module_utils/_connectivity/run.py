# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run of the connectivity checks, on a stack that is planned already."""

from __future__ import annotations

from typing import Collection, Mapping

from .._deployment.deployment import Deployment
from .._deployment.drift import Stack
from .report import Report
from .survey import Planned, Run


def check_connectivity(
    deployment: Deployment,
    stack: Stack,
    removed: Collection[str] = (),
    *,
    environ: Mapping[str, str],
    timeout: float = 10.0,
    login: bool = True,
) -> Report:
    """Check the connections from host and container to the cloud, on the settings of the planned ``stack``.

    ``removed`` names the settings that the plan takes away, ``environ`` is this process's environment, ``timeout`` is
    in seconds for each address. Changes nothing; raises ``CommandError``.
    """
    return Run(deployment, environ).report(Planned(stack, removed), timeout, login)
