# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts about a deployment: services, settings, region, licenses."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, TypeVar

from .._common.errors import EXPECTED, BitwardenError, message_of
from .._common.masking import MASK
from .._common.setting_names import INSTALLATION_ID
from .._env_files.document import EnvFile
from .._licenses.file import LicenseFolder
from .._settings.override_file import FILES
from .._settings.regions import region_facts
from .._settings.secrecy import is_secret_setting
from .._settings.types import guid_text
from .deployment import Deployment
from .drift import Stack

T = TypeVar("T")

#: What else is gathered on the stack, as far as that could be read; it raises nothing that is expected.
More = Callable[[Stack], Mapping[str, Any]]

_ASK_TIMEOUT = 15.0


class FactsError(BitwardenError):
    """Some facts cannot be read. The result has the others, and null for these."""

    def __init__(self, reasons: Sequence[str], facts: Mapping[str, Any]) -> None:
        super().__init__(" ".join(dict.fromkeys(reasons)))
        self.facts = dict(facts)

    def result(self) -> Dict[str, Any]:
        """Return the message, and the facts that could be read."""
        return {**self.facts, **super().result()}


class Reading:
    """Facts that are read one by one, each whether or not the others can be."""

    def __init__(self) -> None:
        self._reasons: List[str] = []

    def read(self, call: Callable[[], T]) -> Optional[T]:
        """Return what ``call`` returns, None where it cannot be read."""
        try:
            return call()
        except EXPECTED as error:
            self._reasons.append(message_of(error))
            return None

    def complete(self, facts: Dict[str, Any]) -> Dict[str, Any]:
        """Return the facts. Raises ``FactsError`` with them where one could not be read."""
        if self._reasons:
            raise FactsError(self._reasons, facts)
        return facts


def server_facts(
    deployment: Deployment,
    organization: Optional[str] = None,
    show_settings: bool = True,
    more: More = lambda stack: {},
) -> Dict[str, Any]:
    """Return what the deployment itself tells, and ``more`` facts; with ``organization`` only its license.

    Raises ``FactsError``, with the facts that can be read, where others cannot.
    """
    reading = Reading()
    read = reading.read
    stack = read(deployment.inspect)
    containers = stack.containers if stack else read(deployment.containers)
    running = stack or Stack({}, containers or [], {})
    settings = read(lambda: override_settings(deployment))
    setting = stack.setting if stack else settings.get if settings else None
    services = read(lambda: running.report(_answering(deployment, running)))
    facts = {
        "services": None if services is None or containers is None else [one._asdict() for one in services],
        "version": running.version(),
        "settings": None if settings is None else _shown(settings if show_settings else None),
        "stale_services": stack.stale() if stack else None,
        "installation_id": guid_text(setting(INSTALLATION_ID)) if setting else None,
        "region": region_facts(setting) if setting else None,
        "licenses": read(lambda: _licenses(deployment, organization)),
        **more(running),
    }
    return reading.complete(facts)


def _shown(settings: Optional[EnvFile]) -> Dict[str, str]:
    return {
        name: MASK if is_secret_setting(name, value) else value
        for name, value in (settings.values().items() if settings else ())
    }


def _licenses(deployment: Deployment, organization: Optional[str]) -> List[Dict[str, Any]]:
    folder = license_folder(deployment)
    return [one.report() for one in ([folder.one(str(guid_text(organization)))] if organization else folder.all())]


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
