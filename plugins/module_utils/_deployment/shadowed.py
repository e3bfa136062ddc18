# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings that another source shadows: an override, or the same name in another case."""

from __future__ import annotations

from typing import Callable, Container, Dict, List, Mapping, NamedTuple, Optional

from .._compose.composition import Service
from .._env_files.document import EnvFile, canonical
from .._settings.regions import is_chosen


class ShadowedSetting(NamedTuple):
    """``key`` was asked for, but ``services`` get another value from ``source`` (a path), under the name ``name``."""

    key: str
    name: str
    source: str
    services: List[str]

    def __str__(self) -> str:
        spelled = "" if self.name == self.key else f" as {self.name}"
        return f"{self.key} is set{spelled} in {self.source}, which shadows it for {', '.join(self.services)}"


def find_shadowed(
    services: Mapping[str, Service],
    desired: Mapping[str, Optional[str]],
    planned: EnvFile,
    other_files: Callable[[], Mapping[str, EnvFile]],
    compose_file: str,
    implied: Container[str] = (),
) -> List[ShadowedSetting]:
    """Compare desired settings with what the services that read the planned file would get.

    ``other_files`` returns the other env files that Compose reads, by path; what none of them explains is in
    ``compose_file``. An absent setting may get its default from another env file; a set one may not. Of those that no
    one gave (``implied``), a value that someone chose elsewhere stays.
    """
    found: Dict[str, ShadowedSetting] = {}
    for service in services.values():
        if not service.reads_file:
            continue
        for key, value in desired.items():
            for name, actual in service.environment.items():
                if canonical(name) != canonical(key) or actual in (value, planned.get(key)):
                    continue
                if key in implied and is_chosen(key, actual):
                    continue
                source = _source(name, actual, other_files())
                if value is None and source is not None:
                    continue
                shadowed = found.setdefault(key + name, ShadowedSetting(key, name, source or compose_file, []))
                shadowed.services.append(service.name)
    return list(found.values())


def _source(name: str, value: str, files: Mapping[str, EnvFile]) -> Optional[str]:
    for path, file in files.items():
        if file.values().get(name) == value:
            return path
    return None
