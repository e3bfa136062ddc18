# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wanted settings that another source hides from the services: an override, or a twin that differs in case."""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Optional

from .._env_files.document import EnvFile, canonical
from .compose import Service


class HiddenSetting(NamedTuple):
    """``key`` was wanted, but ``services`` get something else, from ``source`` (a path) under the name ``name``."""

    key: str
    name: str
    source: str
    services: List[str]

    def __str__(self) -> str:
        spelled = "" if self.name == self.key else f" as {self.name}"
        return f"{self.key} is set{spelled} in {self.source}, which hides it from {', '.join(self.services)}"


def find_hidden(
    services: Mapping[str, Service],
    wanted: Mapping[str, Optional[str]],
    planned: EnvFile,
    other_files: Mapping[str, EnvFile],
    compose_file: str,
) -> List[HiddenSetting]:
    """Compare what is wanted with what the services that read the planned file would get.

    ``other_files`` are the deployment's other env files by path; what none of them explains stands in
    ``compose_file``. An absent setting may well get its default from another env file; a set one may not.
    """
    found: Dict[str, HiddenSetting] = {}
    for service in services.values():
        if not service.reads_file:
            continue
        for key, value in wanted.items():
            for name, actual in service.environment.items():
                if canonical(name) != canonical(key) or actual in (value, planned.get(key)):
                    continue
                source = _source(name, actual, other_files)
                if value is None and source is not None:
                    continue
                hidden = found.setdefault(key + name, HiddenSetting(key, name, source or compose_file, []))
                hidden.services.append(service.name)
    return list(found.values())


def _source(name: str, value: str, files: Mapping[str, EnvFile]) -> Optional[str]:
    for path, file in files.items():
        if file.values().get(name) == value:
            return path
    return None
