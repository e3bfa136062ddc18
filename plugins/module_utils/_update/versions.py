# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the installed versions to those of a release: whether that is an update, and what it steps over."""

from __future__ import annotations

from typing import List, Mapping, NamedTuple, Optional, Tuple

from .._backup.compatibility import year
from .._common.problem import Problem
from .._common.versions import version_numbers
from .._restore.here import engine_of
from .._scripts.pair import LATEST, Versions

# Bitwarden supports the current release and those of the two months before it.
_SUPPORTED_MONTHS = 2


class Step(NamedTuple):
    """From ``installed`` (core, web, key_connector, None where not known) to the versions that are ``wanted``.

    ``has_key_connector``: the server runs Key Connector, whose version counts only then. ``database``: the tag of the
    image of mssql now and afterwards, where they are known and may differ from the core's.
    """

    installed: Mapping[str, Optional[str]]
    wanted: Versions
    has_key_connector: bool = False
    database: Tuple[str, str] = ("", "")

    @property
    def pairs(self) -> List[Tuple[str, str, str]]:
        """For each part whose version is known its name, the installed version and the wanted one."""
        parts = ["core", "web", *(["key_connector"] if self.has_key_connector else [])]
        found = [(part, self.installed.get(part) or "", str(getattr(self.wanted, part))) for part in parts]
        return [one for one in found if one[1] and one[2] != LATEST]

    @property
    def is_needed(self) -> bool:
        """Whether any part is not on the wanted version."""
        return any(version_numbers(now) != version_numbers(then) for _part, now, then in self.pairs)

    @property
    def engines(self) -> Tuple[Optional[int], Optional[int]]:
        """The major version of SQL Server in the image of mssql, now and afterwards."""
        now, then = self.database
        return engine_of(now) or engine_of(self.installed.get("core")), engine_of(then) or engine_of(self.wanted.core)

    @property
    def is_engine_step(self) -> bool:
        """Whether SQL Server converts its files, which no older one can read afterwards."""
        now, then = self.engines
        return now is not None and then is not None and now != then

    def problems(self) -> List[Problem]:
        """Return why the step cannot be made."""
        if not self.installed.get("core"):
            return [
                Problem(
                    "The installed version is not known: the images of the services have no tag such as 2026.8.0. "
                    "Generate the Compose file again (bitwarden.sh rebuild)."
                )
            ]
        newer = [f"{part} {now}" for part, now, then in self.pairs if version_numbers(now) > version_numbers(then)]
        if not newer:
            return []
        return [
            Problem(
                f"version: {' and '.join(newer)} installed here is newer than the scripts of {self.wanted.core}, and "
                "an older release cannot use the database of a newer one. Set version to a newer release; to go back, "
                "restore a backup (module restore)."
            )
        ]

    def warnings(self) -> List[str]:
        """Return what is unusual about the step."""
        months = _month(self.wanted.core) - _month(self.installed.get("core"))
        if not self.is_needed or not self.installed.get("core") or months <= _SUPPORTED_MONTHS:
            return []
        return [
            f"{self.installed['core']} is {months} months older than {self.wanted.core}. Bitwarden supports the "
            "current release and those of the two months before it, also for updates; to be safe, update in steps "
            "(version)."
        ]

    @property
    def shown_engines(self) -> Tuple[Optional[str], Optional[str]]:
        """Both engines as texts, None where not known."""
        now, then = self.engines
        return (f"SQL Server {year(now)}" if now else None, f"SQL Server {year(then)}" if then else None)


def _month(version: Optional[str]) -> int:
    key = version_numbers(version)
    return key[0] * 12 + key[1] if key else 0
