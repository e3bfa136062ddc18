# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is returned: one check for each thing looked at, and what follows from all of them."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Optional

from .layers import Outcome


class Check(NamedTuple):
    """One thing that was looked at. ``where`` is host or container; ``layer`` is empty where it is fine.

    ``counts`` is false for what the server does not need, as its own network gets through.
    """

    name: str
    where: str
    target: str
    ok: bool
    layer: str
    detail: str
    advice: str
    skipped: bool = False
    counts: bool = True

    @classmethod
    def of(cls, name: str, where: str, target: str, outcome: Outcome) -> Check:
        """From what came of a question."""
        if outcome.untried:
            return cls.skip(name, where, target, outcome.detail, outcome.advice)
        return cls(name, where, target, outcome.ok, outcome.layer, outcome.detail, outcome.advice)

    @classmethod
    def skip(cls, name: str, where: str, target: str, reason: str, advice: str = "") -> Check:
        """One that was not looked at."""
        return cls(name, where, target, True, "", reason, advice, skipped=True)

    @property
    def problem(self) -> str:
        """One readable line."""
        return f"{self.name} from the {self.where} ({self.target}): {self.detail}. {self.advice}".rstrip()

    def result(self) -> Dict[str, Any]:
        """As it is returned."""
        return {
            "name": self.name,
            "from": self.where,
            "target": self.target,
            "ok": self.ok,
            "layer": self.layer,
            "detail": self.detail,
            "advice": self.advice,
            "skipped": self.skipped,
        }


class Installation(NamedTuple):
    """What the cloud says of the installation; ``None`` where nothing is known."""

    id: Optional[str]
    known_in: Optional[str] = None
    enabled: Optional[bool] = None
    credentials_ok: Optional[bool] = None


class Report(NamedTuple):
    """Everything that was found. ``current``: nothing was looked at, the server being on the wanted settings."""

    checks: List[Check]
    installation: Installation
    region: str
    current: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong that the server depends on."""
        return not self.problems

    @property
    def problems(self) -> List[str]:
        """One line for each failure that the server depends on; not masked."""
        return [check.problem for check in self.checks if not check.ok and check.counts]

    @property
    def warnings(self) -> List[str]:
        """One line for each failure that the server does not depend on; not masked."""
        return [check.problem for check in self.checks if not check.ok and not check.counts]

    def result(self, mask: Callable[[str], str]) -> Dict[str, Any]:
        """Return the module's return values; ``mask`` hides secrets in a text."""
        found = {
            "checks": [check.result() for check in self.checks],
            "ok": self.ok,
            "problems": self.problems,
            "current": self.current,
            "region": self.region,
            "installation": self.installation._asdict(),
        }
        masked: Dict[str, Any] = _masked(found, mask)
        return masked


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: _masked(one, mask) for key, one in value.items()}
    if isinstance(value, list):
        return [_masked(one, mask) for one in value]
    return value
