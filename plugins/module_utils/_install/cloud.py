# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the cloud knows the installation id and accepts its key, asked from the host before anything is made."""

from __future__ import annotations

from typing import List, Mapping

from .._common.problem import Problem
from .._connectivity.cloud import Vantage, check_installation, probe
from .._connectivity.endpoints import API, IDENTITY, DesiredCloud
from .._connectivity.http import Network
from .._connectivity.report import HOST, Check
from .._connectivity.tls import context_of
from .request import InstallRequest

_TIMEOUT = 10.0
_OFFLINE = "On a host without access to the cloud set verify_installation to false."


def cloud_problems(request: InstallRequest, environ: Mapping[str, str]) -> List[Problem]:
    """Return why the setup tool would refuse id or region, or the server could not use its key later."""
    cloud = DesiredCloud.of(request.cloud_setting)
    endpoints = [one for one in cloud.endpoints if one.name in (API, IDENTITY)]
    network = Network(environ, context_of([], defaults=True))
    reached = network.call(probe, endpoints, _TIMEOUT)
    checks = [Check(one.name, HOST, one.target, reached[one.name]) for one in endpoints]
    unreachable = [Problem(f"{one.line} {_OFFLINE}") for one in checks if not one.ok]
    vantage = Vantage(HOST, network.call, reached)
    found, _installation = check_installation(cloud, [vantage], _TIMEOUT, login=True)
    return [*unreachable, *(Problem(one.line) for one in found if not one.ok)]
